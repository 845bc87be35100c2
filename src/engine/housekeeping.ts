import type { FleetState } from "../model/fleet.ts";
import { sameIncarnation } from "../model/position.ts";
import { within } from "./deadline.ts";
import type { Clock, EngineLog, Log } from "./ports.ts";
import type { SnapshotKeeper } from "./snapshot-keeper.ts";
import type { EngineTiming } from "./timing.ts";

/** What the leader's housekeeping needs. */
export interface HousekeepingParts {
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: EngineLog;
  readonly timing: EngineTiming;
  readonly keeper: SnapshotKeeper;
}

/**
 * The leader's housekeeping: a snapshot when one is due. After a recovery: first a snapshot of the new life, then the mark
 * that makes it count. What cannot be kept now is kept another time.
 */
export async function keepHouse(parts: HousekeepingParts, state: FleetState, signal: AbortSignal): Promise<void> {
  const { log, clock, timing, logger, keeper } = parts;
  const bounded = { clock, ms: timing.storeTimeoutMs, signal, what: "keeping a snapshot" };
  try {
    const marked = await within(bounded, async (inner) => await log.incarnation(inner));
    const isMarked = marked !== undefined && sameIncarnation(marked, state.incarnation);
    if (!isMarked || keeper.isDue(state)) {
      const bytes = await keeper.encode(state, signal);
      await within(bounded, async (inner) => await keeper.keep(state, bytes, inner));
    }
    if (!isMarked) await within(bounded, (inner) => log.markIncarnation(state.incarnation, inner));
  } catch (error) {
    if (!signal.aborted) logger.warn({ cause: String(error) }, "snapshot could not be kept");
  }
}
