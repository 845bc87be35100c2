import type { FleetState } from "../model/fleet.ts";
import { sameIncarnation } from "../model/position.ts";
import type { Incarnation } from "../model/position.ts";
import type { EngineTiming } from "./timing.ts";
import type { Clock, Codec, EngineLog, Log, SnapshotMark, Snapshots } from "./ports.ts";

/** Newest snapshots that are kept: a damaged one must not be the only one. */
const NEWEST_KEPT = 3;

/** What keeping snapshots needs. */
export interface KeeperParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly snapshots: Snapshots;
  readonly codec: Codec;
  readonly logger: EngineLog;
  readonly timing: EngineTiming;
}

/**
 * Keeps folded states and trims what they cover. Done by the leader alone. Order: save, drop what is superseded, then
 * trim, so that at every moment the log reaches back to the oldest snapshot that is kept.
 */
export class SnapshotKeeper {
  readonly #parts: KeeperParts;
  #savedSequence = 0;
  #savedAtMs = 0;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** Notes where this process began, so that a restart alone asks for no snapshot. */
  startedFrom(mark: { readonly sequence: number; readonly atMs: number }): void {
    this.#savedSequence = mark.sequence;
    this.#savedAtMs = mark.atMs;
  }

  /** Whether enough happened since the last snapshot, or it is of another life of the log. */
  isDue(state: FleetState): boolean {
    const { snapshotEveryRecords, snapshotEveryMs } = this.#parts.timing;
    const records = state.sequence - this.#savedSequence;
    return records >= snapshotEveryRecords || (records > 0 && state.atMs - this.#savedAtMs >= snapshotEveryMs);
  }

  /** A state's bytes, made little by little: a large fleet's take seconds, in which others have their turn. */
  async encode(state: FleetState, signal: AbortSignal): Promise<Uint8Array> {
    const { codec, clock } = this.#parts;
    const steps = codec.encodeSnapshotInSteps(state);
    for (;;) {
      signal.throwIfAborted();
      const step = steps.next();
      if (step.done === true) return step.value;
      // One step after the other, each in a turn of its own.
      await clock.sleep(0, signal);
    }
  }

  /** Saves a state by its bytes, drops superseded snapshots, trims the log. */
  async keep(state: FleetState, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const { snapshots, logger } = this.#parts;
    const mark = { sequence: state.sequence, atMs: state.atMs, incarnation: state.incarnation };
    await snapshots.save(mark, bytes, signal);
    this.startedFrom(mark);
    logger.info({ sequence: mark.sequence, bytes: bytes.length }, "snapshot kept");
    await this.#trim(state, signal);
  }

  async #trim(state: FleetState, signal: AbortSignal): Promise<void> {
    const { log, snapshots, logger, timing } = this.#parts;
    const marks = await snapshots.list(signal);
    const { superseded, trimTo } = sortOut(marks, state, timing.keepRecordsMs);
    for (const mark of superseded) {
      await snapshots.drop(mark.sequence, signal);
    }
    if (trimTo === undefined) return;
    const { first } = await log.bounds(signal);
    if (first > trimTo.sequence) return;
    await log.trim(trimTo.sequence + 1, signal);
    logger.info({ before: trimTo.sequence + 1, dropped: superseded.length }, "log trimmed");
  }
}

/** One snapshot a day stays until the records before it are old enough to go. */
const DAY_MS = 24 * 3_600_000;

/** What to drop, and the snapshot to trim the log to; undefined: every record is needed yet. */
export interface Sorting {
  readonly superseded: readonly SnapshotMark[];
  readonly trimTo: SnapshotMark | undefined;
}

/**
 * Which snapshots are superseded. The newest few stay, one of each day, and the newest one that is older than the records'
 * keeping time, for the log is kept back to that one. Snapshots of an earlier life of the log go.
 */
export function sortOut(
  marks: readonly SnapshotMark[],
  state: { readonly atMs: number; readonly incarnation: Incarnation },
  keepRecordsMs: number,
): Sorting {
  const own = marks.filter(({ incarnation }) => sameIncarnation(incarnation, state.incarnation));
  const past = marks.filter(({ incarnation }) => incarnation.generation < state.incarnation.generation);
  const base = own.findLast(({ atMs }) => atMs <= state.atMs - keepRecordsMs);
  const kept = new Set([...own.slice(-NEWEST_KEPT), ...firstOfEachDay(own)]);
  const stays = (mark: SnapshotMark): boolean =>
    mark === base || (kept.has(mark) && mark.sequence >= (base?.sequence ?? 0));
  return { superseded: [...past, ...own.filter((mark) => !stays(mark))], trimTo: base };
}

function firstOfEachDay(marks: readonly SnapshotMark[]): readonly SnapshotMark[] {
  const dayOf = (mark: SnapshotMark | undefined): number => Math.floor((mark?.atMs ?? -1) / DAY_MS);
  return marks.filter((mark, index) => dayOf(mark) !== dayOf(marks[index - 1]));
}
