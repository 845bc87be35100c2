/** Runs the tools that `npm ci` installs, from npm scripts and by hand alike. */
import { spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";

/** The repository's root, absolute. */
export const REPO = join(import.meta.dirname, "..", "..");

const TOOLS = join(REPO, "node_modules", ".bin");

export interface ToolRun {
  readonly args?: readonly string[];
  /** Relative to the repository's root; the root itself unless given. */
  readonly folder?: string;
}

/**
 * Runs one tool with the caller's terminal and waits for it.
 *
 * @returns whether it ended with exit code 0. A tool that cannot be started is an error, not `false`.
 */
export function runTool(name: string, run: ToolRun = {}): boolean {
  const ended = spawnSync(name, run.args ?? [], {
    cwd: join(REPO, run.folder ?? "."),
    stdio: ["ignore", "inherit", "inherit"],
    // Plugins of buf and the Node that scripts run on are found by name as well.
    env: { ...process.env, PATH: `${TOOLS}${delimiter}${process.env["PATH"] ?? ""}` },
  });
  if (ended.error !== undefined) throw ended.error;
  return ended.status === 0;
}

/** Like `runTool`, for steps that nothing can go on without. */
export function mustRunTool(name: string, run: ToolRun = {}): void {
  if (!runTool(name, run)) throw new Error(`${[name, ...(run.args ?? [])].join(" ")} failed`);
}
