import type { Drain } from "../model/cluster.ts";
import type { FleetState, InputsCause, ServiceState } from "../model/fleet.ts";
import type { Urgency } from "../model/plan.ts";
import { hasEnded } from "../model/shift.ts";
import type { Shift } from "../model/shift.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";

const URGENCIES: Readonly<Record<InputsCause, Urgency>> = {
  measured: "routine",
  ramp: "routine",
  fleet: "routine",
  operator: "operator",
  lost: "emergency",
  abort: "emergency",
};

/**
 * How fast the next step of a service may go (table "Speeds" of the architecture): by what moved its inputs, or, between
 * steps, by the shift or drain that is under way.
 */
export function urgencyOf(state: FleetState, service: ServiceState): Urgency {
  const urgency = service.inputsCause === undefined ? "routine" : URGENCIES[service.inputsCause];
  if (urgency === "emergency") return urgency;
  const isMoving = runningShifts(state, service).length > 0 || drainsOf(state, service).length > 0;
  return isMoving ? "operator" : urgency;
}

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
