import { readFileSync } from "node:fs";
import { LineCounter, parseDocument } from "yaml";
import type { Document } from "yaml";

/** A configuration file as it was read; `values` is empty where it is no YAML. */
export interface ConfigFile {
  readonly values: unknown;
  readonly problems: readonly string[];
  /** Line of a key, for messages. */
  lineOf(path: readonly PropertyKey[]): string;
}

/** Where no file is given. */
export const EMPTY_FILE: ConfigFile = { values: {}, problems: [], lineOf: () => "" };

/** Larger is no configuration. */
const FILE_BYTES_MAX = 1_048_576;

/** Reads a file; what is wrong with it comes as problems, one line each. */
export function readFile(path: string): ConfigFile {
  try {
    const text = readFileSync(path, "utf8");
    if (text.length > FILE_BYTES_MAX)
      return broken(`${path}: has more than ${FILE_BYTES_MAX} bytes; use a smaller file`);
    const counter = new LineCounter();
    const document = parseDocument(text, { schema: "core", version: "1.2", lineCounter: counter, prettyErrors: false });
    const faults = [...document.errors, ...document.warnings].map(
      ({ message, pos }) => `${path}:${counter.linePos(pos[0]).line}: ${message.split("\n")[0]}; correct the YAML`,
    );
    // No aliases: a file that short needs none, and a few of them can stand for gigabytes.
    const values: unknown = faults.length > 0 ? {} : (document.toJS({ maxAliasCount: 0 }) ?? {});
    return { values, problems: faults, lineOf: (key) => lineIn(document, { key, counter, path }) };
  } catch (error) {
    return broken(`--config: ${path} cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
}

function broken(problem: string): ConfigFile {
  return { ...EMPTY_FILE, problems: [problem] };
}

function lineIn(
  document: Document,
  { key, counter, path }: { key: readonly PropertyKey[]; counter: LineCounter; path: string },
): string {
  const node: unknown = document.getIn(key.map(String), true);
  const range = typeof node === "object" && node !== null && "range" in node ? (node.range as [number]) : undefined;
  return range === undefined ? path : `${path}:${counter.linePos(range[0]).line}`;
}
