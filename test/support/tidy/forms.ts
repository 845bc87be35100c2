import { importsOf } from "./imports.ts";
import { memberName } from "./purity.ts";
import { complain, isIdentifier, isNode } from "./source.ts";
import type { Complaint, Place, Rule, Source, SyntaxNode } from "./source.ts";

/** Vitest reads its configuration from the default export. */
const DEFAULT_EXPORT_WANTED = ["test/vitest.config.ts", "test/e2e/vitest.config.ts"];

/** A name is the same wherever it is used: no default exports, and no file that only passes on what others export. */
export const namedExports: Rule = { name: "named-exports", judge: judgeExports };

function judgeExports(source: Source): readonly Complaint[] {
  if (DEFAULT_EXPORT_WANTED.includes(source.path)) return [];
  const entries = source.module.staticExports.flatMap((statement) => statement.entries);
  return entries.flatMap((entry) => {
    const kind: string = entry.exportName.kind;
    const name = entry.exportName.name;
    if (kind === "Default" || name === "default") {
      return [complain(source, entry.start, namedExports.name, "a default export")];
    }
    const all = entry.moduleRequest !== null && entry.importName.name === null;
    return all ? [complain(source, entry.start, namedExports.name, "passes on another module's exports")] : [];
  });
}

/** A cast to `any` ends type checking for all that follows from it. */
export const noAny: Rule = { name: "no-any-cast", judge: judgeCasts };

function judgeCasts(source: Source): readonly Complaint[] {
  return source.nodes.flatMap(([node]) => {
    if (node.type !== "TSAsExpression" && node.type !== "TSTypeAssertion") return [];
    const type = node["typeAnnotation"];
    return isNode(type) && type.type === "TSAnyKeyword" ? [complain(source, node.start, noAny.name, "as any")] : [];
  });
}

/** A lint rule is silenced for a reason that the next reader can judge, written behind `--`. */
export const silences: Rule = { name: "silences", judge: judgeSilences };

function judgeSilences(source: Source): readonly Complaint[] {
  return source.comments
    .filter(({ value }) => /^\s*(ox|es)lint-disable/.test(value) && !/\s--\s+\S/.test(value))
    .map(({ start }) => complain(source, start, silences.name, "silences the linter without a reason"));
}

/** What a process was given is read in one place, checked, and passed on as a value: only config.ts reads the environment. */
export const environment: Rule = { name: "environment", judge: judgeEnvironment };

function judgeEnvironment(source: Source): readonly Complaint[] {
  if (!isProduct(source.path) || /(^|\/)config\.ts$/.test(source.path)) return [];
  const read = source.nodes.filter(([node]) => readsEnvironment(node));
  const imported = importsOf(source).filter(({ specifier, values }) => isProcess(specifier) && values.includes("env"));
  return [
    ...read.map(([node]) => complain(source, node.start, environment.name, "reads process.env")),
    ...imported.map(({ line }) => ({ path: source.path, line, rule: environment.name, message: "imports env" })),
  ];
}

function isProcess(specifier: string): boolean {
  return specifier === "node:process" || specifier === "process";
}

function readsEnvironment(node: SyntaxNode): boolean {
  if (node.type === "MemberExpression") return memberName(node) === "env" && isIdentifier(node["object"], "process");
  return node.type === "VariableDeclarator" && isNode(node["id"]) && takesEnvOf(node["id"], node["init"]);
}

function takesEnvOf(pattern: SyntaxNode, init: unknown): boolean {
  if (pattern.type !== "ObjectPattern" || !isIdentifier(init, "process")) return false;
  return [pattern["properties"]].flat().some((property) => isNode(property) && isIdentifier(property["key"], "env"));
}

/** State lives in a value that somebody owns and passes on: no variables at the top of a module. */
export const moduleState: Rule = { name: "module-state", judge: judgeModuleState };

function judgeModuleState(source: Source): readonly Complaint[] {
  if (!isProduct(source.path)) return [];
  return source.nodes.flatMap(([node, place]) => {
    if (node.type !== "VariableDeclaration" || node["kind"] === "const" || !isTopLevel(place)) return [];
    return [complain(source, node.start, moduleState.name, "a variable at the top of a module")];
  });
}

function isTopLevel({ parent }: Place): boolean {
  return parent?.type === "Program" || parent?.type === "ExportNamedDeclaration";
}

function isProduct(path: string): boolean {
  return path.startsWith("src/") || path.startsWith("agents/");
}
