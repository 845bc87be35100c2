import { ok } from "../../src/model/result.ts";
import type { Result } from "../../src/model/result.ts";
import { readYaml } from "./yaml.ts";

/**
 * Reads what `readYaml` reads, and gives what it gives. A long document of one key with a block mapping below it is read entry by
 * entry: the whole tree of a file with thousands of entries costs tens of MiB, which a process never gives back.
 */
export function readLongYaml(text: string): Result<unknown, readonly string[]> {
  const parts = partsOf(text);
  const value = parts === undefined ? undefined : valueOf(parts);
  // Whatever is unusual or wrong is read as a whole, which knows the lines.
  return value === undefined ? readYaml(text) : ok(value);
}

interface Parts {
  /** The line with the one key. */
  readonly head: string;
  /** The text of each entry. */
  readonly entries: readonly string[];
}

const HEAD = /^[a-z]\w*:\s*$/;
const NOTHING = /^\s*(#.*)?$/;
/** How the name of an entry may begin: neither another collection nor an anchor, a tag, an alias or a marker. */
const ENTRY = /^ +["'\w]/;

/** Cuts the text where entries begin, all at the same indentation. Undefined when it has another form. */
function partsOf(text: string): Parts | undefined {
  const all = text.split(/\r?\n/);
  const start = all.findIndex((line) => !NOTHING.test(line));
  const [head = "", ...lines] = all.slice(start);
  if (start < 0 || !HEAD.test(head) || all.some((line) => line.includes("\r"))) return undefined;
  const indent = indentOf(lines.find((line) => !NOTHING.test(line)) ?? "");
  const entries: string[][] = [];
  for (const line of lines) {
    const isDeeper = NOTHING.test(line) || indentOf(line) > indent;
    if (isDeeper) entries.at(-1)?.push(line);
    else if (indentOf(line) === indent && ENTRY.test(line)) entries.push([line]);
    else return undefined;
  }
  return entries.length === 0
    ? undefined
    : { head, entries: entries.map((entry, index) => textOf(entry, index === entries.length - 1)) };
}

/** Only of the last it is not known whether a line break ends it: the empty line behind that is among its lines. */
function textOf(lines: readonly string[], isLast: boolean): string {
  return isLast ? lines.join("\n") : `${lines.join("\n")}\n`;
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** Undefined when an entry by itself is not exactly one, or one comes twice. */
function valueOf({ head, entries }: Parts): unknown {
  const [key] = namesIn(readYaml(head));
  const all = new Map<string, unknown>();
  for (const entry of entries) {
    const read = readYaml(entry);
    const [name, ...others] = namesIn(read);
    if (!read.ok || name === undefined || others.length > 0 || all.has(name)) return undefined;
    all.set(name, (read.value as Readonly<Record<string, unknown>>)[name]);
  }
  return key === undefined ? undefined : { [key]: Object.fromEntries(all) };
}

function namesIn(read: Result<unknown, readonly string[]>): readonly string[] {
  return read.ok && typeof read.value === "object" && read.value !== null ? Object.keys(read.value) : [];
}
