import { complain, isIdentifier, isNode } from "./source.ts";
import type { Complaint, Place, Rule, Source, SyntaxNode } from "./source.ts";
import { isPure } from "./zones.ts";

/** Globals that make a function depend on more than its arguments, or do more than return. */
const IMPURE_GLOBALS: ReadonlySet<string> = new Set([
  "Date",
  "Temporal",
  "performance",
  "process",
  "console",
  "crypto",
  "fetch",
  "globalThis",
  "Promise",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "clearTimeout",
  "clearInterval",
  "clearImmediate",
  "queueMicrotask",
  "structuredClone",
  // Their answers depend on the host's locale data.
  "Intl",
]);

/** Methods whose result depends on the host's locale: two replicas would sort alike names differently. */
const LOCALE_METHODS: ReadonlySet<string> = new Set([
  "localeCompare",
  "toLocaleString",
  "toLocaleLowerCase",
  "toLocaleUpperCase",
]);

/** Decisions are pure: no clock, randomness, timers, process, console, locale or waiting. */
export const purity: Rule = { name: "purity", judge: judgePurity };

function judgePurity(source: Source): readonly Complaint[] {
  if (!isPure(source.path)) return [];
  return source.nodes.flatMap(([node, place]) => {
    const impure = impurityOf(node, place);
    return impure === undefined ? [] : [complain(source, node.start, purity.name, `${impure} in a pure folder`)];
  });
}

function impurityOf(node: SyntaxNode, place: Place): string | undefined {
  if (node.type === "Identifier") return impureGlobal(node, place);
  if (node.type === "MemberExpression") return impureMember(node);
  if (node.type === "AwaitExpression" || (node.type === "ForOfStatement" && node["await"] === true)) return "await";
  // An async method is a function node as well, so that this sees every kind.
  if (node["async"] === true) return "async";
  return undefined;
}

function impureGlobal(node: SyntaxNode, place: Place): string | undefined {
  const name = String(node["name"]);
  if (!IMPURE_GLOBALS.has(name) || isMereName(place)) return undefined;
  // A port may be described where it is needed: naming the type of a promise waits for nothing.
  return name === "Promise" && place.parent?.type === "TSTypeReference" ? undefined : name;
}

/** Whether an identifier only names a property or a part of something else: `route.process`, `{ fetch: 1 }`. */
function isMereName({ parent, field }: Place): boolean {
  if (parent === undefined || parent["computed"] === true) return false;
  if (field === "property") return parent.type === "MemberExpression";
  // In `{ fetch }` key and value are one name: the value is judged.
  if (field === "key") return true;
  return field === "imported" || field === "exported" || (field === "right" && parent.type === "TSQualifiedName");
}

function impureMember(node: SyntaxNode): string | undefined {
  const name = memberName(node);
  if (name === "random" && isIdentifier(node["object"], "Math")) return "Math.random";
  return name !== undefined && LOCALE_METHODS.has(name) ? name : undefined;
}

/** The name a member expression asks for, by dot or by a literal in brackets. */
export function memberName(node: SyntaxNode): string | undefined {
  const property = node["property"];
  if (!isNode(property)) return undefined;
  const name = node["computed"] === true ? property["value"] : property["name"];
  return typeof name === "string" ? name : undefined;
}
