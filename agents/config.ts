import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { parseDocument } from "yaml";
import type { GatewayAddress } from "../src/model/cluster.ts";
import { WEIGHT_TOTAL } from "../src/model/destination.ts";
import { ok, refuse } from "../src/model/result.ts";
import type { Result } from "../src/model/result.ts";
import { DEFAULT_FALLBACK_POLICY } from "./core/fallback.ts";
import type { FallbackPolicy } from "./core/fallback.ts";
import { DEFAULT_LIMITS } from "./core/recheck.ts";
import type { Limits } from "./core/recheck.ts";
import { DEFAULT_REPORT_POLICY } from "./core/report.ts";
import type { ReportPolicy } from "./core/report.ts";

/** Levels that the configuration may name. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** The mesh that the agent makes obey. */
export type MeshConfig =
  | {
      readonly kind: "envoy";
      /** Address on which local callers reach every service through their Envoy, each service on its own port. */
      readonly address: string;
      /** Where Envoys and proxyless clients get their configuration: a loopback address, or a unix socket. */
      readonly xds: GatewayAddress | { readonly socket: string };
      /** How many Envoys must have acknowledged a plan before it counts as applied; 0: proxyless clients only. */
      readonly envoys: number;
    }
  | { readonly kind: "memory" };

/** Everything that can be set about an agent. */
export interface Config {
  readonly dataDir: string;
  /** Join token; needed once, at the first start. */
  readonly token?: string;
  /** host:port of planners; empty: those told at joining. */
  readonly planners: readonly string[];
  readonly mesh: MeshConfig;
  /** Where other clusters reach this one's gateway. */
  readonly gateway?: GatewayAddress;
  readonly endpointsFile?: string;
  /** Unix socket for operators at the cluster; of mode 0600. */
  readonly socket: string;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly heartbeatMs: number;
  readonly bakeMs: number;
  readonly applyTimeoutMs: number;
  readonly fallback: FallbackPolicy;
  readonly limits: Limits;
  readonly report: ReportPolicy;
}

/** What the command line and the environment ask for. */
export type Invocation =
  | { readonly kind: "run"; readonly config: Config }
  | { readonly kind: "bootstrap"; readonly config: Config; readonly cluster: string }
  | { readonly kind: "version" }
  | { readonly kind: "help" };

/** What `--help` prints. */
export const HELP = `weir-agent: makes one cluster's mesh follow the plan of its planner.

  --config FILE      configuration, YAML (or WEIR_AGENT_CONFIG)
  --token TOKEN      join token, for the first start; other users can see arguments, so rather use
                     --token-file FILE or the variable WEIR_AGENT_TOKEN
  --data-dir DIR     where plans and the identity are kept (or WEIR_AGENT_DATA_DIR)
  --log-level LEVEL  ${LOG_LEVELS.join(", ")} (or WEIR_AGENT_LOG_LEVEL)
  --envoy-bootstrap CLUSTER
                     prints the start-up configuration for that cluster's Envoys, and ends
  --version          prints the version
  --help             prints this
`;

/**
 * Configuration from defaults, file, environment and flags, later ones winning; or everything that is wrong with it, one
 * line each, naming the key and the way out.
 */
export function configure(
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Result<Invocation, readonly string[]> {
  const flags = readFlags(args);
  if (!flags.ok) return flags;
  if (flags.value["version"] === true) return ok({ kind: "version" });
  if (flags.value["help"] === true) return ok({ kind: "help" });
  const set = (name: string): string | undefined => {
    const flag = flags.value[name];
    const variable = env[`WEIR_AGENT_${name.replaceAll("-", "_").toUpperCase()}`];
    return typeof flag === "string" ? flag : (variable ?? "") === "" ? undefined : variable;
  };
  const path = set("config");
  const file = path === undefined ? ok({}) : readConfigFile(path);
  if (!file.ok) return file;
  const token = readToken(set("token"), set("token-file"));
  if (!token.ok) return token;
  const given = { "data-dir": set("data-dir"), "log-level": set("log-level") };
  const config = readConfig(file.value, {
    folder: dirname(resolve(path ?? ".")),
    name: path ?? "configuration",
    given,
  });
  if (!config.ok) return config;
  const complete = { ...config.value, ...token.value };
  const cluster = flags.value["envoy-bootstrap"];
  return ok(
    typeof cluster === "string" ? { kind: "bootstrap", config: complete, cluster } : { kind: "run", config: complete },
  );
}

function readFlags(
  args: readonly string[],
): Result<Readonly<Record<string, string | boolean | undefined>>, readonly string[]> {
  try {
    const text = { type: "string" } as const;
    const switched = { type: "boolean" } as const;
    const options = {
      config: text,
      token: text,
      "token-file": text,
      "data-dir": text,
      "log-level": text,
      "envoy-bootstrap": text,
    };
    return ok({ ...parseArgs({ args: [...args], options: { ...options, version: switched, help: switched } }).values });
  } catch (cause) {
    return refuse([`${(cause as Error).message}; see --help`]);
  }
}

function readToken(
  token: string | undefined,
  file: string | undefined,
): Result<Pick<Config, "token">, readonly string[]> {
  if (token !== undefined) return ok({ token: token.trim() });
  if (file === undefined) return ok({});
  try {
    return ok({ token: readFileSync(file, "utf8").trim() });
  } catch (cause) {
    return refuse([`--token-file: ${(cause as Error).message}`]);
  }
}

function readConfigFile(path: string): Result<unknown, readonly string[]> {
  try {
    const read = readYaml(readFileSync(path, "utf8"));
    return read.ok ? ok(read.value ?? {}) : refuse(read.refusal.map((problem) => `${path}: ${problem}`));
  } catch (cause) {
    return refuse([`${path}: ${(cause as Error).message}`]);
  }
}

/** As many aliases a document may use; more is a bomb, not a configuration. */
const ALIASES_MAX = 100;

/** Reads YAML 1.2 without tags of other languages, or says what is wrong, with lines. Duplicate keys are wrong. */
export function readYaml(text: string): Result<unknown, readonly string[]> {
  const document = parseDocument(text, { version: "1.2", schema: "core", uniqueKeys: true, strict: true });
  const problems = [...document.errors, ...document.warnings].map(({ message }) => message.split("\n")[0] ?? message);
  if (problems.length > 0) return refuse(problems);
  try {
    return ok(document.toJS({ maxAliasCount: ALIASES_MAX }));
  } catch (cause) {
    return refuse([(cause as Error).message]);
  }
}

interface Origin {
  /** Relative paths in the file start here. */
  readonly folder: string;
  readonly name: string;
  readonly given: Readonly<Record<"data-dir" | "log-level", string | undefined>>;
}

function readConfig(raw: unknown, { folder, name, given }: Origin): Result<Config, readonly string[]> {
  const keys = new Keys(raw, name);
  const path = (key: string, fallback: string): string => resolve(folder, keys.text(key, fallback) ?? fallback);
  const dataDir = given["data-dir"] === undefined ? path("dataDir", "/var/lib/weir-agent") : resolve(given["data-dir"]);
  keys.touch("dataDir");
  const mesh = readMesh(keys, folder);
  const gateway = keys.address("gateway");
  if (mesh.kind === "envoy" && gateway === undefined)
    keys.wrong("gateway", "is required with mesh.kind envoy: {address, port} at which other clusters reach this one");
  const endpointsFile = keys.text("endpointsFile");
  const config: Config = {
    dataDir,
    planners: keys.addresses("planners"),
    mesh,
    ...(gateway === undefined ? {} : { gateway }),
    ...(endpointsFile === undefined ? {} : { endpointsFile: resolve(folder, endpointsFile) }),
    socket: resolve(dataDir, keys.text("socket", "agent.sock") ?? "agent.sock"),
    logLevel: keys.choice("logLevel", LOG_LEVELS, { fallback: "info", given: given["log-level"] }),
    heartbeatMs: keys.number("heartbeatMs", { fallback: 1_000, min: 50, max: 10_000 }),
    bakeMs: keys.number("bakeMs", { fallback: 600_000, min: 0, max: 86_400_000 }),
    applyTimeoutMs: keys.number("applyTimeoutMs", { fallback: 30_000, min: 100, max: 600_000 }),
    fallback: readFallback(keys),
    limits: readLimits(keys),
    report: readReport(keys),
  };
  const problems = keys.problems();
  return problems.length === 0 ? ok(config) : refuse(problems);
}

function readMesh(keys: Keys, folder: string): MeshConfig {
  const kind = keys.choice("mesh.kind", ["envoy", "memory"], { fallback: "envoy" });
  if (kind === "memory") return { kind };
  const socket = keys.text("mesh.xds.socket");
  const address = keys.text("mesh.address", "127.0.0.1") ?? "127.0.0.1";
  const envoys = keys.number("mesh.envoys", { fallback: 1, min: 0, max: 10_000 });
  if (socket !== undefined) return { kind, address, envoys, xds: { socket: resolve(folder, socket) } };
  const port = keys.number("mesh.xds.port", { fallback: 18_000, min: 1, max: 65_535 });
  return { kind, address, envoys, xds: { address: keys.text("mesh.xds.address", "127.0.0.1") ?? "127.0.0.1", port } };
}

function readFallback(keys: Keys): FallbackPolicy {
  const { connectFailuresMin, noReadyEndpointMs, returnGraceMs } = DEFAULT_FALLBACK_POLICY;
  const ms = (name: string, fallback: number) => keys.number(`fallback.${name}`, { fallback, min: 0, max: 600_000 });
  return {
    connectFailuresMin: keys.number("fallback.connectFailuresMin", {
      fallback: connectFailuresMin,
      min: 1,
      max: 1_000,
    }),
    noReadyEndpointMs: ms("noReadyEndpointMs", noReadyEndpointMs),
    returnGraceMs: ms("returnGraceMs", returnGraceMs),
  };
}

function readLimits(keys: Keys): Limits {
  const { shrinkRatioMax, shrinkAlwaysAllowed, moveWeightMax, destinationsMin } = DEFAULT_LIMITS;
  const number = (name: string, fallback: number, max: number) =>
    keys.number(`limits.${name}`, { fallback, min: 0, max });
  return {
    shrinkRatioMax: number("shrinkRatioMax", shrinkRatioMax, 1),
    shrinkAlwaysAllowed: number("shrinkAlwaysAllowed", shrinkAlwaysAllowed, 100_000),
    moveWeightMax: number("moveWeightMax", moveWeightMax, WEIGHT_TOTAL),
    destinationsMin: number("destinationsMin", destinationsMin, 100),
  };
}

function readReport(keys: Keys): ReportPolicy {
  const { turnMs, requestsEnough, attentionMs, servicesFew } = DEFAULT_REPORT_POLICY;
  const number = (name: string, fallback: number, max: number) =>
    keys.number(`report.${name}`, { fallback, min: 1, max });
  return {
    turnMs: number("turnMs", turnMs, 15_000),
    requestsEnough: number("requestsEnough", requestsEnough, 1_000_000),
    attentionMs: number("attentionMs", attentionMs, 3_600_000),
    servicesFew: number("servicesFew", servicesFew, 1_000),
  };
}

/** Reads keys by their path, remembers which there are, and collects what is wrong. */
class Keys {
  readonly #root: unknown;
  readonly #name: string;
  readonly #known = new Set<string>();
  readonly #problems: string[] = [];

  constructor(root: unknown, name: string) {
    this.#root = root;
    this.#name = name;
  }

  wrong(key: string, message: string): void {
    this.#problems.push(`${this.#name}: ${key}: ${message}`);
  }

  /** Makes a key known that is not read. */
  touch(key: string): void {
    this.#known.add(key);
  }

  text(key: string, fallback?: string): string | undefined {
    const value = this.#value(key);
    if (value === undefined) return fallback;
    if (typeof value === "string" && value !== "") return value;
    this.wrong(key, `is ${JSON.stringify(value)}; a text is wanted`);
    return fallback;
  }

  number(
    key: string,
    { fallback, min, max }: { readonly fallback: number; readonly min: number; readonly max: number },
  ): number {
    const value = this.#value(key) ?? fallback;
    if (typeof value === "number" && value >= min && value <= max) return value;
    this.wrong(key, `is ${JSON.stringify(value)}; a number from ${min} to ${max} is wanted`);
    return fallback;
  }

  choice<T extends string>(
    key: string,
    choices: readonly T[],
    { fallback, given }: { readonly fallback: T; readonly given?: string | undefined },
  ): T {
    const value = given ?? this.#value(key) ?? fallback;
    this.touch(key);
    const found = choices.find((choice) => choice === value);
    if (found === undefined) this.wrong(key, `is ${JSON.stringify(value)}; one of ${choices.join(", ")} is wanted`);
    return found ?? fallback;
  }

  address(key: string): GatewayAddress | undefined {
    if (this.#value(key) === undefined) return undefined;
    const address = this.text(`${key}.address`);
    if (address === undefined) this.wrong(`${key}.address`, "is required");
    const port = this.number(`${key}.port`, { fallback: 0, min: 1, max: 65_535 });
    return { address: address ?? "", port };
  }

  addresses(key: string): readonly string[] {
    const value = this.#value(key) ?? [];
    if (Array.isArray(value) && value.every((entry) => typeof entry === "string" && /^.+:\d{1,5}$/.test(entry)))
      return value as string[];
    this.wrong(key, `is ${JSON.stringify(value)}; a list of host:port is wanted`);
    return [];
  }

  /** Everything wrong, keys that nobody knows included. */
  problems(): readonly string[] {
    for (const key of leaves(this.#root, "")) {
      if (key === "" || this.#known.has(key)) continue;
      if ([...this.#known].some((known) => known.startsWith(`${key}.`))) {
        this.wrong(key, "is no mapping");
        continue;
      }
      const near = [...this.#known].find((known) => isNear(known, key));
      this.wrong(key, `is no key of an agent's configuration${near === undefined ? "" : `; did you mean ${near}?`}`);
    }
    return this.#problems;
  }

  #value(key: string): unknown {
    this.touch(key);
    const parts = key.split(".");
    return (
      parts.reduce<unknown>(
        (value, part) => (isMapping(value) && Object.hasOwn(value, part) ? value[part] : undefined),
        this.#root,
      ) ?? undefined
    );
  }
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Paths of everything that is no mapping. */
function leaves(value: unknown, path: string): readonly string[] {
  if (!isMapping(value)) return [path === "" ? "the document" : path];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === "" ? key : `${path}.${key}`));
}

/** Whether two keys differ by a slip: case, or one letter more, less or other. */
function isNear(a: string, b: string): boolean {
  if (a.toLowerCase() === b.toLowerCase()) return true;
  if (Math.abs(a.length - b.length) > 2) return false;
  const start = a.split("").findIndex((letter, index) => letter !== b[index]);
  if (start < 0) return true;
  const tail = Math.min(a.length, b.length) - start - 2;
  return tail <= 0 ? start >= 3 : a.slice(-tail) === b.slice(-tail);
}

/** Where plans, identity and UID of an agent lie. */
export function foldersOf({ dataDir }: Pick<Config, "dataDir">): Readonly<Record<"plans" | "identity", string>> {
  return { plans: join(dataDir, "plans"), identity: join(dataDir, "identity") };
}
