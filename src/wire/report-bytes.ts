import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Coverage, HeartbeatSchema, WindowSchema } from "../../proto/gen/weir/v1/health_pb.ts";
import type { TrafficCountSchema } from "../../proto/gen/weir/v1/health_pb.ts";
import { destinationOf } from "../model/destination.ts";
import { compareNames } from "../model/ids.ts";
import type { TrafficRow, WorkloadRow } from "../model/report.ts";
import { assert } from "../model/result.ts";
import { toHeldRouteSets, toRouteRefusals } from "./link.ts";
import { toPosition, toSequence } from "./position.ts";
import type { HeartbeatPart, ReportHead, WindowPart } from "./report.ts";
import { toDestination } from "./split.ts";

/** Most bytes of rows in one window message, with room for its head. */
const PART_BYTES_MAX = 48_000;

/** Bytes of a heartbeat. */
export function encodeHeartbeat(part: HeartbeatPart): Uint8Array {
  const { applied, fallback } = part;
  const message = create(HeartbeatSchema, {
    ...toHead(part),
    sentAtUnixMs: BigInt(Math.trunc(part.sentAtMs)),
    ...(applied === undefined ? {} : { applied: toPosition(applied) }),
    appliedRouteSets: toHeldRouteSets(Object.entries(part.appliedHashes)),
    appliedCoverage: part.appliedCoverage === "part" ? Coverage.PART : Coverage.COMPLETE,
    refusals: toRouteRefusals(part.refusals),
    ...(fallback === undefined ? {} : { fallback: toFallback(fallback) }),
    peers: part.peers.map(({ cluster, isReachable }) => ({ cluster, isReachable })),
    alarms: [...part.alarms],
    isLinked: part.isLinked,
  });
  return toBinary(HeartbeatSchema, message);
}

function toFallback({ lostCluster, sinceMs, evidence }: NonNullable<HeartbeatPart["fallback"]>) {
  return { lostCluster, sinceUnixMs: BigInt(Math.trunc(sinceMs)), evidence };
}

function toHead({ cluster, uid, bootId, sequence }: ReportHead) {
  return { cluster, clusterUid: uid, bootId, sequence: toSequence(sequence) };
}

/** Bytes of one window message. Cut windows with `splitWindow` first. */
export function encodeWindow(part: WindowPart): Uint8Array {
  const message = create(WindowSchema, {
    ...toHead(part),
    windowMs: Math.max(1, Math.round(part.windowMs)),
    traffic: part.traffic.map(toTrafficCount),
    workloads: part.workloads.map((row) => ({ ...row })),
  });
  return toBinary(WindowSchema, message);
}

function toTrafficCount(row: TrafficRow): MessageInitShape<typeof TrafficCountSchema> {
  const { destination, requests, failures, ...rest } = row;
  const parsed = destinationOf(destination);
  assert(parsed !== undefined, "a traffic row names cluster/version");
  return {
    ...rest,
    destination: toDestination(parsed),
    requests: toSequence(requests),
    failures: toSequence(failures),
  };
}

/** Rows of one window, before they are cut into messages. */
export interface WindowRows {
  readonly traffic: readonly TrafficRow[];
  readonly workloads: readonly WorkloadRow[];
}

/**
 * Cuts a window's rows into parts that fit one message of 48 KiB each. A service's rows of one kind stay together, since a reader
 * replaces them service by service. At least one part, which may be empty.
 */
export function splitWindow({ traffic, workloads }: WindowRows): readonly WindowRows[] {
  const services = new Set([...traffic, ...workloads].map(({ service }) => service));
  const parts: { traffic: TrafficRow[]; workloads: WorkloadRow[]; bytes: number }[] = [];
  const [sent, running] = [
    Map.groupBy(traffic, ({ service }) => service),
    Map.groupBy(workloads, ({ service }) => service),
  ];
  for (const service of [...services].toSorted(compareNames)) {
    const rows = { traffic: sent.get(service) ?? [], workloads: running.get(service) ?? [] };
    const bytes = (rows.traffic.length + rows.workloads.length) * rowBytesMax(service);
    const last = parts.at(-1);
    if (last === undefined || last.bytes + bytes > PART_BYTES_MAX) parts.push({ ...rows, bytes });
    else {
      last.traffic = [...last.traffic, ...rows.traffic];
      last.workloads = [...last.workloads, ...rows.workloads];
      last.bytes += bytes;
    }
  }
  return parts.length === 0 ? [{ traffic: [], workloads: [] }] : parts;
}

/** Most bytes that one row of a service takes: two names of 63 characters, seven numbers, and what frames them. */
function rowBytesMax(service: string): number {
  return service.length + 2 * 63 + 7 * 10 + 24;
}
