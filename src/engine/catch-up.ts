import type { Halts } from "./halts.ts";
import type { Ledger } from "./ledger.ts";
import type { Clock, Log } from "./ports.ts";
import { recall } from "./recall.ts";
import type { RecallParts } from "./recall.ts";
import type { SnapshotKeeper } from "./snapshot-keeper.ts";
import type { Witnessing } from "./witnessing.ts";

/** What beginning from the store needs. */
export interface BeginningParts extends RecallParts {
  readonly log: Log;
  readonly ledger: Ledger;
  readonly halts: Halts;
  readonly keeper: SnapshotKeeper;
  readonly witnessing: Witnessing;
}

/** Begins from what the store holds: the newest snapshot. Returns the log's end at that time: what is to be caught up to. */
export async function beginFromStore(parts: BeginningParts, signal: AbortSignal): Promise<number> {
  const { ledger, keeper, halts, witnessing } = parts;
  const { state, bounds, corrupt, ahead } = await recall(parts, signal);
  ledger.reset(state);
  keeper.startedFrom(state);
  if (corrupt !== undefined) halts.set("corrupt", corrupt);
  if (ahead !== undefined) witnessing.suspectSnapshot(ahead, bounds.last);
  return bounds.last;
}

/** How often a start looks whether it was halted while it waits for the tail, in ms. */
const HALT_LOOK_MS = 50;

/** Waits until the tail is folded, or something in it halts this replica. */
export async function caughtUp(
  { clock, ledger, halts }: { readonly clock: Clock; readonly ledger: Ledger; readonly halts: Halts },
  sequence: number,
  signal: AbortSignal,
): Promise<void> {
  while (ledger.state.sequence < sequence && halts.reason()?.code !== "STORE_CORRUPT") {
    signal.throwIfAborted();
    await Promise.race([ledger.reached(sequence, signal), clock.sleep(HALT_LOOK_MS, signal)]);
  }
}
