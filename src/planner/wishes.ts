import { keyOf, sameSplit } from "../model/destination.ts";
import type { Split } from "../model/destination.ts";
import type { Shift } from "../model/shift.ts";
import { weightOf } from "./eligible.ts";
import { distanceBetween } from "./apportion.ts";
import type { SourceOutlook } from "./outlook.ts";
import { newestShiftOf, runningShiftOf } from "./step-limit.ts";
import {
  allowedOffers,
  drainingWeight,
  forbiddenWeight,
  lostWeight,
  wishFor,
  wishForAnything,
  wishToStay,
} from "./target.ts";
import type { Planning, Target, Wish } from "./target.ts";

/** What a source should come to, by who last had a say: nobody can, a freeze, a shift that holds, a pin, or the planner. */
export function wishOf(source: SourceOutlook, planning: Planning): Wish {
  const { service } = planning;
  if (isResting(source, planning)) return rest(source, source.now ?? []);
  if (isInFlight(source, planning)) return wishToStay(source);
  const held = heldAt(source, planning);
  if (held !== undefined) return wishFor(source, held);
  const pin = service.pins[source.cluster];
  return pin === undefined ? wishForAnything(source, planning) : wishFor(source, pin);
}

/** Whether a source can be planned: it has somewhere to go, or at least something that was released to it. */
export function isRoutable(source: SourceOutlook): boolean {
  return source.now !== undefined || allowedOffers(source).length > 0;
}

/** Whether a source keeps its route set as it is: nothing that may serve it does, or all automatic moves stand still. */
export function isResting(source: SourceOutlook, planning: Planning): boolean {
  if (source.now === undefined) return false;
  if (allowedOffers(source).length === 0) return true;
  return planning.state.freeze !== undefined && !isOperated(source, planning);
}

/**
 * Whether the source's last step was not seen to do well yet. It then takes no further one, whatever else makes the
 * service be planned anew; only an abort, or a shift that has taken no step yet, moves it on at once.
 */
export function isInFlight(source: SourceOutlook, planning: Planning): boolean {
  const { rollout } = planning.service;
  if (rollout === undefined || rollout.isSettled || !rollout.changes.includes(source.cluster)) return false;
  if (source.now === undefined || isReturning(source, planning)) return false;
  const shift = runningShiftOf(source.cluster, planning);
  return shift === undefined || shift.stepsTaken > 0;
}

/** Whether an operator's act that is under way concerns the source. */
function isOperated(source: SourceOutlook, planning: Planning): boolean {
  return (
    runningShiftOf(source.cluster, planning) !== undefined ||
    isReturning(source, planning) ||
    drainingWeight(source) > 0 ||
    forbiddenWeight(source) > 0 ||
    sendsToNonMember(source)
  );
}

/** Whether a cluster that the source still sends to was revoked or unregistered: a person's act. */
function sendsToNonMember({ now, offers }: SourceOutlook): boolean {
  return offers.some(({ loss, destination }) => loss === "not-a-member" && weightOf(now, destination) > 0);
}

/** Where a source is held, though its pin or the planner would have it elsewhere. An abort is held by nothing. */
function heldAt(source: SourceOutlook, planning: Planning): Split | undefined {
  const { cluster, now } = source;
  const shift = runningShiftOf(cluster, planning);
  const isFrozen = shift === undefined && planning.state.freeze !== undefined && !isReturning(source, planning);
  return isFrozen || shift?.phase === "holding" ? now : undefined;
}

/** The shift that holds a source short of its end, if one does. */
export function holdingShift({ source, split }: Target, planning: Planning): Shift | undefined {
  const shift = runningShiftOf(source.cluster, planning);
  const pin = planning.service.pins[source.cluster];
  if (shift?.phase !== "holding" || (pin !== undefined && distanceBetween(pin, split) === 0)) return undefined;
  return shift;
}

/** Whether an abort is to bring the source back at once. */
function isReturning({ cluster }: SourceOutlook, planning: Planning): boolean {
  const { inputsCause, rollout } = planning.service;
  if (inputsCause !== "abort") return false;
  const newest = newestShiftOf(cluster, planning);
  // An older abort was brought about by the plan that followed it.
  return newest?.phase === "aborted" && (newest.endedAtMs ?? 0) >= (rollout?.committedAtMs ?? 0);
}

/** Whether a source must move at once: an abort brings it back, or what it sends now is lost. */
export function isConcerned({ source, split }: Target, planning: Planning): boolean {
  if (source.now === undefined || isResting(source, planning)) return false;
  if (isReturning(source, planning)) return !sameSplit(source.now, split);
  return lostWeight(source) > 0;
}

/** What a source comes to in an emergency: the concerned give up what is lost or aborted, the others stay. */
export function emergencyWishOf(target: Target, planning: Planning): Wish {
  const { source, split } = target;
  if (source.now === undefined || (isConcerned(target, planning) && isReturning(source, planning)))
    return rest(source, split);
  return isConcerned(target, planning) ? wishToStay(source) : rest(source, source.now);
}

function rest(source: SourceOutlook, split: Split): Wish {
  return { source, kept: new Map(split.map(({ destination, weight }) => [keyOf(destination), weight])), flows: [] };
}
