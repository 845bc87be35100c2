import { z } from "zod";
import { leaves } from "./keys.ts";
import { suggestion } from "./suggestion.ts";

/** One key as the environment or a flag sets it. */
export interface Setting {
  readonly key: string;
  readonly text: string;
  /** For messages: the variable's name, or the flag. */
  readonly origin: string;
}

/** What the command line says. */
export interface Flags {
  readonly asks?: "help" | "version";
  readonly config?: string;
  readonly settings: readonly Setting[];
  readonly problems: readonly string[];
}

/** Reads flags in pairs, `--KEY VALUE` or `--KEY=VALUE`; whether the keys exist shows later. */
export function parseFlags(args: readonly string[]): Flags {
  if (args.includes("--help") || args.includes("-h")) return { asks: "help", settings: [], problems: [] };
  if (args.includes("--version")) return { asks: "version", settings: [], problems: [] };
  const found: Setting[] = [];
  const problems: string[] = [];
  const words = args.flatMap((word) => (word.startsWith("--") && word.includes("=") ? splitOnce(word) : [word]));
  for (let at = 0; at < words.length; at += 2) {
    const [flag = "", text] = words.slice(at, at + 2);
    if (!flag.startsWith("--") || text === undefined) problems.push(`${flag}: write --KEY VALUE; see --help`);
    else found.push({ key: flag.slice(2), text, origin: `flag ${flag}` });
  }
  const config = found.findLast(({ key }) => key === "config")?.text;
  const others = found.filter(({ key }) => key !== "config");
  return { ...(config === undefined ? {} : { config }), settings: others, problems };
}

function splitOnce(word: string): readonly string[] {
  const at = word.indexOf("=");
  return [word.slice(0, at), word.slice(at + 1)];
}

/** WEIR_LISTEN_AGENT for listen.agent. Names that stand for no key are other programs' business, such as the CLI's. */
export function fromEnvironment(env: Readonly<Record<string, string | undefined>>): readonly Setting[] {
  return [...leaves().keys()].flatMap((key) => {
    const variable = `WEIR_${key
      .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
      .replaceAll(".", "_")
      .toUpperCase()}`;
    const text = env[variable];
    return text === undefined ? [] : [{ key, text, origin: variable }];
  });
}

/** What is set, by whom, and which keys nobody knows. */
export interface Layers {
  readonly values: unknown;
  /** Where a key that is not from the file was set. */
  readonly origins: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
}

/** Lays what environment and flags set over what the file says. */
export function layered(file: unknown, given: readonly Setting[]): Layers {
  const values = structuredClone(file);
  const origins = new Map<string, string>();
  const problems: string[] = [];
  const known = leaves();
  for (const { key, text, origin } of given) {
    const leaf = known.get(key);
    if (leaf === undefined)
      problems.push(`${key}: is no key of the configuration (${origin})${suggestion(key, [...known.keys()])}`);
    else if (isRecord(values)) {
      put(values, key.split("."), coerce(leaf, text));
      origins.set(key, origin);
    }
  }
  return { values, origins, problems };
}

function put(target: Record<string, unknown>, [first = "", ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) target[first] = value;
  else {
    const inner = target[first];
    const next = isRecord(inner) ? inner : {};
    target[first] = next;
    put(next, rest, value);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Text from environment and flags in the type its key has; text that does not fit stays text, for the schema to name. */
function coerce(leaf: z.ZodType, text: string): unknown {
  if (leaf instanceof z.ZodArray) {
    const parts = text.split(",").map((part) => part.trim());
    const items = parts.filter((part) => part !== "");
    return leaf.element instanceof z.ZodNumber ? items.map(toNumber) : items;
  }
  return leaf instanceof z.ZodNumber || leaf instanceof z.ZodLiteral ? toNumber(text) : text;
}

function toNumber(text: string): unknown {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
