import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** How to start one process of the demo. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Called for each message of a Node child that speaks IPC. */
  readonly onMessage?: (message: unknown) => void;
}

/** A running process of the demo. */
export interface DemoProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  kill(signal: NodeJS.Signals): Promise<void>;
  readonly exited: Promise<string>;
}

/** Starts processes and leaves none behind. Their output goes to a file each. */
export class Processes {
  readonly #folder: string;
  readonly #running = new Map<ChildProcess, DemoProcess>();
  readonly #deathGuard: readonly string[];
  #isClosing = false;

  constructor(folder: string) {
    this.#folder = folder;
    this.#deathGuard = findDeathGuard();
  }

  /** Starts one. `onUnexpectedExit` of the caller is not needed: `exited` resolves with how it ended. */
  start(spec: ProcessSpec): DemoProcess {
    if (this.#isClosing) throw new Error(`the demo is ending, ${spec.name} is not started any more`);
    const logFile = join(this.#folder, `${spec.name}.log`);
    const log = openSync(logFile, "a");
    const [command = "", ...args] = [...this.#deathGuard, spec.command, ...spec.args];
    const isNodeWithMessages = spec.onMessage !== undefined;
    const child = spawn(command, args, {
      stdio: isNodeWithMessages ? ["ignore", log, log, "ipc"] : ["ignore", log, log],
      // Processes of one kind start again and again: what Node compiled once is kept for the next.
      env: { ...process.env, NODE_COMPILE_CACHE: join(this.#folder, "compiled"), ...spec.env },
    });
    closeSync(log);
    if (spec.onMessage !== undefined) child.on("message", spec.onMessage);
    return this.#track(child, spec.name, logFile);
  }

  /** Kills everything that still runs and waits for its end. */
  async closeAll(): Promise<void> {
    this.#isClosing = true;
    await Promise.all([...this.#running.values()].map(async (running) => running.kill("SIGKILL")));
  }

  /** Ends everything at once, for `process.on("exit")`, where nothing can be awaited. */
  killAllNow(): void {
    for (const child of this.#running.keys()) child.kill("SIGKILL");
  }

  #track(child: ChildProcess, name: string, logFile: string): DemoProcess {
    const exited = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    const running: DemoProcess = {
      name,
      pid: child.pid ?? -1,
      logFile,
      exited,
      kill: async (signal) => {
        // A stopped process takes SIGKILL only once it is woken on some kernels; SIGCONT first harms nobody.
        if (signal === "SIGKILL") child.kill("SIGCONT");
        child.kill(signal);
        if (signal === "SIGKILL" || signal === "SIGTERM") await exited;
      },
    };
    this.#running.set(child, running);
    void exited.then(() => this.#running.delete(child));
    return running;
  }
}

/** The last lines that a process wrote, for an error message. */
export function tailOf(logFile: string, lines = 12): string {
  try {
    return readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  } catch {
    return "(it wrote nothing)";
  }
}

/** `setpriv --pdeathsig` ends the children even when the demo itself is killed with SIGKILL. Linux only. */
function findDeathGuard(): readonly string[] {
  const guard = ["setpriv", "--pdeathsig", "KILL", "--"];
  const works = spawnSync(guard[0] ?? "", [...guard.slice(1), "true"], { stdio: "ignore" }).status === 0;
  return works ? guard : [];
}
