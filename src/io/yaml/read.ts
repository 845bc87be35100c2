import { Composer, LineCounter, isAlias, isMap, isScalar, isSeq } from "yaml";
import type { Document, Node, Pair, Scalar } from "yaml";
import type { Refusal, RefusalCode } from "../../model/refusal.ts";
import { ok, refuse } from "../../model/result.ts";
import type { Result } from "../../model/result.ts";
import { DEPTH_MAX, HAND_WRITTEN, shapeOf, tokensOf, tooLarge } from "./limits.ts";
import type { Limits } from "./limits.ts";
import { kindWords } from "./value.ts";
import type { Place, YamlEntry, YamlValue } from "./value.ts";

/** Stops a translation from within; never leaves this file. */
class Refused extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/**
 * Reads the YAML (or JSON) documents of a file, YAML 1.2 core schema, nothing guessed. Documents without content are left
 * out unless none has any. Refuses DOC_TOO_LARGE (size, depth, alias bombs), YAML_TAG (any explicit tag), YAML_SYNTAX,
 * DUPLICATE_KEY (with both lines), EMPTY_PLAN; each with the line.
 *
 * @param name - of the file, as messages show it.
 */
export function readYaml(
  bytes: Uint8Array,
  name: string,
  limits = HAND_WRITTEN,
): Result<readonly YamlValue[], Refusal> {
  try {
    return ok(documentsOf(textOf(bytes, name, limits), name, limits));
  } catch (error) {
    if (error instanceof Refused) return refuse(error.refusal);
    throw error;
  }
}

function textOf(bytes: Uint8Array, name: string, { bytesMax }: Limits): string {
  if (bytes.length > bytesMax)
    throw refused("DOC_TOO_LARGE", `${name} has ${bytes.length} bytes; at most ${bytesMax} are read`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refused("YAML_SYNTAX", `${name} is not UTF-8 text`);
  }
}

function refused(code: RefusalCode, message: string): Refused {
  return new Refused({ code, field: "", message });
}

function documentsOf(text: string, name: string, limits: Limits): readonly YamlValue[] {
  const reason = tooLarge(text, limits);
  if (reason !== undefined) throw refused("DOC_TOO_LARGE", `${name} ${reason}`);
  const lines = new LineCounter();
  const tokens = tokensOf(text, lines);
  const shape = shapeOf(tokens);
  if (shape.isTooDeep) throw refused("DOC_TOO_LARGE", `${name} is nested too deep`);
  if (shape.tagOffset !== undefined) {
    const { line } = lines.linePos(shape.tagOffset);
    throw refused("YAML_TAG", `${name} line ${line}: has a tag; Weir reads plain values only, remove it`);
  }
  const composer = new Composer({ version: "1.2", schema: "core", uniqueKeys: false, merge: false, strict: true });
  const documents = [...composer.compose(tokens)];
  const values = documents.flatMap((document) => new Translation(document, { lines, name, limits }).values());
  if (values.length === 0) throw refused("EMPTY_PLAN", `${name} declares nothing`);
  return values;
}

/** Turns one document's nodes into values, within a budget. */
class Translation {
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;
  readonly #name: string;
  readonly #limits: Limits;
  #budget: number;
  #depth = 0;

  constructor(
    document: Document.Parsed,
    { lines, name, limits }: { readonly lines: LineCounter; readonly name: string; readonly limits: Limits },
  ) {
    this.#document = document;
    this.#lines = lines;
    this.#name = name;
    this.#limits = limits;
    this.#budget = limits.valuesMax;
  }

  /** The document's value, or nothing when it has none. */
  values(): readonly YamlValue[] {
    const [error] = [...this.#document.errors, ...this.#document.warnings];
    if (error !== undefined) {
      const { line, col } = this.#lines.linePos(error.pos[0]);
      throw refused("YAML_SYNTAX", `${this.#name} line ${line}, column ${col}: ${firstLine(error.message)}`);
    }
    const { contents } = this.#document;
    if (contents === null || (isScalar(contents) && contents.value === null)) return [];
    const value = this.#value(contents);
    if (value.kind === "map" && value.entries.length === 0)
      throw refused("EMPTY_PLAN", `${this.#name} line ${value.place.line}: declares nothing`);
    return [value];
  }

  #value(node: Node | null): YamlValue {
    this.#budget -= 1;
    if (this.#budget < 0)
      throw refused("DOC_TOO_LARGE", `${this.#name} has more than ${this.#limits.valuesMax} values`);
    // Aliases may nest deeper than the text does, and without end when one names what it stands in.
    if (this.#depth >= DEPTH_MAX) throw refused("DOC_TOO_LARGE", `${this.#name} is nested too deep`);
    this.#depth += 1;
    const value = this.#plain(node);
    this.#depth -= 1;
    return value;
  }

  #plain(node: Node | null): YamlValue {
    if (isAlias(node)) return this.#value(this.#followed(node));
    const place = this.#place(node);
    if (isMap(node)) return { kind: "map", place, entries: this.#entries(node.items as Pair<Node, Node | null>[]) };
    if (isSeq(node)) return { kind: "list", place, items: node.items.map((item) => this.#value(item as Node)) };
    return scalarOf(node, place);
  }

  #followed(node: Node & { readonly source: string; resolve: (document: Document) => Node | undefined }): Node {
    const target = node.resolve(this.#document);
    if (target !== undefined) return target;
    throw refused("YAML_SYNTAX", `${this.#name} line ${this.#place(node).line}: *${node.source} names nothing`);
  }

  #place(node: Node | null): Place {
    const { line, col } = this.#lines.linePos(node?.range?.[0] ?? 0);
    return { line, column: col };
  }

  #entries(pairs: readonly Pair<Node, Node | null>[]): readonly YamlEntry[] {
    const seen = new Map<string, Place>();
    return pairs.map(({ key, value }) => {
      const name = this.#value(key);
      if (name.kind !== "scalar" || typeof name.value !== "string") {
        const message = `${this.#name} line ${name.place.line}: a key must be text, not ${kindWords(name)}`;
        throw refused("YAML_SYNTAX", message);
      }
      this.#once(seen, { key: name.value, place: name.place });
      return { key: name.value, place: name.place, value: this.#value(value) };
    });
  }

  #once(seen: Map<string, Place>, { key, place }: { readonly key: string; readonly place: Place }): void {
    const first = seen.get(key);
    seen.set(key, place);
    if (first === undefined) return;
    const message = `${this.#name} line ${place.line}: has ${JSON.stringify(key)} a second time; the first is on line ${first.line}`;
    throw new Refused({ code: "DUPLICATE_KEY", field: key, message });
  }
}

function scalarOf(node: Scalar | null, place: Place): YamlValue {
  const value = node?.value ?? null;
  const isPlain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return { kind: "scalar", place, value: isPlain ? value : null, source: node?.source ?? "" };
}

function firstLine(message: string): string {
  return (message.split("\n")[0] ?? "").replace(/ at line \d+.*$/, "");
}
