import type { ServerDuplexStream, ServiceDefinition } from "@grpc/grpc-js";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { ClusterStats } from "../../../proto/gen/envoy/config/endpoint/v3/load_report_pb.ts";
import type {
  LoadStatsRequest,
  LoadStatsResponseSchema,
} from "../../../proto/gen/envoy/service/load_stats/v3/lrs_pb.ts";
import { LoadReportingService } from "../../../proto/gen/envoy/service/load_stats/v3/lrs_pb.ts";
import { rpcService } from "../../../src/wire/rpc.ts";
import { destinationOf } from "../../../src/model/destination.ts";
import type { Beside } from "./ads-server.ts";
import { readEnvoyCluster } from "./render-names.ts";
import type { Tally } from "./tally.ts";

export interface LrsOptions {
  readonly intervalMs: number;
  readonly tally: Tally;
}

/** Takes the load reports of proxyless clients: how many calls they made where, each interval. */
export function loadReports({ intervalMs, tally }: LrsOptions): Beside {
  const settings: MessageInitShape<typeof LoadStatsResponseSchema> = {
    sendAllClusters: true,
    loadReportingInterval: durationFromMs(intervalMs),
  };
  const streamLoadStats = (call: ServerDuplexStream<LoadStatsRequest, typeof settings>) => {
    let isFirst = true;
    call.on("data", ({ clusterStats }: LoadStatsRequest) => {
      if (isFirst) call.write(settings);
      isFirst = false;
      for (const stats of clusterStats) addStats(stats, tally);
      if (clusterStats.length > 0) tally.counted();
    });
    call.on("end", () => call.end());
    // Clients come and go; what they reported stays counted.
    call.on("error", () => undefined);
  };
  const definition = rpcService(LoadReportingService) as unknown as ServiceDefinition;
  return { definition, implementation: { streamLoadStats } };
}

/** The locality of the endpoints says who really served: after a failover another than the one the split chose. */
function addStats({ clusterName, upstreamLocalityStats }: ClusterStats, tally: Tally): void {
  const name = readEnvoyCluster(clusterName);
  if (name?.kind !== "grpc") return;
  for (const { locality, totalSuccessfulRequests, totalErrorRequests } of upstreamLocalityStats) {
    const destination = destinationOf(locality?.zone ?? "") ?? name.destination;
    const failures = Number(totalErrorRequests);
    tally.add({ service: name.service, destination, requests: Number(totalSuccessfulRequests) + failures, failures });
  }
}
