import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Coverage, HeartbeatSchema, WindowSchema } from "../../proto/gen/weir/v1/health_pb.ts";
import type { TrafficCountSchema, WorkloadCountSchema } from "../../proto/gen/weir/v1/health_pb.ts";
import type { HeldRouteSetSchema, RouteSetRefusalSchema } from "../../proto/gen/weir/v1/agent_pb.ts";
import { destinationOf } from "../../src/model/destination.ts";
import { compareNames } from "../../src/model/ids.ts";
import type { ClusterId, ServiceId } from "../../src/model/ids.ts";
import type { PeerRow, RouteRefusal, TrafficRow, WorkloadRow } from "../../src/model/report.ts";
import { toPosition } from "../../src/wire/position.ts";
import { fromHex } from "../../src/wire/sha256.ts";
import type { AgentStatus } from "../core/ports.ts";

/** Who reports: the same in every message of one boot. */
export interface Reporter {
  readonly cluster: ClusterId;
  readonly uid: string;
  readonly bootId: string;
}

/** Largest payload of one window message, in bytes; the bus refuses more than 64 KiB. */
export const PART_BYTES_MAX = 48 * 1024;

/** Most route sets that one heartbeat names: at some 80 bytes each they stay below the largest message. */
export const HEARTBEAT_ROUTE_SETS_MAX = 500;

const REFUSALS_MAX = 50;
const ALARMS_MAX = 20;
const DETAIL_LENGTH_MAX = 300;
/** Tags, lengths and numbers of one row, at most. */
const ROW_OVERHEAD_BYTES = 72;

/** What one heartbeat says. */
export interface HeartbeatContent {
  readonly sequence: number;
  /** Wall clock, ms since 1970. */
  readonly sentAtMs: number;
  readonly status: AgentStatus;
  readonly peers: readonly PeerRow[];
  /** Services whose hashes this heartbeat names; undefined: all of them. */
  readonly part?: readonly ServiceId[];
}

/** Bytes of one heartbeat. */
export function heartbeatBytes(reporter: Reporter, content: HeartbeatContent): Uint8Array {
  const { status, part } = content;
  const services = part ?? (Object.keys(status.appliedHashes) as ServiceId[]);
  const message: MessageInitShape<typeof HeartbeatSchema> = {
    cluster: reporter.cluster,
    clusterUid: reporter.uid,
    bootId: reporter.bootId,
    sequence: BigInt(content.sequence),
    sentAtUnixMs: BigInt(Math.round(content.sentAtMs)),
    appliedRouteSets: services
      .toSorted(compareNames)
      .flatMap((service) => toHeld(service, status.appliedHashes[service])),
    appliedCoverage: part === undefined ? Coverage.COMPLETE : Coverage.PART,
    refusals: status.refusals.slice(0, REFUSALS_MAX).map(toRefusal),
    peers: content.peers.map(({ cluster, isReachable }) => ({ cluster, isReachable })),
    alarms: status.alarms.slice(0, ALARMS_MAX).map(short),
    isLinked: status.isLinked,
    ...(status.applied === undefined ? {} : { applied: toPosition(status.applied) }),
    ...(status.fallback === undefined ? {} : { fallback: toNotice(status.fallback) }),
  };
  return toBinary(HeartbeatSchema, create(HeartbeatSchema, message));
}

/** A held route set in the wire's form; nothing when there is no such hash. */
export function toHeld(service: ServiceId, hash: string | undefined): MessageInitShape<typeof HeldRouteSetSchema>[] {
  const bytes = hash === undefined ? undefined : fromHex(hash);
  return bytes === undefined ? [] : [{ service, hash: bytes }];
}

/** A refusal in the wire's form, its words cut to a bearable length. */
export function toRefusal(refusal: RouteRefusal): MessageInitShape<typeof RouteSetRefusalSchema> {
  const { service, hash, code, detail } = refusal;
  return { service, hash: fromHex(hash) ?? new Uint8Array(), code, detail: short(detail) };
}

function short(text: string): string {
  return text.length <= DETAIL_LENGTH_MAX ? text : `${text.slice(0, DETAIL_LENGTH_MAX - 1)}…`;
}

function toNotice({ lostCluster, sinceMs, evidence }: NonNullable<AgentStatus["fallback"]>): {
  lostCluster: string;
  sinceUnixMs: bigint;
  evidence: string;
} {
  return { lostCluster, sinceUnixMs: BigInt(Math.round(sinceMs)), evidence: short(evidence) };
}

/** Rows that were counted over the same time. */
export interface WindowContent {
  readonly windowMs: number;
  readonly traffic: readonly TrafficRow[];
  readonly workloads: readonly WorkloadRow[];
}

type TrafficInit = MessageInitShape<typeof TrafficCountSchema>;
type WorkloadInit = MessageInitShape<typeof WorkloadCountSchema>;

/** Bytes of as many window messages as the rows need, none larger than `PART_BYTES_MAX`. */
export function windowParts(
  reporter: Reporter,
  content: WindowContent,
  nextSequence: () => number,
): readonly Uint8Array[] {
  const rows = [
    ...content.traffic.flatMap((row) => sized("traffic" as const, toTraffic(row), row)),
    ...content.workloads.map((row) => ({ kind: "workload" as const, row: toWorkload(row), bytes: workloadBytes(row) })),
  ];
  const parts: (typeof rows)[] = [];
  let room = 0;
  for (const row of rows) {
    room -= row.bytes;
    if (room < 0 || parts.length === 0) {
      parts.push([]);
      room = PART_BYTES_MAX - ROW_OVERHEAD_BYTES * 4 - row.bytes;
    }
    parts.at(-1)?.push(row);
  }
  return parts.map((part) => {
    const traffic = part.flatMap((entry) => (entry.kind === "traffic" ? [entry.row] : []));
    const workloads = part.flatMap((entry) => (entry.kind === "workload" ? [entry.row] : []));
    return windowBytes(reporter, { sequence: nextSequence(), windowMs: content.windowMs, traffic, workloads });
  });
}

function sized(kind: "traffic", row: TrafficInit | undefined, { service, destination }: TrafficRow) {
  return row === undefined ? [] : [{ kind, row, bytes: ROW_OVERHEAD_BYTES + service.length + destination.length }];
}

function workloadBytes({ service, version }: WorkloadRow): number {
  return ROW_OVERHEAD_BYTES + service.length + version.length;
}

function windowBytes(
  { cluster, uid, bootId }: Reporter,
  part: { sequence: number; windowMs: number; traffic: TrafficInit[]; workloads: WorkloadInit[] },
): Uint8Array {
  const windowMs = Math.max(1, Math.round(part.windowMs));
  const message = { ...part, cluster, clusterUid: uid, bootId, sequence: BigInt(part.sequence), windowMs };
  return toBinary(WindowSchema, create(WindowSchema, message));
}

function toTraffic(row: TrafficRow): TrafficInit | undefined {
  const destination = destinationOf(row.destination);
  if (destination === undefined) return undefined;
  return {
    service: row.service,
    destination,
    requests: BigInt(row.requests),
    failures: BigInt(Math.min(row.failures, row.requests)),
    ...(row.latencyP50Ms === undefined ? {} : { latencyP50Ms: row.latencyP50Ms }),
    ...(row.latencyP99Ms === undefined ? {} : { latencyP99Ms: row.latencyP99Ms }),
  };
}

function toWorkload({ service, version, readyEndpoints, totalEndpoints, capacityRps }: WorkloadRow): WorkloadInit {
  return { service, version, readyEndpoints, totalEndpoints, ...(capacityRps === undefined ? {} : { capacityRps }) };
}
