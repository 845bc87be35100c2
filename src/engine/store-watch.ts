import { sameIncarnation } from "../model/position.ts";
import type { Refusal } from "../model/refusal.ts";
import { within } from "./deadline.ts";
import type { Halts } from "./halts.ts";
import type { Ledger } from "./ledger.ts";
import type { Clock, EngineLog, Log, Snapshots } from "./ports.ts";
import { purged, recreated, rolledBackBelow } from "./store-refusals.ts";

/** What watching the store needs. */
export interface StoreWatchParts {
  readonly log: Log;
  readonly snapshots: Snapshots;
  readonly ledger: Ledger;
  readonly halts: Halts;
  readonly clock: Clock;
  readonly logger: EngineLog;
  readonly timeoutMs: number;
}

/**
 * Looks at the store once: its settings, its bounds, its incarnation, against what this replica has folded. Settings can
 * be mended while it runs; a log that lost records cannot. A store that does not answer is no reason to halt: nothing can
 * be written to it either, and what agents hold stands.
 */
export async function watchStore(parts: StoreWatchParts, signal: AbortSignal): Promise<void> {
  const { clock, halts, logger, timeoutMs: ms } = parts;
  try {
    const bounded = { clock, ms, signal, what: "looking at the store" };
    const found = await within(bounded, async (inner) => await look(parts, inner));
    halts.set("store", found.settings);
    if (found.loss !== undefined) halts.set("corrupt", found.loss);
  } catch (error) {
    if (!signal.aborted) logger.warn({ cause: String(error) }, "the store does not answer");
  }
}

interface Found {
  readonly settings: Refusal | undefined;
  readonly loss: Refusal | undefined;
}

async function look(parts: StoreWatchParts, signal: AbortSignal): Promise<Found> {
  const refusal = await parts.log.check(signal);
  if (refusal !== undefined) {
    const isLoss = refusal.code === "STORE_CORRUPT";
    return { settings: isLoss ? undefined : refusal, loss: isLoss ? refusal : undefined };
  }
  return { settings: undefined, loss: await lossIn(parts, signal) };
}

async function lossIn({ log, ledger, snapshots }: StoreWatchParts, signal: AbortSignal): Promise<Refusal | undefined> {
  // Read before the bounds: what is folded while they are on their way cannot make them look short.
  const { sequence } = ledger.state;
  const { first, last } = await log.bounds(signal);
  if (last < sequence) return rolledBackBelow(sequence, last);
  const incarnation = await log.incarnation(signal);
  const state = ledger.state;
  const isOther =
    incarnation?.generation === state.incarnation.generation && !sameIncarnation(incarnation, state.incarnation);
  if (isOther) return recreated(incarnation, state);
  if (first <= 1) return undefined;
  // Read after the bounds: snapshots are dropped before the log is trimmed, never the other way round.
  const [oldest] = await snapshots.list(signal);
  return oldest !== undefined && first <= oldest.sequence + 1 ? undefined : purged(first, oldest?.sequence);
}
