import type { Command } from "../model/command.ts";
import type { Split } from "../model/destination.ts";
import { compareDestinations } from "../model/destination.ts";
import type { FleetEvent } from "../model/event.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { Actor, ClusterId, ShiftId } from "../model/ids.ts";
import { hasEnded } from "../model/shift.ts";
import type { Shift, ShiftTarget } from "../model/shift.ts";
import type { Settings } from "../model/settings.ts";
import { checkReason, decided, firstObjection, PASSED, reject } from "./decision.ts";
import type { Check, Decision } from "./decision.ts";
import { checkBake, checkStep } from "./drains.ts";
import { inputsDigest } from "./inputs-digest.ts";
import { findCluster } from "./membership.ts";
import { findService } from "./services.ts";
import { checkShiftLoad } from "./shift-load.ts";
import { checkMesh, checkTarget } from "./shift-target.ts";
import { runningShifts } from "./urgency.ts";

type Of<K extends Command["kind"]> = Extract<Command, { kind: K }>;

/** What a shift is judged by besides state and command. */
export interface ShiftContext {
  readonly atMs: number;
  readonly actor: Actor;
  readonly settings: Settings;
}

/**
 * Admits a shift. One that names every source of a running shift of the same service takes its place (it is superseded);
 * one that overlaps in part is refused, for the rest of the other would be left half way with nobody in charge.
 */
export function requestShift(state: FleetState, command: Of<"request-shift">, context: ShiftContext): Decision {
  const found = findService(state, command.service);
  if (!found.ok) return found;
  const service = found.value;
  const sources = command.sources.toSorted(compareNames);
  const replaced = runningShifts(state, service).filter((shift) =>
    shift.sources.some((name) => sources.includes(name)),
  );
  const objection = firstObjection(
    () => checkShiftId(state, command.shift),
    () => checkReason(command.reason),
    () => checkSources(state, command.sources),
    () => (command.maxStepWeight === undefined ? PASSED : checkStep(command.maxStepWeight)),
    () => (command.bakeMs === undefined ? PASSED : checkBake(command.bakeMs)),
    () => checkPinned(state, command),
    () => checkReplaced(replaced, sources),
    () => checkTarget({ state, service, sources, target: command.target }),
    () => checkMesh({ state, service, sources, target: command.target }),
    () => checkShiftLoad({ state, service, sources, target: command.target }, context.settings),
  );
  if (!objection.ok) return objection;
  const shift: Shift = {
    shift: command.shift,
    service: command.service,
    sources,
    target: plainTarget(command.target),
    maxStepWeight: command.maxStepWeight ?? service.spec.pace.maxStepWeight,
    bakeMs: command.bakeMs ?? service.spec.pace.bakeMs,
    actor: context.actor,
    reason: command.reason,
    phase: "progressing",
    detail: "",
    requestedAtMs: context.atMs,
    stepsTaken: 0,
    before: pinsBefore(service, sources, replaced),
  };
  return decided(...replaced.map((old) => superseded(old, shift)), { kind: "shift-requested", shift });
}

/** Returns the sources to what they were pinned to before, at once. */
export function abortShift(state: FleetState, command: Of<"abort-shift">): Decision {
  const objection = checkReason(command.reason);
  if (!objection.ok) return objection;
  const shift = state.shifts.get(command.shift);
  if (shift === undefined) {
    const message = `no shift is called ${JSON.stringify(command.shift.slice(0, 128))}; \`weir shift list\` shows those that are known`;
    return reject("UNKNOWN_SHIFT", "shift", message);
  }
  if (hasEnded(shift)) {
    const message = `shift ${shift.shift} is ${shift.phase} already; to move its sources again, request another shift`;
    return reject("SHIFT_ENDED", "shift", message);
  }
  return decided({
    kind: "shift-moved",
    shift: shift.shift,
    phase: "aborted",
    detail: command.reason,
    stepsTaken: shift.stepsTaken,
  });
}

function checkShiftId(state: FleetState, shift: ShiftId): Check {
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(shift)) {
    return reject("BAD_NAME", "shift", "a shift's name has 1 to 128 of A-Z, a-z, 0-9, '-' and '_'");
  }
  if (!state.shifts.has(shift)) return PASSED;
  return reject("ALREADY_EXISTS", "shift", `there is a shift ${shift} already; a shift's name is used once`);
}

function checkSources(state: FleetState, sources: readonly ClusterId[]): Check {
  if (sources.length === 0)
    return reject("FIELD_REQUIRED", "sources", "name at least one cluster whose callers shall be moved");
  const seen = new Set<ClusterId>();
  for (const [index, source] of sources.entries()) {
    const field = `sources[${index}]`;
    const found = findCluster(state, source, field);
    if (!found.ok) return found;
    if (found.value.membership !== "active") {
      return reject(
        "CLUSTER_STATE",
        field,
        `cluster ${source} is ${found.value.membership}: it has no agent that could move callers`,
      );
    }
    if (seen.has(source)) return reject("DUPLICATE_KEY", field, `${source} is named twice`);
    seen.add(source);
  }
  return PASSED;
}

function checkPinned(state: FleetState, { service, pinnedDigest }: Of<"request-shift">): Check {
  if (pinnedDigest === undefined || pinnedDigest === "" || pinnedDigest === inputsDigest(state, service)) return PASSED;
  const message = `what the preview of ${service} was computed from has moved since; preview again and pin the new digest`;
  return reject("INPUTS_MOVED", "pinned_digest", message);
}

function checkReplaced(replaced: readonly Shift[], sources: readonly ClusterId[]): Check {
  const partly = replaced.find((shift) => !shift.sources.every((source) => sources.includes(source)));
  if (partly === undefined) return PASSED;
  const message = `shift ${partly.shift} is moving ${partly.sources.join(", ")}; abort it, or name all of these sources to take its place`;
  return reject("SHIFT_IN_PROGRESS", "sources", message);
}

/** A superseded shift was never seen healthy at its target: an abort goes back to what held before it. */
function pinsBefore(
  service: ServiceState,
  sources: readonly ClusterId[],
  replaced: readonly Shift[],
): Readonly<Record<ClusterId, Split>> {
  const before: Record<ClusterId, Split> = {};
  for (const source of sources) {
    const old = replaced.find((shift) => shift.sources.includes(source));
    const split = old === undefined ? service.pins[source] : old.before[source];
    if (split !== undefined) before[source] = split;
  }
  return before;
}

function superseded(old: Shift, by: Shift): FleetEvent {
  const detail = `superseded by shift ${by.shift} of ${by.actor}`;
  return { kind: "shift-moved", shift: old.shift, phase: "superseded", detail, stepsTaken: old.stepsTaken };
}

/** A split in its one form: sorted, without destinations that get nothing. */
function plainTarget(target: ShiftTarget): ShiftTarget {
  if (target.kind === "automatic") return target;
  const split = target.split
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => compareDestinations(a.destination, b.destination));
  return { kind: "split", split };
}
