import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import type { Document } from "yaml";
import { z } from "zod";
import { badName } from "./model/names.ts";
import { ok, refuse } from "./model/result.ts";
import type { Result } from "./model/result.ts";
import { DEFAULT_SETTINGS } from "./model/settings.ts";
import type { Settings } from "./model/settings.ts";

/** What `--help` prints. */
export const HELP = `weir-planner: decides how traffic divides over clusters, and tells their agents.

Usage: weir-planner [--config FILE] [--KEY VALUE]...

  --config FILE   YAML file with any of the keys below (also: WEIR_CONFIG)
  --version       print the version and exit
  --help          print this and exit

Every key can be set in the file, as WEIR_LISTEN_AGENT=... in the environment, and as --listen.agent ... ; the later wins.
Keys: `;

/** Exit code for a configuration that cannot be used (sysexits.h, EX_CONFIG). */
export const EX_CONFIG = 78;

/** host:port, an IPv6 address in brackets. */
const ENDPOINT = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):(\d{1,5})$/;

const name = z.string().superRefine((text, context) => {
  const reason = badName(text);
  if (reason !== undefined) context.addIssue({ code: "custom", message: `${reason}; such as planner-1` });
});
const endpoint = z
  .string()
  .refine((text) => portOf(text) <= 65_535, "is not host:port with a port from 0 to 65535; such as 127.0.0.1:7442")
  .transform((text) => ({ host: text.replace(ENDPOINT, "$1").replace(/^\[(.*)\]$/, "$1"), port: portOf(text) }));
const address = z.string().regex(ENDPOINT, "is not host:port; such as planner-1.example:7442");
const busUrl = z.string().regex(/^(nats|tls):\/\/[^\s/]+$/, "is not a NATS URL; such as nats://127.0.0.1:4222");
const count = z.int().min(1).max(1_000_000);
const milliseconds = z.int().min(1).max(31_536_000_000);

function portOf(text: string): number {
  return Number(ENDPOINT.exec(text)?.[2] ?? Number.NaN);
}

/** Ratios are shares of one; everything else of the settings is an amount. */
const settings = z.strictObject({
  ...(Object.fromEntries(
    Object.entries(DEFAULT_SETTINGS)
      .filter(([, value]) => typeof value === "number")
      .map(([key, value]) => [
        key,
        (Number(value) < 1 ? z.number().min(0).max(1) : z.number().min(0)).default(Number(value)),
      ]),
  ) as { [K in Exclude<keyof Settings, "rampCeilings">]: z.ZodDefault<z.ZodNumber> }),
  rampCeilings: z
    .array(z.int().min(1).max(10_000))
    .min(1)
    .default([...DEFAULT_SETTINGS.rampCeilings]),
});

const schema = z.strictObject({
  replica: name.default("planner-1"),
  trustDomain: name.default("weir"),
  pki: z
    .strictObject({ caCertificate: z.string().default("pki/ca.crt"), caKey: z.string().default("pki/ca.key") })
    .prefault({}),
  nats: z
    .strictObject({
      urls: z.array(busUrl).min(1).default(["nats://127.0.0.1:4222"]),
      credentials: z.string().default("nats/planner.creds"),
      fleetSigner: z.string().default("nats/fleet-signer.json"),
      /** What agents dial; empty: the same. */
      agentUrls: z.array(busUrl).default([]),
      /** PEM of the CA of the servers; empty: no TLS. */
      caCertificate: z.string().default(""),
      /** Copies of the log. */
      streamReplicas: z.literal([1, 3, 5]).default(1),
    })
    .prefault({}),
  listen: z
    .strictObject({
      join: endpoint.prefault("127.0.0.1:7441"),
      agent: endpoint.prefault("127.0.0.1:7442"),
      operator: endpoint.prefault("127.0.0.1:7443"),
      http: endpoint.prefault("127.0.0.1:7444"),
      socket: z.string().min(1).default("weir.sock"),
    })
    .prefault({}),
  /** What others are told to dial, of every replica; empty: what this one listens on. */
  advertise: z
    .strictObject({
      join: z.array(address).default([]),
      agent: z.array(address).default([]),
      operator: z.array(address).default([]),
      /** Further names and addresses for this replica's certificate. */
      hosts: z.array(z.string().min(1)).default([]),
    })
    .prefault({}),
  certificates: z
    .strictObject({
      agentTtlMs: milliseconds.min(15_000).default(86_400_000),
      serverTtlMs: milliseconds.min(15_000).default(86_400_000),
      /** A revoked agent can reach the bus, unheard, until its credentials end; new ones come at two thirds. */
      busTtlMs: milliseconds.min(10_000).max(3_600_000).default(900_000),
    })
    .prefault({}),
  push: z
    .strictObject({
      ackDeadlineMs: milliseconds.default(60_000),
      wave: count.default(200),
      admissionsPerSecond: count.default(50),
      connections: count.default(5_000),
    })
    .prefault({}),
  timing: z
    .strictObject({
      tickMs: milliseconds.default(1_000),
      heartbeatMs: milliseconds.default(1_000),
      leaderTimeoutMs: milliseconds.default(5_000),
      electionSpreadMs: milliseconds.default(500),
      planTimeoutMs: milliseconds.default(30_000),
      storeCheckMs: milliseconds.default(5_000),
    })
    .prefault({}),
  log: z.strictObject({ level: z.enum(["debug", "info", "warn", "error"]).default("info") }).prefault({}),
  settings: settings.prefault({}),
});

/** The planner's configuration, complete and checked. Paths are absolute. */
export type Config = z.output<typeof schema>;

/** What the command line asks for. */
export type Invocation =
  | { readonly kind: "run"; readonly config: Config }
  | { readonly kind: "help" }
  | { readonly kind: "version" };

/** Where values come from. */
export interface Sources {
  /** Arguments after the program's name. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads the configuration: defaults, then the file, then the environment, then flags; the later wins. Refuses with every
 * single thing that is wrong, one line each, naming the key, the value, where it came from, and the way out.
 */
export function loadConfig({ args, env = process.env }: Sources): Result<Invocation, readonly string[]> {
  const flags = parseFlags(args);
  if (flags.asks !== undefined) return ok({ kind: flags.asks });
  const path = flags.config ?? env["WEIR_CONFIG"];
  const file = path === undefined ? EMPTY_FILE : readFile(path);
  const problems = [...flags.problems, ...file.problems];
  const layers = layered(file.values, [...fromEnvironment(env), ...flags.settings]);
  const parsed = schema.safeParse(layers.values, { reportInput: true });
  if (!parsed.success) problems.push(...parsed.error.issues.flatMap((issue) => lines(issue, { layers, file })));
  problems.push(...layers.problems);
  if (!parsed.success || problems.length > 0) return refuse(problems);
  return ok({
    kind: "run",
    config: absolute(parsed.data, path === undefined ? process.cwd() : dirname(resolve(path))),
  });
}

/** The keys that can be set, with dots. */
export function configKeys(): readonly string[] {
  return [...leaves().keys()].toSorted();
}

interface Setting {
  readonly key: string;
  readonly text: string;
  readonly origin: string;
}

interface Flags {
  readonly asks?: "help" | "version";
  readonly config?: string;
  readonly settings: readonly Setting[];
  readonly problems: readonly string[];
}

function parseFlags(args: readonly string[]): Flags {
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
function fromEnvironment(env: Readonly<Record<string, string | undefined>>): readonly Setting[] {
  return [...leaves().keys()].flatMap((key) => {
    const variable = `WEIR_${key
      .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
      .replaceAll(".", "_")
      .toUpperCase()}`;
    const text = env[variable];
    return text === undefined ? [] : [{ key, text, origin: variable }];
  });
}

interface File {
  readonly values: unknown;
  readonly problems: readonly string[];
  /** Line of a key, for messages. */
  lineOf(path: readonly PropertyKey[]): string;
}

const EMPTY_FILE: File = { values: {}, problems: [], lineOf: () => "" };

/** Larger is no configuration. */
const FILE_BYTES_MAX = 1_048_576;

function readFile(path: string): File {
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

function broken(problem: string): File {
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

interface Layers {
  readonly values: unknown;
  readonly origins: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
}

function layered(file: unknown, given: readonly Setting[]): Layers {
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

/** Every key with the type behind its default. */
function leaves(object: z.ZodType = schema, prefix = ""): ReadonlyMap<string, z.ZodType> {
  const inner = unwrapped(object);
  if (!(inner instanceof z.ZodObject)) return new Map([[prefix, inner]]);
  return new Map(
    Object.entries(inner.shape as Record<string, z.ZodType>).flatMap(([key, type]) => [
      ...leaves(type, prefix === "" ? key : `${prefix}.${key}`),
    ]),
  );
}

/** The names that keys begin with: `listen`, `nats`. */
function groups(): ReadonlySet<string> {
  return new Set(configKeys().flatMap((key) => (key.includes(".") ? key.slice(0, key.lastIndexOf(".")) : [])));
}

function unwrapped(type: z.ZodType): z.ZodType {
  if (type instanceof z.ZodDefault || type instanceof z.ZodPrefault) return unwrapped(type.def.innerType as z.ZodType);
  return type instanceof z.ZodPipe ? unwrapped(type.def.in as z.ZodType) : type;
}

/** One problem as lines for people. */
function lines(issue: z.core.$ZodIssue, { layers, file }: { layers: Layers; file: File }): readonly string[] {
  const key = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((unknown) => {
      const path = [...issue.path, unknown];
      const hint = suggestion(path.join("."), [...configKeys(), ...groups()]);
      return `${path.join(".")}: is no key of the configuration (${file.lineOf(path)})${hint}`;
    });
  }
  const origin = layers.origins.get(key) ?? file.lineOf(issue.path);
  const shown = JSON.stringify(issue.input)?.slice(0, 80) ?? "nothing";
  return [`${key}: ${shown} ${issue.message} (${origin})`];
}

/** The known key that is most alike, if any is. */
function suggestion(key: string, known: readonly string[]): string {
  const last = (text: string): string => text.split(".").at(-1) ?? text;
  const ranked = known
    .map((other) => ({ other, far: Math.min(distance(key, other), distance(last(key), last(other)) + 1) }))
    .toSorted((a, b) => a.far - b.far);
  const [best] = ranked;
  return best !== undefined && best.far <= 3 ? `; did you mean ${best.other}?` : "; remove it, or see --help";
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of a.split("").entries()) {
    const next = [i + 1];
    for (const [j, other] of b.split("").entries()) {
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** Paths in a file are relative to it, so that a folder can be moved as a whole. */
function absolute(config: Config, folder: string): Config {
  const at = (path: string): string => (path === "" ? "" : resolve(folder, path));
  const { pki, nats, listen } = config;
  return {
    ...config,
    pki: { caCertificate: at(pki.caCertificate), caKey: at(pki.caKey) },
    nats: {
      ...nats,
      credentials: at(nats.credentials),
      fleetSigner: at(nats.fleetSigner),
      caCertificate: at(nats.caCertificate),
    },
    listen: { ...listen, socket: at(listen.socket) },
  };
}
