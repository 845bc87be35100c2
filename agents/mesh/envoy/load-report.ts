import { fromBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { NodeSchema } from "../../../proto/gen/envoy/config/core/v3/base_pb.ts";
import type { UpstreamLocalityStats } from "../../../proto/gen/envoy/config/endpoint/v3/load_report_pb.ts";
import { ClusterStatsSchema } from "../../../proto/gen/envoy/config/endpoint/v3/load_report_pb.ts";
import { LoadStatsRequestSchema } from "../../../proto/gen/envoy/service/load_stats/v3/lrs_pb.ts";

/** What one client says that it sent where since its last report. */
export interface LoadReport {
  /** Who reports. Envoy says so in every message, gRPC in the first of a stream. */
  readonly node: { readonly id: string; readonly isEnvoy: boolean } | undefined;
  /** envoyClusters that had requests; those that had none are left out. */
  readonly loads: readonly ClusterLoad[];
}

/** What one envoyCluster's endpoints had to do. */
export interface ClusterLoad {
  readonly envoyCluster: string;
  /** Time that is reported on, in ms. */
  readonly intervalMs: number;
  readonly localities: readonly UpstreamLocalityStats[];
}

/** How a message, a text or bytes stand in a message: with their length before them. */
const LENGTH_DELIMITED: number = WireType.LengthDelimited;

const NODE = tagOf(LoadStatsRequestSchema.field.node);
const CLUSTER_STATS = tagOf(LoadStatsRequestSchema.field.clusterStats);
const LOCALITY_STATS = tagOf(ClusterStatsSchema.field.upstreamLocalityStats);

/**
 * Reads the bytes of a LoadStatsRequest. Envoy names every envoyCluster that it was asked for, most of them without requests, and
 * lists its 600 extensions in each message (61 kB; Envoy 1.40, measured): both are passed over without making anything of them, for
 * with thousands of services that is megabytes of garbage a second. Throws when the bytes are no such message.
 */
export function readLoadReport(bytes: Uint8Array): LoadReport {
  const reader = new BinaryReader(bytes);
  const loads: ClusterLoad[] = [];
  let node: LoadReport["node"];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    if (tag === CLUSTER_STATS) {
      const end = endOf(reader);
      if (hasField(reader, LOCALITY_STATS, end)) loads.push(fromStats(bytes.subarray(reader.pos, end)));
      reader.pos = end;
    } else if (tag === NODE) {
      const { id, userAgentName } = fromBinary(NodeSchema, reader.bytes(), KNOWN_ONLY);
      node = { id, isEnvoy: userAgentName === "envoy" };
    } else skipFrom(start, reader);
  }
  return { node, loads };
}

const KNOWN_ONLY = { readUnknownFields: false };

/** The tag of a message in a field of this number. */
function tagOf({ number }: { readonly number: number }): number {
  return (number << 3) | LENGTH_DELIMITED;
}

/** Where the message ends whose length comes next. */
function endOf(reader: BinaryReader): number {
  const end = reader.uint32() + reader.pos;
  if (end > reader.len) throw new RangeError("premature EOF");
  return end;
}

/** Whether a field of this tag comes before `end`. Leaves the reader where it was. */
function hasField(reader: BinaryReader, wanted: number, end: number): boolean {
  const before = reader.pos;
  let isFound = false;
  while (!isFound && reader.pos < end) {
    const start = reader.pos;
    isFound = reader.uint32() === wanted;
    skipFrom(start, reader);
  }
  reader.pos = before;
  return isFound;
}

/** Passes over the field that begins at `start`. The reader's own way makes a view of all that it passes over. */
function skipFrom(start: number, reader: BinaryReader): void {
  reader.pos = start;
  if ((reader.uint32() & 7) === LENGTH_DELIMITED) {
    reader.pos = endOf(reader);
    return;
  }
  reader.pos = start;
  const [number, type] = reader.tag();
  reader.skip(type, number);
}

function fromStats(bytes: Uint8Array): ClusterLoad {
  const stats = fromBinary(ClusterStatsSchema, bytes, KNOWN_ONLY);
  const { clusterName: envoyCluster, upstreamLocalityStats: localities, loadReportInterval: interval } = stats;
  return { envoyCluster, intervalMs: interval === undefined ? 0 : durationMs(interval), localities };
}
