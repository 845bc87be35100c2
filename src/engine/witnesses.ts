import type { ClusterId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { FleetState } from "../model/fleet.ts";
import { sameIncarnation } from "../model/position.ts";
import type { Position } from "../model/position.ts";
import type { Refusal } from "../model/refusal.ts";
import type { SnapshotMark } from "./ports.ts";
import { rolledBackBehind, rolledBackBehindSnapshot } from "./store-refusals.ts";

interface SuspectSnapshot {
  readonly mark: SnapshotMark;
  /** End of the log when it was read. */
  readonly last: number;
}

/**
 * What agents and snapshots hold, against the log: they survive a loss of the store, so that a log which ends before any
 * of them was restored or wiped (S29). What was seen stays seen until the log's generation rises above it: a log that
 * grew past the position meanwhile is still another one. A cluster that was revoked is no witness.
 */
export class Witnesses {
  readonly #ahead = new Map<ClusterId, Position>();
  #snapshot: SuspectSnapshot | undefined;
  #highestEpoch = 0;

  /** Notes a position that the whole log, read to its end, does not reach. */
  suspect(cluster: ClusterId, position: Position): void {
    if (!this.#ahead.has(cluster)) this.#ahead.set(cluster, position);
  }

  /** Notes a snapshot beyond the log's end, or of another life of it. */
  suspectSnapshot(mark: SnapshotMark, last: number): void {
    this.#snapshot = { mark, last };
  }

  /** Positions beyond the log, by cluster. */
  ahead(): ReadonlyMap<ClusterId, Position> {
    return new Map(this.#ahead);
  }

  /** Notes a position that the log does reach. */
  trust(position: Position): void {
    this.#highestEpoch = Math.max(this.#highestEpoch, position.epoch);
  }

  /** Highest epoch that any agent of this log reported: a new term must be above it. */
  highestEpoch(): number {
    return this.#highestEpoch;
  }

  /** Highest generation of any witness: a recovery must be above it. */
  highestGeneration(): number {
    const generations = [...this.#ahead.values()].map(({ incarnation }) => incarnation.generation);
    return Math.max(0, this.#snapshot?.mark.incarnation.generation ?? 0, ...generations);
  }

  /** Why this log must not be published from, if so. */
  judge(state: FleetState): Refusal | undefined {
    const { generation } = state.incarnation;
    for (const [cluster, { incarnation }] of this.#ahead) {
      if (incarnation.generation < generation || isRevoked(cluster, state)) this.#ahead.delete(cluster);
    }
    const [first] = [...this.#ahead].toSorted(([a], [b]) => compareNames(a, b));
    if (first !== undefined) return rolledBackBehind(first[0], first[1], state);
    const snapshot = this.#snapshot;
    if (snapshot === undefined || snapshot.mark.incarnation.generation < generation) return undefined;
    if (isOfThisLog(snapshot, state)) return undefined;
    return rolledBackBehindSnapshot(snapshot.mark.sequence, snapshot.last);
  }
}

/**
 * Whether the log reached the snapshot all along: a recovery keeps a snapshot of the new life before it marks the stream,
 * and who starts in between sees the one without the other.
 */
function isOfThisLog({ mark, last }: SuspectSnapshot, state: FleetState): boolean {
  return mark.sequence <= last && sameIncarnation(mark.incarnation, state.incarnation);
}

/** Whether a position lies beyond a state: a later life of the log, another life of the same age, or further on. */
export function isAhead({ incarnation, epoch, revision }: Position, state: FleetState): boolean {
  const known = state.incarnation;
  if (incarnation.generation !== known.generation) return incarnation.generation > known.generation;
  return incarnation.id !== known.id || epoch > state.epoch || revision > state.sequence;
}

function isRevoked(cluster: ClusterId, state: FleetState): boolean {
  return state.clusters.get(cluster)?.membership === "revoked";
}
