import type { FleetState } from "../model/fleet.ts";
import type { LogRecord } from "../model/event.ts";
import type { Refusal } from "../model/refusal.ts";

/**
 * Whether a record continues the log: next sequence, same incarnation, written by the holder of the term or by the
 * replica that starts a higher one. The compare-and-append lets no other through, so that anything else was not written
 * by a planner: STORE_CORRUPT.
 */
export function refuseForeign(state: FleetState, record: LogRecord): Refusal | undefined {
  const complaint = complaintOf(state, record);
  if (complaint === undefined) return undefined;
  return {
    code: "STORE_CORRUPT",
    field: `log[${record.sequence}]`,
    message:
      `record ${record.sequence} does not continue the log: ${complaint}. Nothing is published and agents keep what ` +
      `they have. Restore the stream from a backup that ends before it, then run \`weir recover\`.`,
  };
}

function complaintOf(state: FleetState, record: LogRecord): string | undefined {
  if (record.sequence !== state.sequence + 1) return `it follows record ${state.sequence}`;
  if (state.incarnation.generation > 0 && record.incarnation.id !== state.incarnation.id)
    return `it belongs to incarnation ${record.incarnation.generation}/${record.incarnation.id}, the log to ${state.incarnation.generation}/${state.incarnation.id}`;
  if (!record.nonce.startsWith(noncePrefix(record.sequence))) return "it was written for another place in the log";
  const term = record.events.find((event) => event.kind === "term-started");
  if (term !== undefined) {
    const isNewTerm = term.epoch > state.epoch && term.epoch === record.epoch && term.holder === record.writer;
    return isNewTerm ? undefined : `it starts term ${term.epoch} of ${term.holder} in term ${state.epoch}`;
  }
  if (record.epoch !== state.epoch) return `it is of term ${record.epoch}, the log is in term ${state.epoch}`;
  return record.writer === state.holder
    ? undefined
    : `${record.writer} wrote it, but ${state.holder} holds term ${state.epoch}`;
}

/** How the nonce of a record at `sequence` begins, so that a copy of a record in another place is told from the record. */
export function noncePrefix(sequence: number): string {
  return `${sequence}.`;
}
