import { execFile } from "node:child_process";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";

/** What finding a part needs to know of the machine it runs on. Tests pass another one. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home folder, absolute. */
  readonly home: string;
  /** `platform-arch` as Node names them. */
  readonly kind: string;
  /** Runs a program to its end. Never rejects: what goes wrong is in the outcome. */
  readonly run: (command: string, args: readonly string[], options: RunOptions) => Promise<Ran>;
}

export interface RunOptions {
  /** The program is killed after this time. */
  readonly timeoutMs: number;
  /** On top of the host's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How a program ended. */
export interface Ran {
  readonly ok: boolean;
  /** What it printed, both streams. */
  readonly output: string;
  /** Why it is not ok, in one line; empty if it is. */
  readonly problem: string;
}

/** The machine that this process runs on, seen with another environment if one is given. */
export function thisHost(env: Host["env"] = process.env): Host {
  return {
    env,
    home: env["HOME"] ?? homedir(),
    kind: `${process.platform}-${process.arch}`,
    run: (command, args, options) => runWith(env, { command, args, options }),
  };
}

/** Prints of tools are small; this only bounds a runaway. */
const OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024;

interface Invocation {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: RunOptions;
}

function runWith(hostEnv: Host["env"], { command, args, options }: Invocation): Promise<Ran> {
  return new Promise((resolve) => {
    const env = { ...hostEnv, ...options.env };
    const limits = { timeout: options.timeoutMs, maxBuffer: OUTPUT_LIMIT_BYTES, killSignal: "SIGKILL" } as const;
    const child = execFile(command, args, { env, ...limits }, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`;
      resolve({ ok: error === null, output, problem: error === null ? "" : problemOf(error, output, options) });
    });
    // A tool that asks something gets an end of input in place of a terminal.
    child.stdin?.end();
  });
}

interface ExecError extends Error {
  readonly code?: string | number | null;
  readonly killed?: boolean;
}

function problemOf(error: ExecError, output: string, { timeoutMs }: RunOptions): string {
  if (error.code === "ENOENT") return "not installed";
  if (error.killed === true) return `not done after ${timeoutMs / 1000} s`;
  if (typeof error.code === "string") return error.code;
  // Tools say last why they gave up.
  const last = output.trim().split("\n").at(-1) ?? "";
  return last === "" ? `ended with ${error.code ?? "a signal"}` : last;
}

/** Where parts are kept between runs, one file per part and version. */
export function cacheFolder(host: Host): string {
  const configured = host.env["XDG_CACHE_HOME"];
  // A relative path there is invalid and to be ignored, says the XDG Base Directory Specification.
  const base = configured !== undefined && isAbsolute(configured) ? configured : join(host.home, ".cache");
  return join(base, "weir", "parts");
}

/** The folders in which programs are looked for, in order. */
export function searchPath(host: Host): readonly string[] {
  return (host.env["PATH"] ?? "").split(delimiter).filter((folder) => isAbsolute(folder));
}
