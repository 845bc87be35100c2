import { fork, spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { callable } from "./calls.ts";
import type { Calls } from "./calls.ts";

/** A program to start. */
export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A Node program of the bench that answers calls (`answerCalls`). */
export interface NodeProgram {
  readonly name: string;
  /** Absolute path of the file to run. */
  readonly entry: string;
  readonly args?: readonly string[];
  /** Flags for Node itself. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Command that starts Node, with its arguments, such as `unshare`; none: Node itself. */
  readonly through?: readonly string[];
}

/** A running process. */
export interface Member {
  readonly pid: number;
  /** Last lines it wrote. */
  tail(): string;
  /** Resolves once it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Sends a signal that does not end it. */
  signal(signal: NodeJS.Signals): void;
}

/** Every process of one run. None outlives it, not even when the run itself is killed. */
export class Crew {
  readonly #folder: string;
  readonly #prefix: string;
  readonly #running = new Set<ChildProcess>();
  readonly #guard = deathGuard();
  #isClosing = false;

  /** @param prefix - put before the names of log files, so that several crews can share a folder. */
  constructor(folder: string, prefix = "") {
    this.#folder = folder;
    this.#prefix = prefix;
  }

  /** Starts a program; its output goes to a file. */
  start(program: Program): Member {
    const log = this.#open(program.name);
    const [command = "", ...args] = [...this.#guard, program.command, ...program.args];
    const child = spawn(command, args, { stdio: ["ignore", log, log], env: { ...process.env, ...program.env } });
    closeSync(log);
    return this.#track(child, program.name);
  }

  /** Starts a Node program that answers calls over its IPC channel. */
  startNode(program: NodeProgram): Member & Calls {
    const log = this.#open(program.name);
    const { flags = [], args = [], through = [] } = program;
    const [command, ...before] = [...this.#guard, ...through, process.execPath];
    const child = fork(program.entry, args, {
      execPath: command,
      execArgv: [...before, ...flags],
      stdio: ["ignore", log, log, "ipc"],
      serialization: "advanced",
      env: { ...process.env, ...program.env },
    });
    closeSync(log);
    const member = this.#track(child, program.name);
    return { ...member, ...callable(child, () => `${program.name}: ${member.tail()}`) };
  }

  /** Kills all that runs and waits for its end. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all([...this.#running].map(async (child) => end(child, "SIGKILL")));
  }

  /** For `process.on("exit")`, where nothing can be awaited. */
  killNow(): void {
    for (const child of this.#running) child.kill("SIGKILL");
  }

  #open(name: string): number {
    if (this.#isClosing) throw new Error(`the bench is ending; ${name} is not started any more`);
    return openSync(this.#logOf(name), "a");
  }

  #logOf(name: string): string {
    return join(this.#folder, `${this.#prefix}${name}.log`);
  }

  #track(child: ChildProcess, name: string): Member {
    this.#running.add(child);
    child.once("error", () => this.#running.delete(child));
    child.once("exit", () => this.#running.delete(child));
    return {
      pid: child.pid ?? -1,
      tail: () => tailOf(this.#logOf(name)),
      kill: async (signal) => end(child, signal),
      signal: (signal) => void child.kill(signal),
    };
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  child.kill(signal);
  await gone;
}

function tailOf(file: string): string {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n").slice(-12).join("\n");
  } catch {
    return "(it wrote nothing)";
  }
}

/** `setpriv --pdeathsig` ends children even when their parent is killed with SIGKILL. Linux only. */
function deathGuard(): readonly string[] {
  const guard = ["setpriv", "--pdeathsig", "KILL", "--"];
  return spawnSync("setpriv", [...guard.slice(1), "true"], { stdio: "ignore" }).status === 0 ? guard : [];
}
