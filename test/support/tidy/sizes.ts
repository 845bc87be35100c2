import { complain, isIdentifier, isNode, lineAt } from "./source.ts";
import type { Complaint, Place, Rule, Source, SyntaxNode } from "./source.ts";

/** Lines. Both are tripwires: most files and functions are far shorter (see the medians that the test prints). */
const FILE_LIMIT = 400;
const FUNCTION_LIMIT = 70;

/** A file is read in one go, a function seen at once. */
export const sizes: Rule = { name: "sizes", judge: judgeSizes };

function judgeSizes(source: Source): readonly Complaint[] {
  const lines = fileLines(source);
  const long = functionsOf(source).filter((found) => found.lines > FUNCTION_LIMIT);
  return [
    ...(lines > FILE_LIMIT ? [complain(source, 0, sizes.name, `${lines} lines, at most ${FILE_LIMIT}`)] : []),
    ...long.map((found) =>
      complain(source, found.start, sizes.name, `a function of ${found.lines} lines, at most ${FUNCTION_LIMIT}`),
    ),
  ];
}

/** The lines of a file; a newline at its end starts no line. */
export function fileLines(source: Source): number {
  return source.text.replace(/\n$/, "").split("\n").length;
}

interface Measured {
  readonly start: number;
  readonly lines: number;
}

/** Every function, method and arrow that has a body of statements. A test's `describe` is a chapter, not a function. */
export function functionsOf(source: Source): readonly Measured[] {
  return source.nodes
    .filter(([node, place]) => hasStatements(node) && !isChapter(place))
    .map(([node]) => ({
      start: node.start,
      lines: lineAt(source, node.end) - lineAt(source, node.start) + 1,
    }));
}

function hasStatements(node: SyntaxNode): boolean {
  const body = node["body"];
  return /Function/.test(node.type) && isNode(body) && (body.type === "BlockStatement" || body.type === "FunctionBody");
}

function isChapter({ parent, field }: Place): boolean {
  return parent?.type === "CallExpression" && field === "arguments" && isDescribe(parent["callee"]);
}

/** `describe`, `describe.skipIf(…)`, `describe.each(…)`. */
function isDescribe(callee: unknown): boolean {
  if (!isNode(callee)) return false;
  return isIdentifier(callee, "describe") || isDescribe(callee["object"]) || isDescribe(callee["callee"]);
}

/** The middle value; of an even number of values the lower of the two in the middle. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length / 2) - 1] ?? 0;
}
