import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { LoadStatsResponseSchema } from "../../../proto/gen/envoy/service/load_stats/v3/lrs_pb.ts";
import { LoadReportingService } from "../../../proto/gen/envoy/service/load_stats/v3/lrs_pb.ts";
import { rpcService } from "../../../src/wire/rpc.ts";
import { destinationOf } from "../../../src/model/destination.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import type { Beside } from "./ads-server.ts";
import type { ClusterLoad, LoadReport } from "./load-report.ts";
import { readLoadReport } from "./load-report.ts";
import { readEnvoyCluster } from "./render-names.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Tally } from "./tally.ts";
import type { Utilisations } from "./utilisation.ts";

export interface LrsOptions {
  readonly cluster: ClusterId;
  readonly intervalMs: number;
  readonly tally: Tally;
  readonly utilisations: Utilisations;
}

/** The load reporting service, and what it asks of Envoys. */
export interface LoadReports extends Beside {
  /** From now on Envoys report on what leads to endpoints of this cluster in `snapshot`. */
  watch(snapshot: Pick<Snapshot, "envoy">): void;
}

type Answer = MessageInitShape<typeof LoadStatsResponseSchema>;
type Call = ServerDuplexStream<LoadReport, Answer>;

/**
 * Takes load reports each interval: of proxyless clients how many calls they made where, and of Envoys, whose requests are counted
 * better elsewhere, how busy the endpoints in this cluster say that they are. grpc-js (1.14) passes nothing on that servers say of
 * themselves, so that a cluster without an Envoy has no utilisation. Who reports was let in by the listener that serves configuration,
 * and a message is at most as long as there.
 *
 * Envoy 1.40, measured: it reports on exactly the envoyClusters that it was asked for and has, STATIC or EDS, each locality by
 * itself with its priority, whatever of it had requests since its last report; metrics of ORCA by their names, for the locality and, as
 * asked here, for each endpoint. An envoyCluster that comes later than the question is reported on once it is there. An Envoy that
 * lost its agent looks for it again after 5 s: so long a restarted agent knows no utilisation.
 */
export function loadReports({ cluster, intervalMs, tally, utilisations }: LrsOptions): LoadReports {
  const loadReportingInterval = durationFromMs(intervalMs);
  const envoys = new Set<Call>();
  let known: Snapshot["cluster"] = new Map();
  let wanted: readonly string[] = [];
  const ask = (call: Call) => {
    call.write({ clusters: [...wanted], loadReportingInterval, reportEndpointGranularity: true });
  };
  const open = (call: Call) => {
    let node: LoadReport["node"];
    call.on("data", (report: LoadReport) => {
      const isFirst = node === undefined;
      node ??= report.node ?? { id: "", isEnvoy: false };
      if (node.isEnvoy) {
        utilisations.add(node.id, report.loads);
        // Asked for nothing it would send empty reports.
        if (isFirst && wanted.length > 0) ask(call);
        if (isFirst) envoys.add(call);
        return;
      }
      if (isFirst) call.write({ sendAllClusters: true, loadReportingInterval });
      for (const load of report.loads) countCalls(load, tally);
      if (report.loads.length > 0) tally.counted();
    });
    const gone = () => void envoys.delete(call);
    call.on("end", () => {
      gone();
      call.end();
    });
    // Clients come and go; what they reported stays counted.
    call.on("error", gone);
    call.on("cancelled", gone);
  };
  return {
    ...serviceOf(open),
    watch: ({ envoy }) => {
      const before = known;
      known = envoy.cluster;
      // The rule: thousands of names are looked up sooner than read.
      if (known.size === before.size && known.keys().every((name) => before.has(name))) return;
      const names = [...known.keys()].filter((name) => leadsHere(name, cluster)).toSorted();
      if (names.length === wanted.length && names.every((name, index) => name === wanted[index])) return;
      wanted = names;
      for (const call of envoys) ask(call);
    },
  };
}

function serviceOf(streamLoadStats: (call: Call) => void): Beside {
  const service = rpcService(LoadReportingService);
  const method = { ...service.streamLoadStats, requestDeserialize: readLoadReport };
  return {
    definition: { streamLoadStats: method },
    implementation: { streamLoadStats },
  };
}

/**
 * Whether an envoyCluster's requests end at endpoints of this cluster: those that came in by the gateway, and those of local callers.
 * Requests that a proxy by itself sends here in place of a lost destination are not asked for; the endpoints say the same to others.
 */
function leadsHere(envoyCluster: string, cluster: ClusterId): boolean {
  const name = readEnvoyCluster(envoyCluster);
  return name?.kind === "in" || (name?.kind === "out" && name.destination.cluster === cluster);
}

/** The locality of the endpoints says who really served: after a failover another than the one the split chose. */
function countCalls({ envoyCluster, localities }: ClusterLoad, tally: Tally): void {
  const name = readEnvoyCluster(envoyCluster);
  if (name?.kind !== "grpc") return;
  for (const { locality, totalSuccessfulRequests, totalErrorRequests } of localities) {
    const destination = destinationOf(locality?.zone ?? "") ?? name.destination;
    const failures = Number(totalErrorRequests);
    tally.add({ service: name.service, destination, requests: Number(totalSuccessfulRequests) + failures, failures });
  }
}
