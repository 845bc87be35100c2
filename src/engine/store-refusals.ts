import type { ClusterId } from "../model/ids.ts";
import type { FleetState } from "../model/fleet.ts";
import type { Incarnation, Position } from "../model/position.ts";
import type { Refusal } from "../model/refusal.ts";

/** The log became shorter than what this process has folded: only a restart can begin from what is left. */
export function rolledBackBelow(folded: number, last: number): Refusal {
  return {
    code: "STORE_ROLLED_BACK",
    field: "",
    message:
      `the log ends at ${last}, but this replica has already read ${folded}: an older log was restored. Nothing is ` +
      "published and agents keep what they have. Restart the planners, then run `weir recover`.",
  };
}

/** An agent holds a position that the log does not reach. */
export function rolledBackBehind(cluster: ClusterId, position: Position, state: FleetState): Refusal {
  return {
    code: "STORE_ROLLED_BACK",
    field: "",
    message:
      `the agent of ${cluster} holds ${textOf(position.incarnation)} epoch ${position.epoch} revision ` +
      `${position.revision}, but the log is ${textOf(state.incarnation)} epoch ${state.epoch} and ends at ` +
      `${state.sequence}: it was restored or wiped. Nothing is published and agents keep what they have. Look at ` +
      "`weir recover --preview`, then run `weir recover`.",
  };
}

/** A kept snapshot is ahead of the log. */
export function rolledBackBehindSnapshot(snapshot: number, last: number): Refusal {
  return {
    code: "STORE_ROLLED_BACK",
    field: "",
    message:
      `a snapshot of record ${snapshot} exists, but the log ends at ${last}: it was restored or wiped. Nothing is ` +
      "published and agents keep what they have. See what `weir recover` shows, then run `weir recover --yes`.",
  };
}

/** Records are gone that no kept snapshot covers. */
export function purged(first: number, oldest: number | undefined): Refusal {
  return {
    code: "STORE_CORRUPT",
    field: "",
    message:
      `the log begins at ${first}, but ${oldest === undefined ? "no snapshot is kept" : `the oldest snapshot is of record ${oldest}`}: ` +
      "records were purged by hand. Agents keep what they have. Restore the stream from a backup, then run `weir recover`.",
  };
}

/** The stream was made anew under a running planner. */
export function recreated(found: Incarnation, state: FleetState): Refusal {
  return {
    code: "STORE_ROLLED_BACK",
    field: "",
    message:
      `the stream says ${textOf(found)}, this replica has read ${textOf(state.incarnation)}: it is another log. ` +
      "Nothing is published and agents keep what they have. Restart the planners, then run `weir recover`.",
  };
}

function textOf({ generation, id }: Incarnation): string {
  return generation === 0 ? "no incarnation" : `incarnation ${generation}/${id}`;
}
