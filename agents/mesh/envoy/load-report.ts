import { fromBinary } from "@bufbuild/protobuf";
import { DurationSchema, durationMs } from "@bufbuild/protobuf/wkt";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { NodeSchema } from "../../../proto/gen/envoy/config/core/v3/base_pb.ts";
import type { UpstreamLocalityStats } from "../../../proto/gen/envoy/config/endpoint/v3/load_report_pb.ts";
import {
  ClusterStatsSchema,
  UpstreamLocalityStatsSchema,
} from "../../../proto/gen/envoy/config/endpoint/v3/load_report_pb.ts";
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

const NODE = LoadStatsRequestSchema.field.node.number;
const CLUSTER_STATS = LoadStatsRequestSchema.field.clusterStats.number;
const { clusterName, upstreamLocalityStats, loadReportInterval } = ClusterStatsSchema.field;

/**
 * Reads the bytes of a LoadStatsRequest. Envoy names every envoyCluster that it was asked for, most of them without requests, and
 * lists its 600 extensions in each message (61 kB; Envoy 1.40, measured): both are passed over, for as messages they would be much
 * garbage. Throws when the bytes are no such message.
 */
export function readLoadReport(bytes: Uint8Array): LoadReport {
  const reader = new BinaryReader(bytes);
  const loads: ClusterLoad[] = [];
  let node: LoadReport["node"];
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === CLUSTER_STATS) {
      const load = readLoad(reader.bytes());
      if (load.localities.length > 0) loads.push(load);
    } else if (number === NODE) {
      const { id, userAgentName } = fromBinary(NodeSchema, reader.bytes(), KNOWN_ONLY);
      node = { id, isEnvoy: userAgentName === "envoy" };
    } else reader.skip(type, number);
  }
  return { node, loads };
}

const KNOWN_ONLY = { readUnknownFields: false };

function readLoad(bytes: Uint8Array): ClusterLoad {
  const reader = new BinaryReader(bytes);
  const localities: UpstreamLocalityStats[] = [];
  let [envoyCluster, intervalMs] = ["", 0];
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === clusterName.number) envoyCluster = reader.string();
    else if (number === upstreamLocalityStats.number)
      localities.push(fromBinary(UpstreamLocalityStatsSchema, reader.bytes(), KNOWN_ONLY));
    else if (number === loadReportInterval.number)
      intervalMs = durationMs(fromBinary(DurationSchema, reader.bytes(), KNOWN_ONLY));
    else reader.skip(type, number);
  }
  return { envoyCluster, intervalMs, localities };
}
