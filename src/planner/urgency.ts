import type { Drain } from "../model/cluster.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import { hasEnded } from "../model/shift.ts";
import type { Shift } from "../model/shift.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";

/** Shifts of the service that have not come to their end, by name. */
export function runningShifts(state: FleetState, service: ServiceState): readonly Shift[] {
  return [...state.shifts.values()]
    .filter((shift) => shift.service === service.spec.service && !hasEnded(shift))
    .toSorted((a, b) => compareNames(a.shift, b.shift));
}

/** A drain under way, and whose. */
export interface ActiveDrain extends Drain {
  readonly cluster: ClusterId;
}

/** Clusters that the service runs in and that are being drained now, each once, by name. */
export function drainsOf(state: FleetState, service: ServiceState): readonly ActiveDrain[] {
  const clusters = [...new Set(service.spec.deployments.map(({ cluster }) => cluster))].toSorted(compareNames);
  return clusters.flatMap((cluster) => {
    const drain = state.clusters.get(cluster)?.drain;
    return drain?.phase === "draining" ? [{ ...drain, cluster }] : [];
  });
}
