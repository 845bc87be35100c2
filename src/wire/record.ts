import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { LogRecordSchema } from "../../proto/gen/weir/v1/log_pb.ts";
import type { LogRecord as LogRecordMessage } from "../../proto/gen/weir/v1/log_pb.ts";
import type { FleetEvent, LogRecord } from "../model/event.ts";
import type { Actor } from "../model/ids.ts";
import type { Refusal } from "../model/refusal.ts";
import { ok, refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import { canonicalJsonBytes, isFields, parseJson } from "./canonical-json.ts";
import { Checks } from "./checks.ts";
import { fromLogEvent, toLogEvent } from "./event.ts";
import { incarnationOf, toIncarnation, toSequence } from "./position.ts";

/** Longest name of a replica, nonce or actor that a record may carry. */
const NAME_LENGTH_MAX = 256;

/**
 * The bytes of one record. What `store-route-sets` was asked with is its events, so that the command is not written a
 * second time.
 */
export function encodeRecord(record: Omit<LogRecord, "sequence">): Uint8Array {
  const message = create(LogRecordSchema, {
    incarnation: toIncarnation(record.incarnation),
    epoch: toSequence(record.epoch),
    writer: record.writer,
    nonce: record.nonce,
    atUnixMs: BigInt(Math.trunc(record.atMs)),
    actor: record.actor,
    commandJson: isInert(record.command) ? new Uint8Array() : canonicalJsonBytes(record.command),
    events: record.events.map(toLogEvent),
  });
  return toBinary(LogRecordSchema, message);
}

function isInert(command: unknown): boolean {
  return command === undefined || (isFields(command) && command["kind"] === "store-route-sets");
}

/**
 * Reads one record of the log. Refuses STORE_CORRUPT, with the sequence, on bytes that are no record, that lack what
 * every record has, or that hold an event this build cannot fold: whoever wrote it, nothing may be built on it.
 */
export function decodeRecord(entry: {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}): Result<LogRecord, Refusal> {
  const message = decoded(entry.bytes);
  if (message === undefined) return corrupt(entry.sequence, "its bytes are no record");
  const checks = new Checks();
  const head = headOf(checks, message);
  const checked = checks.result(head);
  if (!checked.ok) return corrupt(entry.sequence, `${checked.refusal.field} ${checked.refusal.message}`);
  const events: FleetEvent[] = [];
  for (const event of message.events) {
    const read = fromLogEvent(event);
    if (!read.ok) return corrupt(entry.sequence, read.refusal);
    events.push(read.value);
  }
  return ok({ sequence: entry.sequence, ...head, events });
}

function decoded(bytes: Uint8Array): LogRecordMessage | undefined {
  try {
    return fromBinary(LogRecordSchema, bytes);
  } catch {
    // Anybody with the right credentials could have written anything: that is what the refusal is for.
    return undefined;
  }
}

function headOf(checks: Checks, message: LogRecordMessage): Omit<LogRecord, "sequence" | "events"> {
  if (message.events.length === 0) checks.refuse("FIELD_REQUIRED", "events", "is empty");
  const command = message.commandJson.length === 0 ? undefined : parseJson(message.commandJson);
  if (message.commandJson.length > 0 && !isFields(command))
    checks.refuse("FIELD_INVALID", "command_json", "is no JSON object");
  return {
    incarnation: incarnationOf(checks, "incarnation", message.incarnation),
    epoch: checks.sequence("epoch", message.epoch),
    writer: checks.required("writer", message.writer, NAME_LENGTH_MAX),
    nonce: checks.required("nonce", message.nonce, NAME_LENGTH_MAX),
    atMs: checks.sequence("at_unix_ms", message.atUnixMs),
    actor: checks.required("actor", message.actor, NAME_LENGTH_MAX) as Actor,
    command,
  };
}

function corrupt(sequence: number, why: string): Result<never, Refusal> {
  const message =
    `the log's entry ${sequence} cannot be read: ${why}. Nothing is published and agents keep what they have. Restore ` +
    "the stream from a backup, then run `weir recover`.";
  return refuse({ code: "STORE_CORRUPT", field: `log[${sequence}]`, message });
}
