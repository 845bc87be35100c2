import type { Address } from "../../../proto/gen/envoy/config/core/v3/address_pb.ts";
import type { UpstreamEndpointStats } from "../../../proto/gen/envoy/config/endpoint/v3/load_report_pb.ts";
import { destinationOf } from "../../../src/model/destination.ts";
import type { ClusterId, ServiceId, Version } from "../../../src/model/ids.ts";
import type { LoadReport } from "./load-report.ts";
import { UTILISATION_METRICS } from "./render-clusters.ts";
import { readEnvoyCluster } from "./render-names.ts";

/** What one load report says that the endpoints of one version said. */
export interface Heard {
  readonly service: ServiceId;
  readonly version: Version;
  /** Time reported on, in ms. */
  readonly overMs: number;
  /** By endpoint, `<address> <port>`: a sum for each of the metrics that are asked for, in their order. */
  readonly endpoints: ReadonlyMap<string, readonly Sum[]>;
}

/** What was said of one metric. */
export interface Sum {
  /** Answers that said something. */
  readonly answers: number;
  readonly total: number;
}

/** What the endpoints of `cluster` said of themselves. Other clusters' are theirs to report: behind a gateway one stands for many. */
export function hearEndpoints(loads: LoadReport["loads"], cluster: ClusterId): readonly Heard[] {
  const parts = loads.flatMap(({ envoyCluster, intervalMs, localities }) => {
    const service = serviceOf(envoyCluster);
    if (service === undefined) return [];
    return localities.flatMap(({ locality, upstreamEndpointStats }): readonly Heard[] => {
      const served = destinationOf(locality?.zone ?? "");
      if (served?.cluster !== cluster) return [];
      const endpoints = new Map(upstreamEndpointStats.map((one) => [textOf(one.address), sumsOf(one)]));
      return [{ service, version: served.version, overMs: intervalMs, endpoints }];
    });
  });
  const groups = Map.groupBy(parts, ({ service, version }) => `${service} ${version}`);
  return [...groups.values()].flatMap((group) => {
    // Several envoyClusters lead to one version, and are reported on for the same time.
    const overMs = Math.max(...group.map((part) => part.overMs));
    return group[0] === undefined ? [] : [{ ...group[0], overMs, endpoints: addSums(group) }];
  });
}

function serviceOf(envoyCluster: string): ServiceId | undefined {
  const name = readEnvoyCluster(envoyCluster);
  return name?.kind === "in" || name?.kind === "out" ? name.service : undefined;
}

function textOf(address: Address | undefined): string {
  const where = address?.address;
  if (where?.case !== "socketAddress") return "";
  return `${where.value.address} ${where.value.portSpecifier.value ?? ""}`;
}

function sumsOf({ loadMetricStats }: UpstreamEndpointStats): readonly Sum[] {
  return UTILISATION_METRICS.map((name) => {
    const metric = loadMetricStats.find(({ metricName }) => metricName === name);
    return {
      answers: Number(metric?.numRequestsFinishedWithMetric ?? 0n),
      total: metric?.totalMetricValue ?? 0,
    };
  });
}

/** The sums by endpoint of all of these. */
export function addSums(all: readonly Pick<Heard, "endpoints">[]): Heard["endpoints"] {
  const sums = new Map<string, readonly Sum[]>();
  for (const { endpoints } of all) {
    for (const [where, added] of endpoints) {
      const before = sums.get(where);
      sums.set(where, before === undefined ? added : added.map((sum, index) => plus(before[index], sum)));
    }
  }
  return sums;
}

function plus(a: Sum | undefined, b: Sum): Sum {
  return { answers: (a?.answers ?? 0) + b.answers, total: (a?.total ?? 0) + b.total };
}
