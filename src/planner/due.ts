import type { FleetState, InputsCause, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ServiceId } from "../model/ids.ts";
import type { Observed } from "../model/observed.ts";
import type { Settings } from "../model/settings.ts";
import { sendsToForbidden } from "./policy-shares.ts";
import { sendsToNonMember } from "./released.ts";
import { drainsOf, runningShifts } from "./urgency.ts";

/** What a person or a loss caused is planned at once, whatever is under way. */
const AT_ONCE: ReadonlySet<InputsCause> = new Set<InputsCause>(["operator", "lost", "abort"]);
/** What moves by itself, and so stands still while the fleet is frozen. */
const AUTOMATIC: ReadonlySet<InputsCause> = new Set<InputsCause>(["measured", "ramp", "fleet", "lost"]);

/**
 * Services to compute the next step of now, by name: their inputs moved, or a settled step allows the next. Pure and
 * cheap, so it may be asked every tick; asked too often it only costs time, for a stale proposal is passed over.
 */
export function dueServices(state: FleetState, observed: Observed, settings: Settings): readonly ServiceId[] {
  const atMs = Math.max(state.atMs, observed.atMs);
  const hasAgents = [...state.clusters.values()].some(({ membership }) => membership === "active");
  if (!hasAgents) return [];
  return [...state.services]
    .filter(([, service]) =>
      haveInputsMoved(service)
        ? isTurn(state, service, { atMs, settings })
        : isNextStepDue(state, service, { atMs, settings }),
    )
    .map(([id]) => id)
    .toSorted(compareNames);
}

interface Moment {
  readonly atMs: number;
  readonly settings: Settings;
}

function haveInputsMoved({ inputsSequence, plannedSequence }: ServiceState): boolean {
  return inputsSequence > plannedSequence;
}

/** Whether moved inputs may be planned now, or wait for the step under way and for the routine's own interval. */
function isTurn(state: FleetState, service: ServiceState, moment: Moment): boolean {
  const { inputsCause = "measured", rollout } = service;
  if (state.freeze !== undefined && AUTOMATIC.has(inputsCause) && !isOperated(state, service)) return false;
  if (rollout === undefined || AT_ONCE.has(inputsCause)) return true;
  if (!rollout.isSettled) return false;
  return inputsCause !== "measured" || hasRested(rollout.committedAtMs, moment);
}

/** Whether an operator's act is under way, which a loss that waits for the thaw must not hold up. */
function isOperated(state: FleetState, service: ServiceState): boolean {
  const isMoved = runningShifts(state, service).length + drainsOf(state, service).length > 0;
  return isMoved || sendsToNonMember(state, service) || sendsToForbidden(state, service);
}

/** Flapping numbers may move a service once per interval (L5: bounded output for any input). */
function hasRested(committedAtMs: number, { atMs, settings }: Moment): boolean {
  return atMs - committedAtMs >= settings.routineIntervalMs;
}

/** A step on the way that has settled is followed by the next, unless something holds what is asked. */
function isNextStepDue(state: FleetState, service: ServiceState, moment: Moment): boolean {
  const { rollout } = service;
  if (rollout === undefined || !rollout.isSettled || rollout.plan.isFinalStep) return false;
  const shifts = runningShifts(state, service);
  if (shifts.length + drainsOf(state, service).length === 0 && !sendsToForbidden(state, service)) {
    return state.freeze === undefined && hasRested(rollout.committedAtMs, moment);
  }
  return !shifts.some(({ phase }) => phase === "holding");
}
