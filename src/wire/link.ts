import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  Acknowledgement,
  AcknowledgementSchema,
  HeldRouteSet,
  HeldRouteSetSchema,
  Hello,
  HelloSchema,
  RouteSetRefusal,
  RouteSetRefusalSchema,
} from "../../proto/gen/weir/v1/agent_pb.ts";
import type { Feature, GatewayAddress } from "../model/cluster.ts";
import type { ClusterId, ServiceId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { Position } from "../model/position.ts";
import type { Refusal } from "../model/refusal.ts";
import type { RouteRefusal } from "../model/report.ts";
import { assert } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import { Checks } from "./checks.ts";
import { destinationsMaxOf } from "./cluster.ts";
import { positionOf, toPosition } from "./position.ts";
import { addressOf, toAddress } from "./route-set.ts";
import { fromHex, toHex } from "./sha256.ts";
import { FEATURES, FEATURE_WORDS } from "./words.ts";

/** What an agent says first on its stream. */
export interface AgentHello {
  readonly cluster: ClusterId;
  readonly uid: string;
  readonly bootId: string;
  readonly agentVersion: string;
  readonly held?: Position;
  /** Hash of each route set it holds, in hex. */
  readonly hashes: ReadonlyMap<ServiceId, string>;
  readonly features: readonly Feature[];
  readonly gateway?: GatewayAddress;
  /** Most destinations that one route of its mesh may have; undefined: without end. */
  readonly maxDestinations?: number;
}

/** What an agent says of one plan. */
export interface AgentAcknowledgement {
  readonly position: Position;
  /** Digest over everything its mesh routes by now. */
  readonly digest: Uint8Array;
  readonly refusals: readonly RouteRefusal[];
}

const ID_LENGTH_MAX = 128;
const DETAIL_LENGTH_MAX = 2_048;
const HASH_BYTES = 32;

/** A hello in the wire's form. */
export function toHello(hello: AgentHello): MessageInitShape<typeof HelloSchema> {
  const { held, gateway, maxDestinations } = hello;
  return {
    cluster: hello.cluster,
    clusterUid: hello.uid,
    bootId: hello.bootId,
    agentVersion: hello.agentVersion,
    ...(held === undefined ? {} : { held: toPosition(held) }),
    routeSets: toHeldRouteSets([...hello.hashes]),
    features: hello.features.map((feature) => FEATURES[feature]),
    ...(gateway === undefined ? {} : { gateway: toAddress(gateway) }),
    ...(maxDestinations === undefined ? {} : { maxDestinations }),
  };
}

/**
 * Reads a hello. Refuses BAD_NAME, FIELD_REQUIRED, FIELD_INVALID, SEQ_RANGE. A feature that this build does not know is
 * left out: it is nothing this planner can ask for. Whether the cluster is the certificate's is the listener's to judge.
 */
export function fromHello(message: Hello): Result<AgentHello, Refusal> {
  const checks = new Checks();
  const { held, gateway, maxDestinations } = message;
  return checks.result({
    cluster: checks.label<ClusterId>("hello.cluster", message.cluster),
    uid: checks.required("hello.cluster_uid", message.clusterUid, ID_LENGTH_MAX),
    bootId: checks.required("hello.boot_id", message.bootId, ID_LENGTH_MAX),
    agentVersion: checks.text("hello.agent_version", message.agentVersion, ID_LENGTH_MAX),
    ...(held === undefined ? {} : { held: positionOf(checks, "hello.held", held) }),
    hashes: heldRouteSetsOf(checks, "hello.route_sets", message.routeSets),
    features: message.features.flatMap((number) => FEATURE_WORDS.get(number) ?? []),
    ...(gateway === undefined ? {} : { gateway: addressOf(checks, "hello.gateway", gateway) }),
    ...(maxDestinations === undefined
      ? {}
      : { maxDestinations: destinationsMaxOf(checks, "hello.max_destinations", maxDestinations) }),
  });
}

/** An acknowledgement in the wire's form. */
export function toAcknowledgement(ack: AgentAcknowledgement): MessageInitShape<typeof AcknowledgementSchema> {
  return { position: toPosition(ack.position), digest: ack.digest, refusals: toRouteRefusals(ack.refusals) };
}

/** Reads an acknowledgement. Refuses FIELD_REQUIRED, FIELD_INVALID, BAD_NAME, SEQ_RANGE. */
export function fromAcknowledgement(message: Acknowledgement): Result<AgentAcknowledgement, Refusal> {
  const checks = new Checks();
  const position = checks.present("acknowledgement.position", message.position);
  if (position === undefined) return checks.result(undefined as never);
  const { digest } = message;
  if (digest.length !== HASH_BYTES)
    checks.refuse("FIELD_INVALID", "acknowledgement.digest", `has ${digest.length} bytes; a SHA-256 has ${HASH_BYTES}`);
  return checks.result({
    position: positionOf(checks, "acknowledgement.position", position),
    digest,
    refusals: routeRefusalsOf(checks, "acknowledgement.refusals", message.refusals),
  });
}

/** Names and hashes of route sets in the wire's form, sorted by service. */
export function toHeldRouteSets(
  hashes: Iterable<readonly [string, string]>,
): MessageInitShape<typeof HeldRouteSetSchema>[] {
  const byName = [...hashes].toSorted(([a], [b]) => compareNames(a, b));
  return byName.map(([service, hash]) => ({ service, hash: bytesOf(hash) }));
}

/** Reads names and hashes of route sets as part of a larger message. */
export function heldRouteSetsOf(
  checks: Checks,
  field: string,
  messages: readonly HeldRouteSet[],
): ReadonlyMap<ServiceId, string> {
  const entries = messages.map(({ service, hash }, index): readonly [ServiceId, string] => {
    if (hash.length !== HASH_BYTES)
      checks.refuse(
        "FIELD_INVALID",
        `${field}[${index}].hash`,
        `has ${hash.length} bytes; a SHA-256 has ${HASH_BYTES}`,
      );
    return [checks.service(`${field}[${index}].service`, service), toHex(hash)];
  });
  return new Map(entries);
}

/** Refusals of route sets in the wire's form. */
export function toRouteRefusals(refusals: readonly RouteRefusal[]): MessageInitShape<typeof RouteSetRefusalSchema>[] {
  return refusals.map(({ service, hash, code, detail }) => ({
    service,
    hash: bytesOf(hash),
    code,
    detail: detail.slice(0, DETAIL_LENGTH_MAX),
  }));
}

/** Reads refusals of route sets as part of a larger message. An empty service means the whole plan. */
export function routeRefusalsOf(
  checks: Checks,
  field: string,
  messages: readonly RouteSetRefusal[],
): readonly RouteRefusal[] {
  return messages.map(({ service, hash, code, detail }, index) => ({
    service: service === "" ? ("" as ServiceId) : checks.service<ServiceId>(`${field}[${index}].service`, service),
    hash: toHex(hash.subarray(0, HASH_BYTES)),
    code: checks.required(`${field}[${index}].code`, code, ID_LENGTH_MAX),
    // A mesh's own words may hold line breaks; they are shown, never interpreted.
    detail: detail.slice(0, DETAIL_LENGTH_MAX),
  }));
}

function bytesOf(hash: string): Uint8Array {
  const bytes = fromHex(hash);
  assert(bytes !== undefined, "a hash is lower-case hex");
  return bytes;
}
