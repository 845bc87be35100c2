import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ok, refuse } from "../src/model/result.ts";
import type { Result } from "../src/model/result.ts";
import { readConfig } from "./config/document.ts";
import { LOG_LEVELS } from "./config/settings.ts";
import type { Config } from "./config/settings.ts";
import { readYaml } from "./config/yaml.ts";

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

/** Where plans, identity and UID of an agent lie. */
export function foldersOf({ dataDir }: Pick<Config, "dataDir">): Readonly<Record<"plans" | "identity", string>> {
  return { plans: join(dataDir, "plans"), identity: join(dataDir, "identity") };
}
