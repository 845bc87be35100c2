import { dirname, resolve } from "node:path";
import { fromEnvironment, layered, parseFlags } from "./config/layers.ts";
import { schema } from "./config/schema.ts";
import type { Config } from "./config/schema.ts";
import { lines } from "./config/wording.ts";
import { EMPTY_FILE, readFile } from "./config/yaml-file.ts";
import { ok, refuse } from "./model/result.ts";
import type { Result } from "./model/result.ts";

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
