import type { LogRecord } from "../model/event.ts";
import type { Refusal } from "../model/refusal.ts";
import { DeadlinePassed, within } from "./deadline.ts";
import type { Ledger } from "./ledger.ts";
import type { Clock, Codec, EngineLog, Log } from "./ports.ts";
import { rolledBackBelow } from "./store-refusals.ts";

/** What became of a record: its place in the log, or another's record took it, or the store will not have it. */
export type Landing =
  | { readonly kind: "committed"; readonly sequence: number }
  | { readonly kind: "lost" }
  | { readonly kind: "too-large"; readonly bytes: number }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** What landing a record needs. */
export interface LandingParts {
  readonly log: Log;
  readonly codec: Codec;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly logger: EngineLog;
  readonly storeTimeoutMs: number;
}

/** What one message of the store must be able to hold, in bytes: what a NATS message holds by default (1 MiB). */
export const MESSAGE_BYTES_MIN = 1_024 * 1_024;

/** Room in a message for its headers, in bytes. */
const HEADER_BYTES_MAX = 4_096;

/** Most bytes of a record. */
export const RECORD_BYTES_MAX = MESSAGE_BYTES_MIN - HEADER_BYTES_MAX;

/** Pause before the store is asked again, in ms. */
const RETRY_PAUSE_MS = 100;

/** How long the fold may lag behind the log before the log's end is looked at, in ms. */
const FOLD_PATIENCE_MS = 2_000;

/**
 * Appends a record after everything folded so far and settles, beyond doubt, whether it is in the log: an
 * acknowledgement that does not come says nothing. Found at its place = committed; another record there = lost; neither =
 * the same append again, with the same expected sequence and message id, until one of the two is seen (S12).
 *
 * Ends only with certainty, or by throwing when `signal` aborts.
 */
export async function land(
  parts: LandingParts,
  record: Omit<LogRecord, "sequence">,
  signal: AbortSignal,
): Promise<Landing> {
  const expected = parts.ledger.state.sequence;
  const bytes = parts.codec.encodeRecord(record);
  // The store would never take it, and asking again and again would hold up every other command.
  if (bytes.length > RECORD_BYTES_MAX) return { kind: "too-large", bytes: bytes.length };
  const attempt = { parts, expected, nonce: record.nonce, signal };
  for (;;) {
    signal.throwIfAborted();
    // One attempt after the other: each is made only when the one before it left nothing in the log.
    const landing = await attemptOnce(attempt, bytes);
    if (landing !== undefined) return landing;
    await parts.clock.sleep(RETRY_PAUSE_MS, signal);
  }
}

interface Attempt {
  readonly parts: LandingParts;
  readonly expected: number;
  readonly nonce: string;
  readonly signal: AbortSignal;
}

async function attemptOnce(attempt: Attempt, bytes: Uint8Array): Promise<Landing | undefined> {
  const { parts, expected, nonce, signal } = attempt;
  const outcome = await parts.log.append(bytes, { expectedSequence: expected, messageId: nonce, signal });
  if (outcome.kind === "refused") return outcome;
  // A conflict may be our own earlier attempt that got through after all.
  if (outcome.kind !== "ambiguous") return await settle(attempt);
  parts.logger.debug({ expected, cause: String(outcome.cause) }, "append without an answer");
  return await settleAmbiguous(attempt);
}

/** The place is taken; waits until this replica has folded it and sees by whom. */
async function settle(attempt: Attempt): Promise<Landing> {
  const { parts, expected, nonce, signal } = attempt;
  const { clock, ledger } = parts;
  for (;;) {
    try {
      const patience = { clock, ms: FOLD_PATIENCE_MS, signal, what: "folding an appended record" };
      await within(patience, async (inner) => await ledger.reached(expected + 1, inner));
      const found = ledger.recordAt(expected + 1)?.nonce === nonce;
      return found ? { kind: "committed", sequence: expected + 1 } : { kind: "lost" };
    } catch (error) {
      if (!(error instanceof DeadlinePassed)) throw error;
      const last = await lastSequence(attempt);
      if (last !== undefined && last < expected) return { kind: "refused", refusal: rolledBackBelow(expected, last) };
    }
  }
}

/** Nobody knows whether it is stored: the log's end tells. Undefined: it is not, append again. */
async function settleAmbiguous(attempt: Attempt): Promise<Landing | undefined> {
  const last = await lastSequence(attempt);
  if (last === undefined || last === attempt.expected) return undefined;
  return await settle(attempt);
}

/** The log's last sequence; undefined when the store does not answer. */
async function lastSequence({ parts, signal }: Attempt): Promise<number | undefined> {
  const { clock, storeTimeoutMs: ms, log, logger } = parts;
  try {
    return (await within({ clock, ms, signal, what: "reading the log's end" }, (inner) => log.bounds(inner))).last;
  } catch (error) {
    signal.throwIfAborted();
    logger.debug({ cause: String(error) }, "the log's end cannot be read");
    return undefined;
  }
}
