import type { Refusal } from "../../model/refusal.ts";
import { ok, refuse } from "../../model/result.ts";
import type { Result } from "../../model/result.ts";
import { DEPTH_MAX } from "./limits.ts";
import type { Limits } from "./limits.ts";
import type { Place, YamlEntry, YamlValue } from "./value.ts";

/**
 * Reads a JSON text as the values that `readYaml` would make of it, places included, many times faster: what programs
 * export is large. Undefined when the text is no JSON, which YAML may still be. Refuses DOC_TOO_LARGE and DUPLICATE_KEY.
 */
export function readJson(text: string, name: string, limits: Limits): Result<YamlValue, Refusal> | undefined {
  if (!/^\s*[{[]/.test(text) || !isJson(text)) return undefined;
  const scan = new Scan(text, name, limits);
  const value = scan.value(0);
  return scan.refusal === undefined ? ok(value) : refuse(scan.refusal);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Reads a text that is known to be JSON, so that every step can rely on what must come next. */
class Scan {
  /** The first thing that a reader does not take; what was read after it counts for nothing. */
  refusal: Refusal | undefined;
  readonly #text: string;
  readonly #name: string;
  readonly #limits: Limits;
  #at = 0;
  #line = 1;
  #lineStart = 0;
  #values = 0;

  constructor(text: string, name: string, limits: Limits) {
    this.#text = text;
    this.#name = name;
    this.#limits = limits;
  }

  value(depth: number): YamlValue {
    const next = this.#skip();
    const place = this.#place();
    this.#values += 1;
    if (this.#values > this.#limits.valuesMax) this.#tooLarge(`has more than ${this.#limits.valuesMax} values`);
    if (depth >= DEPTH_MAX) this.#tooLarge("is nested too deep");
    if (this.refusal !== undefined) return { kind: "scalar", place, value: null, source: "" };
    if (next === "{") return { kind: "map", place, entries: this.#members(depth) };
    if (next === "[") return { kind: "list", place, items: this.#elements(depth) };
    const source = next === '"' ? this.#quoted() : this.#word();
    return { kind: "scalar", place, value: JSON.parse(source) as string | number | boolean | null, source };
  }

  #members(depth: number): readonly YamlEntry[] {
    const entries: YamlEntry[] = [];
    const seen = new Map<string, Place>();
    for (this.#at += 1; this.#skip() !== "}" && this.refusal === undefined; this.#comma()) {
      const place = this.#place();
      const key = JSON.parse(this.#quoted()) as string;
      this.#once(seen, key, place);
      this.#skip();
      this.#at += 1;
      entries.push({ key, place, value: this.value(depth + 1) });
    }
    this.#at += 1;
    return entries;
  }

  #elements(depth: number): readonly YamlValue[] {
    const items: YamlValue[] = [];
    for (this.#at += 1; this.#skip() !== "]" && this.refusal === undefined; this.#comma()) {
      items.push(this.value(depth + 1));
    }
    this.#at += 1;
    return items;
  }

  #comma(): void {
    if (this.#skip() === ",") this.#at += 1;
  }

  #quoted(): string {
    const start = this.#at;
    for (this.#at += 1; this.#text[this.#at] !== '"'; this.#at += 1) if (this.#text[this.#at] === "\\") this.#at += 1;
    this.#at += 1;
    return this.#text.slice(start, this.#at);
  }

  #word(): string {
    const start = this.#at;
    while (/[-+.\w]/.test(this.#text[this.#at] ?? "")) this.#at += 1;
    return this.#text.slice(start, this.#at);
  }

  /** Goes to the next sign that is no white space, and says which it is. */
  #skip(): string {
    for (; ; this.#at += 1) {
      const sign = this.#text[this.#at] ?? "";
      if (sign === "\n") [this.#line, this.#lineStart] = [this.#line + 1, this.#at + 1];
      else if (sign !== " " && sign !== "\t" && sign !== "\r") return sign;
    }
  }

  #place(): Place {
    return { line: this.#line, column: this.#at - this.#lineStart + 1 };
  }

  #once(seen: Map<string, Place>, key: string, place: Place): void {
    const first = seen.get(key);
    seen.set(key, place);
    if (first === undefined) return;
    const message = `${this.#name} line ${place.line}: has ${JSON.stringify(key)} a second time; the first is on line ${first.line}`;
    this.refusal ??= { code: "DUPLICATE_KEY", field: key, message };
  }

  #tooLarge(why: string): void {
    this.refusal ??= { code: "DOC_TOO_LARGE", field: "", message: `${this.#name} ${why}` };
  }
}
