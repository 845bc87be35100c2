import type { Split } from "../model/destination.ts";
import type { ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";
import { hasEnded } from "../model/shift.ts";
import type { Shift } from "../model/shift.ts";
import type { Draft } from "./draft.ts";
import type { EventOf, Folds } from "./folds.ts";

/** How many ended shifts are remembered; the log remembers the others. */
export const ENDED_SHIFTS_MAX = 1_000;

/** Folds shifts and the pins that they set. */
export const SHIFT_FOLDS: Folds<"shift-requested" | "shift-moved"> = {
  "shift-requested": (draft, { shift }) => request(draft, shift),
  "shift-moved": move,
};

function request(draft: Draft, shift: Shift): void {
  draft.write("shifts").set(shift.shift, shift);
  const split = shift.target.kind === "split" ? shift.target.split : undefined;
  draft.changeService(shift.service, (before) => pinned(before, shift.sources, () => split));
  draft.raiseInputs(shift.service, "operator");
}

function move(draft: Draft, event: EventOf<"shift-moved">): void {
  const before = draft.state.shifts.get(event.shift);
  if (before === undefined || hasEnded(before)) return;
  const after: Shift = { ...before, phase: event.phase, detail: event.detail, stepsTaken: event.stepsTaken };
  if (!hasEnded(after)) {
    draft.write("shifts").set(event.shift, after);
    return;
  }
  draft.write("shifts").set(event.shift, { ...after, endedAtMs: draft.atMs });
  forgetOldest(draft);
  // A shift that failed must not go on to its target with nobody in charge: it goes back as well, in no hurry.
  if (event.phase !== "aborted" && event.phase !== "failed") return;
  draft.changeService(before.service, (service) => pinned(service, before.sources, (source) => before.before[source]));
  draft.raiseInputs(before.service, event.phase === "aborted" ? "abort" : "operator");
}

function pinned(
  service: ServiceState,
  sources: readonly ClusterId[],
  splitOf: (source: ClusterId) => Split | undefined,
): ServiceState {
  const pins: Record<ClusterId, Split> = { ...service.pins };
  for (const source of sources) {
    const split = splitOf(source);
    if (split === undefined) delete pins[source];
    else pins[source] = split;
  }
  return { ...service, pins };
}

/** Sorted by time and name, never by insertion, so that a state read from a snapshot forgets the same ones. */
function forgetOldest(draft: Draft): void {
  const ended = [...draft.state.shifts.values()].filter(hasEnded);
  if (ended.length <= ENDED_SHIFTS_MAX) return;
  const oldest = ended.toSorted(byEnd).slice(0, ended.length - ENDED_SHIFTS_MAX);
  const shifts = draft.write("shifts");
  for (const { shift } of oldest) shifts.delete(shift);
}

function byEnd(a: Shift, b: Shift): number {
  return (a.endedAtMs ?? 0) - (b.endedAtMs ?? 0) || compareNames(a.shift, b.shift);
}
