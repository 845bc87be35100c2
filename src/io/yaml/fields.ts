import type { RefusalCode } from "../../model/refusal.ts";
import type { Checks } from "../../wire/checks.ts";
import { nearest } from "./suggest.ts";
import { kindWords } from "./value.ts";
import type { YamlEntry, YamlValue } from "./value.ts";

/** Where a value stands, for messages: its path in the document, and the file. */
export interface Context {
  readonly checks: Checks;
  readonly file: string;
}

/**
 * Reads the fields of one mapping, strictly: what is asked for must have its kind, and what nobody asked for is refused
 * UNKNOWN_FIELD with the nearest known name. Everything wrong is noted in `checks`; values are placeholders then.
 */
export class Fields {
  readonly path: string;
  readonly #context: Context;
  readonly #entries: ReadonlyMap<string, YamlEntry>;
  readonly #line: number;
  readonly #asked = new Set<string>();

  constructor(value: YamlValue, path: string, context: Context) {
    this.path = path;
    this.#context = context;
    this.#line = value.place.line;
    this.#entries = new Map(value.kind === "map" ? value.entries.map((entry) => [entry.key, entry]) : []);
    if (value.kind !== "map") this.#refuse("FIELD_INVALID", path, { value, wanted: "a mapping" });
  }

  /** Text that must be there. */
  text(key: string): string {
    const text = this.optionalText(key);
    if (text === undefined) this.#missing(key);
    return text ?? "";
  }

  /** Text, if it is there. A number or truth value is not text: it must be quoted. */
  optionalText(key: string): string | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    if (value.kind === "scalar" && typeof value.value === "string") return value.value;
    this.#refuse("FIELD_INVALID", this.#pathOf(key), { value, wanted: "text" });
    return "";
  }

  /** A whole number that must be there. */
  integer(key: string): number {
    const number = this.optionalInteger(key);
    if (number === undefined) this.#missing(key);
    return number ?? 0;
  }

  /** A whole number of at least 0, if it is there. */
  optionalInteger(key: string): number | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    if (isNumber(value) && Number.isSafeInteger(value.value) && value.value >= 0 && !Object.is(value.value, -0)) {
      return value.value;
    }
    this.#refuse("FIELD_INVALID", this.#pathOf(key), { value, wanted: "a whole number" });
    return 0;
  }

  /** A finite number of at least 0, if it is there. */
  optionalAmount(key: string): number | undefined {
    const value = this.#take(key);
    return value === undefined ? undefined : this.#amount(value, this.#pathOf(key));
  }

  #amount(value: YamlValue, path: string): number {
    if (isNumber(value) && Number.isFinite(value.value) && value.value >= 0) return value.value + 0;
    this.#refuse("FIELD_INVALID", path, { value, wanted: "a finite number of at least 0" });
    return 0;
  }

  /** A value in a notation of its own, such as `25%` or `10m`, if it is there. */
  optionalParsed<T>(key: string, notation: Notation<T>): T | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    // Numbers are given as they were written, so that 1e400 and -0 show themselves.
    const text = value.kind === "scalar" && typeof value.value === "string" ? value.value : undefined;
    const parsed = text === undefined ? undefined : notation.parse(text);
    if (parsed !== undefined) return parsed;
    this.#refuse(notation.code, this.#pathOf(key), { value, wanted: notation.wanted });
    return undefined;
  }

  /** As `optionalParsed`, for what must be there. */
  parsed<T>(key: string, notation: Notation<T>): T | undefined {
    if (!this.#entries.has(key)) this.#missing(key);
    return this.optionalParsed(key, notation);
  }

  /** A number that may also stand in a notation of its own, such as 0.25 or `25%`, if it is there. */
  optionalMeasure(key: string, measure: Measure): number | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    const found = value.kind === "scalar" ? measureOf(value.value, measure) : undefined;
    if (found !== undefined) return found;
    this.#refuse(measure.code, this.#pathOf(key), { value, wanted: measure.wanted });
    return undefined;
  }

  /** One of some words; the words in a message come in this order. */
  optionalChoice<T>(key: string, choices: Readonly<Record<string, T>>): T | undefined {
    const wanted = `one of ${Object.keys(choices).join(", ")}`;
    const parse = (text: string): T | undefined => (Object.hasOwn(choices, text) ? choices[text] : undefined);
    return this.optionalParsed(key, { parse, wanted, code: "FIELD_INVALID" });
  }

  /** A mapping inside this one, if it is there. */
  optionalFields(key: string): Fields | undefined {
    const value = this.#take(key);
    return value === undefined ? undefined : new Fields(value, this.#pathOf(key), this.#context);
  }

  /** The items of a list of mappings; empty when it is not there. */
  list(key: string): readonly Fields[] {
    const value = this.#take(key);
    if (value === undefined) return [];
    if (value.kind !== "list") this.#refuse("FIELD_INVALID", this.#pathOf(key), { value, wanted: "a list" });
    const items = value.kind === "list" ? value.items : [];
    return items.map((item, index) => new Fields(item, `${this.#pathOf(key)}[${index}]`, this.#context));
  }

  /** The texts of a list; empty when it is not there. */
  texts(key: string): readonly string[] {
    return this.judgedTexts(key, () => undefined);
  }

  /** As `texts`; each text that `judge` finds something wrong with is refused at its own line. */
  judgedTexts(key: string, judge: (text: string) => Fault | undefined): readonly string[] {
    const value = this.#take(key);
    if (value === undefined) return [];
    if (value.kind !== "list") this.#refuse("FIELD_INVALID", this.#pathOf(key), { value, wanted: "a list of texts" });
    return (value.kind === "list" ? value.items : []).map((item, index) => {
      const path = `${this.#pathOf(key)}[${index}]`;
      if (item.kind !== "scalar" || typeof item.value !== "string") {
        this.#refuse("FIELD_INVALID", path, { value: item, wanted: "text" });
        return "";
      }
      const fault = judge(item.value);
      if (fault !== undefined) this.#note(fault.code, path, `line ${item.place.line}: ${fault.why}`);
      return item.value;
    });
  }

  /** The items of a list of texts, mappings or both; texts judged as by `judgedTexts`. Empty when it is not there. */
  textsOrFields(key: string, judge: (text: string) => Fault | undefined): readonly (string | Fields)[] {
    const value = this.#take(key);
    if (value === undefined) return [];
    if (value.kind !== "list") this.#refuse("FIELD_INVALID", this.#pathOf(key), { value, wanted: "a list" });
    return (value.kind === "list" ? value.items : []).map((item, index) => {
      const path = `${this.#pathOf(key)}[${index}]`;
      if (item.kind !== "scalar" || typeof item.value !== "string") return new Fields(item, path, this.#context);
      const fault = judge(item.value);
      if (fault !== undefined) this.#note(fault.code, path, `line ${item.place.line}: ${fault.why}`);
      return item.value;
    });
  }

  /** What kind of value stands there, before it is asked for as one; undefined when nothing does. */
  kindOf(key: string): YamlValue["kind"] | undefined {
    return this.#entries.get(key)?.value.kind;
  }

  /** Refuses FIELD_REQUIRED when nothing of this name is there. */
  require(key: string): void {
    if (!this.#entries.has(key)) this.#missing(key);
  }

  /** The names of all fields, where they are free, in the order of the document. */
  keys(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** A mapping from free names to amounts; empty when it is not there. */
  amounts(key: string): Readonly<Record<string, number>> {
    const entries = this.#free(key).map((entry) => [
      entry.key,
      this.#amount(entry.value, `${this.#pathOf(key)}.${entry.key}`),
    ]);
    return Object.fromEntries(entries) as Record<string, number>;
  }

  #free(key: string): readonly YamlEntry[] {
    const value = this.#take(key);
    if (value === undefined) return [];
    if (value.kind === "map") return value.entries;
    this.#refuse("FIELD_INVALID", this.#pathOf(key), { value, wanted: "a mapping" });
    return [];
  }

  /** To be called last: refuses what nobody asked for. */
  done(): void {
    const known = [...this.#asked];
    for (const entry of this.#entries.values()) {
      if (this.#asked.has(entry.key)) continue;
      const meant = nearest(entry.key, known);
      this.#unknown(entry, meant === undefined ? `known here: ${known.join(", ")}` : `did you mean ${meant}?`);
    }
  }

  #unknown({ key, place }: YamlEntry, way: string): void {
    this.#note("UNKNOWN_FIELD", this.#pathOf(key), `line ${place.line}: there is no such field; ${way}`);
  }

  /** Notes something wrong with this mapping as a whole or one of its fields. */
  refuse(code: RefusalCode, key: string, why: string): void {
    const line = this.#entries.get(key)?.place.line ?? this.#line;
    const field = key === "" ? this.path : this.#pathOf(key);
    this.#note(code, field, `line ${line}: ${why}`);
  }

  #note(code: RefusalCode, field: string, what: string): void {
    this.#context.checks.refuse(code, field, `${this.#context.file} ${what}`);
  }

  #take(key: string): YamlValue | undefined {
    this.#asked.add(key);
    return this.#entries.get(key)?.value;
  }

  #pathOf(key: string): string {
    return this.path === "" ? key : `${this.path}.${key}`;
  }

  #missing(key: string): void {
    const unasked = [...this.#entries.keys()].filter((other) => !this.#asked.has(other));
    const slip = this.#entries.get(nearest(key, unasked) ?? "");
    if (slip !== undefined) {
      // It is there, misspelt: that is what to say, and once.
      this.#asked.add(slip.key);
      return this.#unknown(slip, `did you mean ${key}?`);
    }
    return this.#note("FIELD_REQUIRED", this.#pathOf(key), `line ${this.#line}: is required`);
  }

  #refuse(
    code: RefusalCode,
    field: string,
    { value, wanted }: { readonly value: YamlValue; readonly wanted: string },
  ): void {
    this.#note(code, field, `line ${value.place.line}: is ${kindWords(value)}; ${wanted} is wanted`);
  }
}

/** A way of writing values as text. */
export interface Notation<T> {
  readonly parse: (text: string) => T | undefined;
  /** What the notation looks like, for messages. */
  readonly wanted: string;
  readonly code: RefusalCode;
}

/** A notation of numbers that may also be written plainly. */
export interface Measure extends Notation<number> {
  /** Whether a plain number is one. */
  readonly takes: (number: number) => boolean;
}

/** What is wrong with one value, in a sentence. */
export interface Fault {
  readonly code: RefusalCode;
  readonly why: string;
}

function measureOf(value: string | number | boolean | null, { parse, takes }: Measure): number | undefined {
  const number = typeof value === "string" ? parse(value) : value;
  return typeof number === "number" && takes(number) ? number + 0 : undefined;
}

function isNumber(value: YamlValue): value is Extract<YamlValue, { kind: "scalar" }> & { readonly value: number } {
  return value.kind === "scalar" && typeof value.value === "number";
}
