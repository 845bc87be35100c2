import type { FleetState, ServiceState } from "../../model/fleet.ts";
import type { Settings } from "../../model/settings.ts";
import type { Survival } from "../../model/survival.ts";
import { survivalSteps } from "./survival.ts";

interface Entry {
  readonly clusters: FleetState["clusters"];
  readonly survival: Survival;
}

/** Remembers what was found of each service for as long as neither it nor any cluster changed: then it costs nothing. */
export class SurvivalBook {
  readonly #settings: Settings;
  readonly #entries = new WeakMap<ServiceState, Entry>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** What survives, loss by loss, as `survivalSteps`; at once where it is known. Route sets are content: their hashes tell. */
  *steps(state: FleetState, service: ServiceState): Generator<undefined, Survival, undefined> {
    const known = this.#entries.get(service);
    if (known?.clusters === state.clusters) return known.survival;
    const survival = yield* survivalSteps(state, service, this.#settings);
    this.#entries.set(service, { clusters: state.clusters, survival });
    return survival;
  }
}
