import { INPUTS_CAUSES } from "../model/fleet.ts";
import type { FleetState } from "../model/fleet.ts";
import type { ServiceId } from "../model/ids.ts";

/**
 * Most route sets of one run of the planning worker. What a run brings is unpacked, decided on and folded in a few
 * milliseconds each, so that nothing else waits for long.
 */
const ROUTE_SETS_AT_ONCE = 100;

/** Splits what is due into runs of the planning worker: the most urgent first, those of equal urgency in their order. */
export function planBatches(state: FleetState, due: readonly ServiceId[]): readonly (readonly ServiceId[])[] {
  const members = [...state.clusters.values()].filter(({ membership }) => membership === "active").length;
  const count = Math.max(1, Math.floor(ROUTE_SETS_AT_ONCE / Math.max(1, members)));
  const order = due.toSorted((a, b) => urgencyOf(state, b) - urgencyOf(state, a));
  return Array.from({ length: Math.ceil(order.length / count) }, (_, index) =>
    order.slice(index * count, (index + 1) * count),
  );
}

function urgencyOf(state: FleetState, service: ServiceId): number {
  const cause = state.services.get(service)?.inputsCause;
  return cause === undefined ? -1 : INPUTS_CAUSES.indexOf(cause);
}
