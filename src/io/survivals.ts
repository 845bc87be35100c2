import type { FleetState, ServiceState } from "../model/fleet.ts";
import type { ServiceId } from "../model/ids.ts";
import type { Settings } from "../model/settings.ts";
import type { Survival } from "../model/survival.ts";
import { SurvivalBook } from "../planner/survival/book.ts";
import { Stretches } from "./stretches.ts";

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
    const stretches = new Stretches();
    for (const service of services)
      found.set(service.spec.service, await stretches.of(this.#book.steps(state, service), signal));
    return found;
  }
}
