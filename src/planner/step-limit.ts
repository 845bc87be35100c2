import { WEIGHT_TOTAL } from "../model/destination.ts";
import type { FleetState } from "../model/fleet.ts";
import type { ClusterId } from "../model/ids.ts";
import { hasEnded } from "../model/shift.ts";
import type { Shift } from "../model/shift.ts";
import { compareNames } from "../model/ids.ts";
import type { SourceOutlook } from "./outlook.ts";
import { weightOf } from "./eligible.ts";
import type { Planning } from "./target.ts";

/**
 * Most basis points of the source's traffic that its next step may move: the smallest limit among its running shift and
 * the drains that it still sends to; without either the routine's and the service's own. A drain past its deadline has
 * no limit any more.
 */
export function stepLimitOf(source: SourceOutlook, { state, service, settings }: Planning): number {
  const shift = runningShiftOf(source.cluster, { state, service });
  const drains = drainLimits(source, state);
  const limits = [...(shift === undefined ? [] : [shift.maxStepWeight]), ...drains];
  if (limits.length > 0) return Math.min(...limits);
  return Math.min(settings.routineStepWeight, service.spec.pace.maxStepWeight);
}

function drainLimits({ now, offers }: SourceOutlook, state: FleetState): readonly number[] {
  const sentTo = offers.filter(({ destination }) => weightOf(now, destination) > 0);
  return sentTo.flatMap(({ destination }) => {
    const drain = state.clusters.get(destination.cluster)?.drain;
    if (drain === undefined) return [];
    const isOverdue = drain.deadlineAtMs !== undefined && state.atMs >= drain.deadlineAtMs;
    return [isOverdue ? WEIGHT_TOTAL : drain.maxStepWeight];
  });
}

/** The shift that is moving a source now; at most one is admitted at a time. */
export function runningShiftOf(
  source: ClusterId,
  { state, service }: Pick<Planning, "state" | "service">,
): Shift | undefined {
  return shiftsOf(source, { state, service }).find((shift) => !hasEnded(shift));
}

/** The shift that set a source's target last, whether or not it has ended. */
export function newestShiftOf(
  source: ClusterId,
  { state, service }: Pick<Planning, "state" | "service">,
): Shift | undefined {
  return shiftsOf(source, { state, service }).at(0);
}

/** Shifts of a source, the newest first. */
function shiftsOf(source: ClusterId, { state, service }: Pick<Planning, "state" | "service">): readonly Shift[] {
  return [...state.shifts.values()]
    .filter((shift) => shift.service === service.spec.service && shift.sources.includes(source))
    .toSorted((a, b) => b.requestedAtMs - a.requestedAtMs || compareNames(b.shift, a.shift));
}
