import { extname } from "node:path";
import { parseSync, visitorKeys } from "oxc-parser";
import type { Comment, EcmaScriptModule } from "oxc-parser";

/** A node of the syntax tree (ESTree with TypeScript), read by its `type`. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** Where a node hangs: the field of its parent that holds it. The program itself has no parent. */
export interface Place {
  readonly parent: SyntaxNode | undefined;
  readonly field: string;
}

/** One TypeScript file, parsed. */
export interface Source {
  /** Relative to the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** Every node with its place, parents before children, in the order of the text. */
  readonly nodes: readonly (readonly [SyntaxNode, Place])[];
  readonly module: EcmaScriptModule;
  readonly comments: readonly Comment[];
}

/** One place where a file breaks one rule. */
export interface Complaint {
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

/** A rule judges one file and says all that is wrong with it. */
export interface Rule {
  readonly name: string;
  readonly judge: (source: Source) => readonly Complaint[];
}

/** Parses one file; text that is not TypeScript is an error with the parser's message. */
export function parseSource(path: string, text: string): Source {
  const parsed = parseSync(path, text, { lang: extname(path) === ".tsx" ? "tsx" : "ts", sourceType: "module" });
  const [error] = parsed.errors;
  if (error !== undefined) throw new Error(`${path}: ${error.message}`);
  const { module, comments } = parsed;
  return { path, text, nodes: nodesOf(parsed.program as unknown as SyntaxNode), module, comments };
}

/** The line of a position in the file, counted from 1. */
export function lineAt(source: Source, offset: number): number {
  return source.text.slice(0, offset).split("\n").length;
}

/** Makes the complaint of `rule` about the text that starts at `offset`. */
export function complain(source: Source, offset: number, rule: string, message: string): Complaint {
  return { path: source.path, line: lineAt(source, offset), rule, message };
}

/** Every node below and with `program`, each with its place. */
function nodesOf(program: SyntaxNode): Source["nodes"] {
  const found: (readonly [SyntaxNode, Place])[] = [];
  // Into one list: generators within generators would cost as many steps per node as it lies deep.
  const descend = (node: SyntaxNode, place: Place): void => {
    found.push([node, place]);
    for (const field of visitorKeys[node.type] ?? []) {
      for (const child of [node[field]].flat()) {
        if (isNode(child)) descend(child, { parent: node, field });
      }
    }
  };
  descend(program, { parent: undefined, field: "" });
  return found;
}

/** Whether a field of a node holds a node (and not a name, a flag or nothing). */
export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && "type" in value;
}

/** Whether a node is the plain identifier `name`. */
export function isIdentifier(value: unknown, name: string): boolean {
  return isNode(value) && value.type === "Identifier" && value["name"] === name;
}
