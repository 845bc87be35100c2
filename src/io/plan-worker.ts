import { parentPort, workerData } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";
import { planRunOf } from "../engine/plan-run.ts";
import type { PlanRun } from "../engine/ports.ts";
import type { FleetState } from "../model/fleet.ts";
import type { ServiceId } from "../model/ids.ts";
import { assert } from "../model/result.ts";
import type { Settings } from "../model/settings.ts";
import { planServices, planWithoutSearch } from "../planner/plan.ts";
import { codec } from "../wire/codec.ts";

/** What the planner's main thread sends in. */
export interface PlanTask {
  readonly run: number;
  /** What planning these services reads; clusters only where they are not as the worker has been told before. */
  readonly state: Omit<FleetState, "clusters"> & Partial<Pick<FleetState, "clusters">>;
  readonly services: readonly ServiceId[];
  /** Why nothing may be searched for; undefined: the best may be. */
  readonly withoutSearch?: string;
}

/** What the worker sends back: the run, or why there is none. */
export type PlanAnswer =
  | { readonly run: number; readonly result: PlanRun }
  | { readonly run: number; readonly failure: string };

/** What the worker is started with. */
export interface PlanWorkerData {
  readonly settings: Settings;
}

function serve(port: MessagePort, { settings }: PlanWorkerData): void {
  let clusters: FleetState["clusters"] = new Map();
  port.on("message", (task: PlanTask) => {
    clusters = task.state.clusters ?? clusters;
    port.postMessage(answerTo(task, { ...task.state, clusters }, settings));
  });
}

function answerTo(
  { run, services, withoutSearch: because }: Omit<PlanTask, "state">,
  state: FleetState,
  settings: Settings,
): PlanAnswer {
  try {
    const plannings =
      because === undefined
        ? planServices(state, services, settings)
        : planWithoutSearch(state, services, { settings, because });
    return { run, result: planRunOf(plannings, codec) };
  } catch (error) {
    // A bug in planning must not end the worker for the services it does not concern.
    return { run, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

assert(parentPort !== null, "the plan worker runs as a worker thread");
serve(parentPort, workerData as PlanWorkerData);
