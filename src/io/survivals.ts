import { setImmediate as othersTurn } from "node:timers/promises";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import type { ServiceId } from "../model/ids.ts";
import type { Settings } from "../model/settings.ts";
import type { Survival } from "../model/survival.ts";
import { SurvivalBook } from "../planner/survival/book.ts";

/** Longest that it works at a stretch, in ms: everything else in the process waits for so long. */
const STRETCH_MS = 5;

/** Whether services outlive the loss of any one cluster: found when asked for, a little at a time, and once for all who ask. */
export class Survivals {
  readonly #book: SurvivalBook;

  constructor(settings: Settings) {
    this.#book = new SurvivalBook(settings);
  }

  /** What survives of each service, in their order. Rejects when the signal is aborted. */
  async of(
    state: FleetState,
    services: Iterable<ServiceState>,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<ServiceId, Survival>> {
    const found = new Map<ServiceId, Survival>();
    let since = performance.now();
    for (const service of services) {
      const steps = this.#book.steps(state, service);
      for (let step = steps.next(); ; step = steps.next()) {
        if (step.done === true) {
          found.set(service.spec.service, step.value);
          break;
        }
        if (performance.now() - since < STRETCH_MS) continue;
        await othersTurn(undefined, { signal });
        since = performance.now();
      }
    }
    return found;
  }
}
