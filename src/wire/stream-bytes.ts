import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectRequestSchema, ConnectResponseSchema, DeltaBase } from "../../proto/gen/weir/v1/agent_pb.ts";
import type { PlanDeltaSchema } from "../../proto/gen/weir/v1/agent_pb.ts";
import { isSequence } from "../model/position.ts";
import type { Position } from "../model/position.ts";
import { assert } from "../model/result.ts";
import { CanonicalWriter, sizeOfContent, sizeOfField, sizeOfNumber } from "./canonical-writer.ts";
import { toAcknowledgement } from "./link.ts";
import type { AgentAcknowledgement } from "./link.ts";
import { toPosition } from "./position.ts";
import { Preserialized } from "./rpc.ts";
import { ACKNOWLEDGEMENT_TAG, INCARNATION_TAG, PLAN_TAG, POSITION_TAG, STREAM_TAG } from "./stream-tags.ts";

/** A delta without what only few have: rulings, and services that go. */
export interface PlainDelta {
  readonly position: Position;
  readonly base: "held" | "nothing";
  /** Bytes of each changed route set, sorted by service. */
  readonly routeSets: readonly Uint8Array[];
  readonly digest: Uint8Array;
}

type Rest = Pick<MessageInitShape<typeof PlanDeltaSchema>, "removed" | "fallbackRulings">;

const BASES = { held: DeltaBase.HELD, nothing: DeltaBase.NOTHING } as const;

/**
 * The `ConnectResponse` that carries a delta: the very bytes that the general serialiser makes, at a tenth of its price,
 * because a commit may be a message to each of a thousand agents. What is not plain goes the general way.
 */
export function planBytes(delta: PlainDelta, { removed = [], fallbackRulings = [] }: Rest): Preserialized {
  if (removed.length === 0 && fallbackRulings.length === 0) return new Preserialized(plainPlan(delta));
  const { position, base, routeSets, digest } = delta;
  const rest = { base: BASES[base], routeSets: [...routeSets], digest, removed, fallbackRulings };
  const value = { position: toPosition(position), ...rest };
  const message = create(ConnectResponseSchema, { message: { case: "plan", value } });
  return new Preserialized(toBinary(ConnectResponseSchema, message));
}

function plainPlan({ position, base, routeSets, digest }: PlainDelta): Buffer {
  let size = sizeOfField(sizeOfPosition(position)) + sizeOfContent(digest.length) + sizeOfNumber(BASES[base]);
  for (const bytes of routeSets) size += sizeOfField(bytes.length);
  const writer = new CanonicalWriter(sizeOfField(size));
  writer.enter(STREAM_TAG.plan, size);
  writePosition(writer, position);
  for (const bytes of routeSets) writer.entry(PLAN_TAG.routeSet, bytes);
  writer.bytes(PLAN_TAG.digest, digest);
  writer.number(PLAN_TAG.base, BASES[base]);
  return writer.finish();
}

/** The `ConnectRequest` that carries an acknowledgement; as `planBytes`. */
export function acknowledgementBytes(acknowledgement: AgentAcknowledgement): Preserialized {
  const { position, digest, refusals } = acknowledgement;
  if (refusals.length > 0) {
    const value = toAcknowledgement(acknowledgement);
    const message = create(ConnectRequestSchema, { message: { case: "acknowledgement", value } });
    return new Preserialized(toBinary(ConnectRequestSchema, message));
  }
  const size = sizeOfField(sizeOfPosition(position)) + sizeOfContent(digest.length);
  const writer = new CanonicalWriter(sizeOfField(size));
  writer.enter(STREAM_TAG.acknowledgement, size);
  writePosition(writer, position);
  writer.bytes(ACKNOWLEDGEMENT_TAG.digest, digest);
  return new Preserialized(writer.finish());
}

function sizeOfIncarnation({ generation, id }: Position["incarnation"]): number {
  return sizeOfNumber(generation) + sizeOfContent(Buffer.byteLength(id));
}

function sizeOfPosition({ incarnation, epoch, revision }: Position): number {
  return sizeOfField(sizeOfIncarnation(incarnation)) + sizeOfNumber(epoch) + sizeOfNumber(revision);
}

/** The field has number 1 wherever a position stands. */
function writePosition(writer: CanonicalWriter, position: Position): void {
  const { incarnation, epoch, revision } = position;
  const isSound = isSequence(incarnation.generation) && isSequence(epoch) && isSequence(revision);
  assert(isSound, "a sequence is an integer that a double holds exactly");
  writer.enter(STREAM_TAG.position, sizeOfPosition(position));
  writer.enter(POSITION_TAG.incarnation, sizeOfIncarnation(incarnation));
  writer.number(INCARNATION_TAG.generation, incarnation.generation);
  writer.text(INCARNATION_TAG.id, incarnation.id);
  writer.number(POSITION_TAG.epoch, epoch);
  writer.number(POSITION_TAG.revision, revision);
}
