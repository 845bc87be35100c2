import { CST, Lexer, Parser } from "yaml";
import type { LineCounter } from "yaml";

/** Most bytes of a file: what people write by hand has some KiB. */
export const BYTES_MAX = 1_048_576;

/** Deepest nesting: what Weir reads has less than ten levels. */
export const DEPTH_MAX = 64;

/** How much of a file a reader takes on. */
export interface Limits {
  readonly bytesMax: number;
  /** Most lexical pieces, white space among them. */
  readonly lexemesMax: number;
  /** Most values after aliases are followed. */
  readonly valuesMax: number;
}

/** Limits of what people write by hand. */
export const HAND_WRITTEN: Limits = { bytesMax: BYTES_MAX, lexemesMax: 200_000, valuesMax: 20_000 };

/** Why a text is more than a reader should take on; undefined when it is not. Reads it once, without recursion. */
export function tooLarge(text: string, { lexemesMax }: Limits): string | undefined {
  let [count, depth] = [0, 0];
  for (const lexeme of new Lexer().lex(text)) {
    count += 1;
    const type = CST.tokenType(lexeme);
    if (type === "flow-map-start" || type === "flow-seq-start") depth += 1;
    if (type === "flow-map-end" || type === "flow-seq-end") depth -= 1;
    if (depth > DEPTH_MAX) return `is nested deeper than ${DEPTH_MAX} levels`;
    if (count > lexemesMax) return `has more than ${lexemesMax} words and signs`;
  }
  return undefined;
}

/** Deepest level and first explicit tag of a parsed text. */
export interface Shape {
  readonly isTooDeep: boolean;
  readonly tagOffset: number | undefined;
}

/** A token that may hold others. */
interface Holder {
  readonly token: CST.Token;
  readonly depth: number;
}

/** The tokens of a text. The parser keeps its own stack: nesting costs it memory, not the call stack. */
export function tokensOf(text: string, lines: LineCounter): readonly CST.Token[] {
  return [...new Parser(lines.addNewLine).parse(text)];
}

/** Walks tokens without recursion, so that what is too deep can be refused before anything recurses into it. */
export function shapeOf(tokens: readonly CST.Token[]): Shape {
  const waiting: Holder[] = tokens.map((token) => ({ token, depth: 0 }));
  let tagOffset: number | undefined;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { token, depth } = next;
    if (depth > DEPTH_MAX) return { isTooDeep: true, tagOffset };
    if (token.type === "tag") tagOffset = Math.min(tagOffset ?? token.offset, token.offset);
    for (const inner of insideOf(token)) waiting.push({ token: inner, depth: depth + levelOf(token) });
  }
  return { isTooDeep: false, tagOffset };
}

function levelOf({ type }: CST.Token): number {
  return type === "block-map" || type === "block-seq" || type === "flow-collection" ? 1 : 0;
}

function insideOf(token: CST.Token): readonly CST.Token[] {
  if (token.type === "document") return [...token.start, ...(token.value === undefined ? [] : [token.value])];
  if (token.type === "block-scalar") return token.props;
  if (token.type !== "block-map" && token.type !== "block-seq" && token.type !== "flow-collection") return [];
  return token.items.flatMap(({ start, key, sep, value }) => [
    ...start,
    ...(key ? [key] : []),
    ...(sep ?? []),
    ...(value ? [value] : []),
  ]);
}
