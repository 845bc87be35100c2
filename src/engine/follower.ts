import type { LogRecord } from "../model/event.ts";
import type { FleetState } from "../model/fleet.ts";
import type { Refusal } from "../model/refusal.ts";
import { refuseForeign } from "./chain.ts";
import type { Decider } from "./decider.ts";
import type { Halts } from "./halts.ts";
import type { Ledger } from "./ledger.ts";
import { StoreFault } from "./ports.ts";
import type { Codec, EngineLog, Log, LogEntry } from "./ports.ts";

/** What folding the log needs. */
export interface FollowerParts {
  readonly log: Log;
  readonly codec: Codec;
  readonly decider: Decider;
  readonly ledger: Ledger;
  readonly halts: Halts;
  readonly logger: EngineLog;
}

/**
 * Folds every record after the ledger's state, in order, until the signal aborts. The first thing that cannot be built
 * on halts this replica for good (STORE_CORRUPT): it keeps its last good state and publishes nothing.
 */
export async function follow(parts: FollowerParts, signal: AbortSignal): Promise<void> {
  try {
    for await (const entry of parts.log.follow(parts.ledger.state.sequence, signal)) {
      const refusal = foldEntry(parts, entry);
      if (refusal !== undefined) return parts.halts.set("corrupt", refusal);
    }
  } catch (error) {
    if (signal.aborted) return;
    parts.halts.set("corrupt", error instanceof StoreFault ? error.refusal : unfoldable("the log", error));
  }
}

function foldEntry(parts: FollowerParts, entry: LogEntry): Refusal | undefined {
  const decoded = parts.codec.decodeRecord(entry);
  if (!decoded.ok) return decoded.refusal;
  const { ledger } = parts;
  const foreign = refuseForeign(ledger.state, decoded.value);
  if (foreign !== undefined) return foreign;
  const folded = evolved(parts, decoded.value);
  if ("code" in folded) return folded;
  ledger.fold(folded, decoded.value);
  return undefined;
}

/** A record that breaks `evolve` would break it on every replica and after every restart: halt, do not crash in a loop. */
function evolved({ decider, ledger, logger }: FollowerParts, record: LogRecord): FleetState | Refusal {
  try {
    return decider.evolve(ledger.state, record);
  } catch (error) {
    logger.error({ sequence: record.sequence, err: error }, "record cannot be folded");
    return unfoldable(`record ${record.sequence}`, error);
  }
}

function unfoldable(what: string, error: unknown): Refusal {
  const message = `${what} cannot be folded: ${String(error)}. Nothing is published; run a planner version that can.`;
  return { code: "STORE_CORRUPT", field: "", message };
}
