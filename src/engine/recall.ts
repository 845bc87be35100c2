import type { FleetState } from "../model/fleet.ts";
import { EMPTY_FLEET } from "../model/fleet.ts";
import { sameIncarnation } from "../model/position.ts";
import type { Incarnation } from "../model/position.ts";
import type { Refusal } from "../model/refusal.ts";
import { purged } from "./store-refusals.ts";
import type { Codec, EngineLog, Log, LogBounds, SnapshotMark, Snapshots } from "./ports.ts";

/** What a start begins from. */
export interface Recalled {
  /** Newest folded state that is kept, or the empty fleet. */
  readonly state: FleetState;
  /** The log as it was then: the start is caught up once `last` is folded. */
  readonly bounds: LogBounds;
  /** Why nothing may be built on it, if so. */
  readonly corrupt?: Refusal;
  /** A snapshot that the log does not reach. */
  readonly ahead?: SnapshotMark;
}

/** What reading it needs. */
export interface RecallParts {
  readonly log: Pick<Log, "incarnation" | "bounds">;
  readonly snapshots: Pick<Snapshots, "list" | "load">;
  readonly codec: Codec;
  readonly logger: EngineLog;
}

/** The store is read in several questions, and the leader goes on keeping and trimming between them. */
const LOOKS_MAX = 3;

/**
 * Reads what a replica starts from: snapshot + tail. A snapshot that cannot be read yields to the one before it. A
 * snapshot ahead of the log is a witness like an agent: the log was restored or wiped. What looks like a loss is looked
 * at again: it may be what the leader did meanwhile.
 */
export async function recall(parts: RecallParts, signal: AbortSignal): Promise<Recalled> {
  for (let look = 1; ; look += 1) {
    // Each look follows on what the last one found.
    const recalled = await readOnce(parts, signal);
    const isWhole = recalled.corrupt === undefined && recalled.ahead === undefined;
    if (isWhole || look === LOOKS_MAX) return recalled;
  }
}

async function readOnce(parts: RecallParts, signal: AbortSignal): Promise<Recalled> {
  // Snapshots before the log's end: of one that is kept in between, the end would fall short.
  const marks = await parts.snapshots.list(signal);
  const incarnation = await parts.log.incarnation(signal);
  const bounds = await parts.log.bounds(signal);
  const usable = marks.filter((mark) => mark.sequence <= bounds.last && isOf(mark, incarnation));
  const state = (await newestReadable(parts, usable, signal)) ?? EMPTY_FLEET;
  const ahead = marks.findLast((mark) => !usable.includes(mark) && isWitness(mark, incarnation));
  return {
    state,
    bounds,
    ...(bounds.first > state.sequence + 1 ? { corrupt: purged(bounds.first, state.sequence) } : {}),
    ...(ahead === undefined ? {} : { ahead }),
  };
}

function isOf(mark: SnapshotMark, incarnation: Incarnation | undefined): boolean {
  return incarnation === undefined || sameIncarnation(mark.incarnation, incarnation);
}

/** A snapshot of this life beyond the log's end, of a later life, or of another life of the same age. */
function isWitness({ incarnation }: SnapshotMark, known: Incarnation | undefined): boolean {
  return known === undefined || incarnation.generation >= known.generation;
}

async function newestReadable(
  { snapshots, codec, logger }: Omit<RecallParts, "log">,
  marks: readonly SnapshotMark[],
  signal: AbortSignal,
): Promise<FleetState | undefined> {
  for (const { sequence } of marks.toReversed()) {
    // The next older one is read only if this one will not do.
    const bytes = await snapshots.load(sequence, signal);
    const decoded = bytes === undefined ? undefined : codec.decodeSnapshot(bytes);
    if (decoded?.ok === true && decoded.value.sequence === sequence) return decoded.value;
    logger.warn({ sequence, refusal: decoded?.ok === false ? decoded.refusal : undefined }, "snapshot cannot be read");
  }
  return undefined;
}
