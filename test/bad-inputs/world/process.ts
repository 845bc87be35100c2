import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

/** A real process with everything it printed. */
export interface Running {
  readonly pid: number;
  /** Everything it printed so far. */
  said(): string;
  /** Its log lines so far. */
  lines(): readonly Readonly<Record<string, unknown>>[];
  /** Exit code, or the signal that ended it; undefined while it runs. */
  outcome(): number | NodeJS.Signals | undefined;
  /** Resolves with the outcome. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Ends it at once and waits until it is gone. */
  kill(): Promise<void>;
}

/** Starts a process. Its environment is empty but for `env` and PATH. */
export function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(command, args, {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  let outcome: number | NodeJS.Signals | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part: string) => (text += part));
  }
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once("close", (code, signal) => {
      outcome = code ?? signal ?? 1;
      resolve(outcome);
    });
  });
  return {
    pid: child.pid ?? 0,
    said: () => text,
    lines: () => text.split("\n").flatMap(parsed),
    outcome: () => outcome,
    ended,
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function parsed(line: string): readonly Readonly<Record<string, unknown>>[] {
  if (!line.startsWith("{")) return [];
  try {
    return [JSON.parse(line) as Readonly<Record<string, unknown>>];
  } catch {
    // The last line may be on its way.
    return [];
  }
}

/** Long enough for a slow machine; a wait that is over ends at once. */
const PATIENCE_MS = 60_000;

/** Waits until something is there, and returns it; fails with what it waited for. */
export async function eventually<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`waited ${PATIENCE_MS} ms in vain for ${what}`);
    await sleep(25);
  }
}

/** Waits until something holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  await eventually(what, async () => ((await holds()) ? true : undefined));
}
