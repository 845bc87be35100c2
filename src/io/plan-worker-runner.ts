import { Worker } from "node:worker_threads";
import { extname } from "node:path";
import { planSlice } from "../engine/plan-slice.ts";
import type { PlanRun, PlanRunner } from "../engine/ports.ts";
import type { FleetState } from "../model/fleet.ts";
import type { Settings } from "../model/settings.ts";
import type { PlanAnswer, PlanTask, PlanWorkerData } from "./plan-worker.ts";

/** How the planning worker runs. */
export interface PlanWorkerOptions {
  readonly settings: Settings;
  /** A run that takes longer is killed with its worker, in ms. */
  readonly timeoutMs: number;
  /** Where the worker's code is; default: beside this file, as source or as built. */
  readonly workerUrl?: URL;
}

type Task = Pick<PlanTask, "services" | "withoutSearch"> & { readonly state: FleetState };

interface Waiting {
  readonly resolve: (run: PlanRun) => void;
  readonly reject: (reason: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Plans in a worker thread, so that a long computation holds up neither writes nor heartbeats. A run that fails or takes too
 * long is made again without a search for the optimum, once.
 */
export function startPlanRunner(options: PlanWorkerOptions): PlanRunner {
  const runner = new PlanWorkerRunner(options);
  return {
    plan: async (state, services) => await runner.plan({ state: planSlice(state, services), services }),
    close: async () => await runner.close(),
  };
}

/** Most characters of a fault's first line that the reasons of a plan repeat. */
const FAULT_CHARACTERS_MAX = 200;

class PlanWorkerRunner {
  readonly #options: PlanWorkerOptions;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  /** The clusters that the worker knows. */
  #told: FleetState["clusters"] | undefined;
  #runs = 0;
  #isClosed = false;

  constructor(options: PlanWorkerOptions) {
    this.#options = options;
  }

  async plan(task: Task): Promise<PlanRun> {
    try {
      return await this.#run(task);
    } catch (error) {
      if (this.#isClosed || this.#options.settings.allocation === "waterfall") throw error;
      const withoutSearch = faultText(error);
      // Nobody knows how far the run got.
      this.#told = undefined;
      return { ...(await this.#run({ ...task, withoutSearch })), withoutSearch };
    }
  }

  async #run(task: Task): Promise<PlanRun> {
    this.#runs += 1;
    const run = this.#runs;
    const worker = this.#worker ?? this.#start();
    return await new Promise((resolve, reject) => {
      const { timeoutMs } = this.#options;
      const overdue = (): void => void this.#end(new Error(`planning took longer than ${timeoutMs} ms`));
      const timer = setTimeout(overdue, timeoutMs);
      this.#waiting.set(run, { resolve, reject, timer });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread is no window
      worker.postMessage({ run, ...task, state: this.#untold(task.state) } satisfies PlanTask);
    });
  }

  /** Clusters and what they declare of each other change seldom, and are most of what a small run would carry. */
  #untold({ clusters, ...rest }: FleetState): PlanTask["state"] {
    if (clusters === this.#told) return rest;
    this.#told = clusters;
    return { ...rest, clusters };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#end(new Error("the planner stops"));
  }

  #start(): Worker {
    const worker = new Worker(this.#options.workerUrl ?? besideThisFile(), {
      workerData: { settings: this.#options.settings } satisfies PlanWorkerData,
      name: "plan",
    });
    worker.on("message", (answer: PlanAnswer) => this.#settle(answer));
    worker.on("error", (error) => void this.#end(error instanceof Error ? error : new Error(String(error))));
    worker.unref();
    this.#told = undefined;
    this.#worker = worker;
    return worker;
  }

  #settle(answer: PlanAnswer): void {
    const waiting = this.#waiting.get(answer.run);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.run);
    clearTimeout(waiting.timer);
    if ("result" in answer) waiting.resolve(answer.result);
    else waiting.reject(new Error(answer.failure));
  }

  /** Ends the worker with everything it was asked; the next run starts a new one. */
  async #end(reason: Error): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(reason);
    }
    this.#waiting.clear();
    await worker?.terminate();
  }
}

function faultText(error: unknown): string {
  const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
  return line.slice(0, FAULT_CHARACTERS_MAX);
}

/** The worker has this file's extension: `.ts` as source, `.js` as built. */
function besideThisFile(): URL {
  return new URL(`./plan-worker${extname(import.meta.url)}`, import.meta.url);
}
