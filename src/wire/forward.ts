import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { ForwardRequestSchema, ForwardResponseSchema, ReplicaHeartbeatSchema } from "../../proto/gen/weir/v1/log_pb.ts";
import type { Command, Committed, ForwardedCommand } from "../model/command.ts";
import type { ReplicaHeartbeat } from "../model/heartbeat.ts";
import type { Actor } from "../model/ids.ts";
import type { Refusal } from "../model/refusal.ts";
import { ok, refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import { canonicalJsonBytes, isFields, parseJson } from "./canonical-json.ts";
import { Checks } from "./checks.ts";
import { toSequence } from "./position.ts";
import { isRefusalCode } from "./refusal-status.ts";

/** Bytes of a replica's heartbeat. */
export function encodeReplicaHeartbeat(heartbeat: ReplicaHeartbeat): Uint8Array {
  const { knows, streams, logTimeMs, upForMs, ...rest } = heartbeat;
  const numbers = {
    epoch: toSequence(heartbeat.epoch),
    sequence: toSequence(heartbeat.sequence),
    logTimeUnixMs: BigInt(Math.round(logTimeMs)),
    upForMs: BigInt(Math.max(0, Math.round(upForMs))),
  };
  const message = { ...rest, ...numbers, knows: [...knows], streams: [...streams] };
  return toBinary(ReplicaHeartbeatSchema, create(ReplicaHeartbeatSchema, message));
}

/** Reads a replica's heartbeat. Refuses DECODE, FIELD_REQUIRED, SEQ_RANGE. */
export function decodeReplicaHeartbeat(bytes: Uint8Array): Result<ReplicaHeartbeat, Refusal> {
  const message = decoded(ReplicaHeartbeatSchema, bytes);
  if (message === undefined) return undecodable("ReplicaHeartbeat");
  const checks = new Checks();
  const { isLeading, knows, streams, operatorAddress, bootId, halted } = message;
  const replica = checks.required("replica", message.replica, 128);
  const [epoch, sequence] = [checks.sequence("epoch", message.epoch), checks.sequence("sequence", message.sequence)];
  const [logTimeMs, upForMs] = [Number(message.logTimeUnixMs), Number(message.upForMs)];
  const said = { isLeading, knows, streams, operatorAddress, bootId, halted };
  return checks.result({ replica, epoch, sequence, logTimeMs, upForMs, ...said });
}

/** Bytes of a command on its way to the leader. */
export function encodeForwardRequest(envelope: ForwardedCommand): Uint8Array {
  const { command, ...rest } = envelope;
  const message = create(ForwardRequestSchema, { ...rest, commandJson: canonicalJsonBytes(command) });
  return toBinary(ForwardRequestSchema, message);
}

/**
 * Reads a forwarded command. Refuses DECODE. Only planners may publish here, so that the command is taken as the
 * sender's translation made it.
 */
export function decodeForwardRequest(bytes: Uint8Array): Result<ForwardedCommand, Refusal> {
  const message = decoded(ForwardRequestSchema, bytes);
  const command = message === undefined ? undefined : parseJson(message.commandJson);
  if (message === undefined || !isFields(command) || typeof command["kind"] !== "string")
    return undecodable("ForwardRequest");
  const { requestId, requestDigest } = message;
  const checks = new Checks();
  const actor = checks.required("actor", message.actor, 256) as Actor;
  return checks.result({ command: command as unknown as Command, actor, requestId, requestDigest });
}

/** Bytes of the leader's answer. */
export function encodeForwardResponse(answer: Result<Committed, Refusal>): Uint8Array {
  const message = answer.ok
    ? { sequence: toSequence(answer.value.sequence), subject: answer.value.subject }
    : { refusal: { ...answer.refusal } };
  return toBinary(ForwardResponseSchema, create(ForwardResponseSchema, message));
}

/** Reads the leader's answer, which may itself be a refusal. Refuses DECODE when it cannot be read. */
export function decodeForwardResponse(bytes: Uint8Array): Result<Committed, Refusal> {
  const message = decoded(ForwardResponseSchema, bytes);
  if (message === undefined) return undecodable("ForwardResponse");
  const { refusal } = message;
  if (refusal === undefined) return ok({ sequence: Number(message.sequence), subject: message.subject });
  if (!isRefusalCode(refusal.code)) return undecodable("ForwardResponse");
  return refuse({ code: refusal.code, field: refusal.field, message: refusal.message });
}

function decoded<S extends DescMessage>(schema: S, bytes: Uint8Array): MessageShape<S> | undefined {
  try {
    return fromBinary(schema, bytes);
  } catch {
    // A replica of another version may send what this one cannot read: an answer, not an accident.
    return undefined;
  }
}

function undecodable(what: string): Result<never, Refusal> {
  return refuse({ code: "DECODE", field: "", message: `these bytes are no ${what} message` });
}
