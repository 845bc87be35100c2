import { DeltaBase } from "../../proto/gen/weir/v1/agent_pb.ts";
import type { Position } from "../model/position.ts";
import { CanonicalBytes } from "./canonical-bytes.ts";
import type { AgentAcknowledgement } from "./link.ts";
import { NameTable } from "./name-table.ts";
import { isPlainId } from "./position.ts";
import { DIGEST_BYTES } from "./sha256.ts";
import type { PlainDelta } from "./stream-bytes.ts";
import { ACKNOWLEDGEMENT_TAG, INCARNATION_TAG, PLAN_TAG, POSITION_TAG, STREAM_TAG } from "./stream-tags.ts";

/** A log has one incarnation at a time. */
const IDS = new NameTable(16, isPlainId);

const NO_REFUSALS: AgentAcknowledgement["refusals"] = [];

/**
 * Reads a `ConnectRequest` in one pass over its bytes, if it is a sound acknowledgement without refusals; undefined
 * otherwise, which says nothing against it. What it gives is what the general reader would give.
 */
export function readCanonicalAcknowledgement(bytes: Uint8Array): AgentAcknowledgement | undefined {
  const from = new CanonicalBytes(bytes);
  const outer = from.enter(STREAM_TAG.acknowledgement);
  const position = positionIn(from);
  const digest = digestIn(from, ACKNOWLEDGEMENT_TAG.digest);
  from.leave(outer);
  return from.isOdd() ? undefined : { position, digest, refusals: NO_REFUSALS };
}

/**
 * Reads a `ConnectResponse`, if it is a sound delta that only changes route sets; otherwise as above. Route sets and
 * digest are views of `bytes`.
 */
export function readCanonicalDelta(bytes: Uint8Array): PlainDelta | undefined {
  const from = new CanonicalBytes(bytes);
  const outer = from.enter(STREAM_TAG.plan);
  const position = positionIn(from);
  const routeSets: Uint8Array[] = [];
  while (from.sees(PLAN_TAG.routeSet)) routeSets.push(from.content(PLAN_TAG.routeSet));
  const digest = digestIn(from, PLAN_TAG.digest);
  const base = from.number(PLAN_TAG.base);
  from.leave(outer);
  if (from.isOdd()) return undefined;
  if (base === DeltaBase.HELD) return { position, base: "held", routeSets, digest };
  return base === DeltaBase.NOTHING ? { position, base: "nothing", routeSets, digest } : undefined;
}

function positionIn(from: CanonicalBytes): Position {
  const position = from.enter(STREAM_TAG.position);
  const incarnation = from.enter(POSITION_TAG.incarnation);
  const generation = from.sequenceOrZero(INCARNATION_TAG.generation);
  const id = from.name(INCARNATION_TAG.id, IDS);
  from.leave(incarnation);
  const epoch = from.sequenceOrZero(POSITION_TAG.epoch);
  const revision = from.sequenceOrZero(POSITION_TAG.revision);
  from.leave(position);
  return { incarnation: { generation, id }, epoch, revision };
}

function digestIn(from: CanonicalBytes, tag: number): Uint8Array {
  const digest = from.content(tag);
  if (digest.length !== DIGEST_BYTES) from.refuse();
  return digest;
}
