import { sameSplit } from "../model/destination.ts";
import type { FleetEvent } from "../model/event.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";
import { hasEnded } from "../model/shift.ts";
import type { Shift } from "../model/shift.ts";
import { runsIn } from "./evolve-membership.ts";
import { gateOf } from "./pace.ts";
import type { PaceContext } from "./pace.ts";
import { releasedSplit, sendersTo } from "./released.ts";
import { survivorsOf } from "./drains.ts";

/** Completes the shifts whose sources send what was asked, and says of the others what holds them. */
export function movedShifts(state: FleetState, context: PaceContext): readonly FleetEvent[] {
  const running = [...state.shifts.values()].filter((shift) => !hasEnded(shift));
  const sorted = running.toSorted((a, b) => compareNames(a.service, b.service) || compareNames(a.shift, b.shift));
  return sorted.flatMap((shift) => {
    const service = state.services.get(shift.service);
    return service === undefined ? [] : moved(shift, standingOf(state, service, { shift, context }));
  });
}

type Standing = Pick<Shift, "phase" | "detail">;

const PROGRESSING: Standing = { phase: "progressing", detail: "" };

function moved({ shift, phase, detail, stepsTaken }: Shift, next: Standing): readonly FleetEvent[] {
  if (phase === next.phase && detail === next.detail) return [];
  return [{ kind: "shift-moved", shift, ...next, stepsTaken }];
}

function standingOf(
  state: FleetState,
  service: ServiceState,
  { shift, context }: { readonly shift: Shift; readonly context: PaceContext },
): Standing {
  const gate = gateOf(state, service, context);
  if (gate.kind === "holds") return holding(gate.for);
  const lost = partnersOf(shift).flatMap((cluster) => lossOf(state, cluster));
  if (lost.length > 0) return holding(lost.join("; "));
  if (!isPlannedAndSettled(service)) return PROGRESSING;
  if (!isAtTarget(state, service, shift)) {
    return holding("the plan ends short of the target: see `weir plan explain`; it goes on when what bounds it moves");
  }
  return { phase: "completed", detail: "" };
}

function holding(detail: string): Standing {
  return { phase: "holding", detail };
}

/** Sources, and the destinations that are to get something. */
function partnersOf({ sources, target }: Shift): readonly ClusterId[] {
  const weighted = target.kind === "automatic" ? [] : target.split.filter(({ weight }) => weight > 0);
  return [...new Set([...sources, ...weighted.map(({ destination }) => destination.cluster)])].toSorted(compareNames);
}

function lossOf(state: FleetState, cluster: ClusterId): readonly string[] {
  const found = state.clusters.get(cluster);
  if (found?.verdict === "dead") return [`${cluster} is dead`];
  return found?.verdict === "unknown" ? [`${cluster} is unknown: nothing is heard of it`] : [];
}

/** Whether the last step is computed from what is known now, released everywhere, and was seen to do well. */
function isPlannedAndSettled({ rollout, plannedSequence, inputsSequence }: ServiceState): boolean {
  return plannedSequence >= inputsSequence && rollout?.isSettled === true && rollout.plan.isFinalStep;
}

function isAtTarget(state: FleetState, service: ServiceState, { sources, target }: Shift): boolean {
  if (target.kind === "automatic") return true;
  return sources.every((source) => {
    const split = releasedSplit(state, service, source);
    return split !== undefined && sameSplit(split, target.split);
  });
}

/** Finishes drains from which everything has been moved that has another place to go. */
export function finishedDrains(state: FleetState): readonly FleetEvent[] {
  const clusters = [...state.clusters].toSorted(([a], [b]) => compareNames(a, b));
  return clusters.flatMap(([cluster, { drain }]): readonly FleetEvent[] => {
    if (drain?.phase !== "draining" || !isDrained(state, cluster)) return [];
    return [{ kind: "drain-finished", cluster }];
  });
}

function isDrained(state: FleetState, cluster: ClusterId): boolean {
  const services = [...state.services.values()].filter((service) => runsIn(service, cluster));
  if (!services.every((service) => isPlanned(service))) return false;
  return sendersTo(state, cluster).every(
    ({ service, source }) => survivorsOf(state, service, { leaving: cluster, source }).length === 0,
  );
}

function isPlanned({ rollout, plannedSequence, inputsSequence }: ServiceState): boolean {
  return plannedSequence >= inputsSequence && (rollout === undefined || rollout.isSettled);
}
