import type { Address } from "../../../proto/gen/envoy/config/core/v3/address_pb.ts";
import type {
  EndpointLoadMetricStats,
  UpstreamEndpointStats,
} from "../../../proto/gen/envoy/config/endpoint/v3/load_report_pb.ts";
import type { LocalEndpoint, LocalEndpoints, UtilisationRow } from "../../core/ports.ts";
import { destinationOf } from "../../../src/model/destination.ts";
import type { ClusterId, ServiceId, Version } from "../../../src/model/ids.ts";
import { compareNames } from "../../../src/model/ids.ts";
import type { LoadReport } from "./load-report.ts";
import { readEnvoyCluster } from "./render-names.ts";
import { UTILISATION_METRICS } from "./render-clusters.ts";

/** How busy the local endpoints said that they are, from Envoys' load reports. */
export interface Utilisations {
  /** Takes what one Envoy reports. */
  add(node: string, loads: LoadReport["loads"]): void;
  /** Tells the endpoints' capacities. */
  show(endpoints: LocalEndpoints): void;
  /**
   * What was said since the last call, by service and version. Until the next report comes, what the last one said stands; a version
   * of which nobody says anything is left out.
   */
  take(): readonly UtilisationRow[];
}

export interface UtilisationsOptions {
  readonly cluster: ClusterId;
  /** Milliseconds that never go back. */
  readonly clock: () => number;
  /** How long the last report stands when no other comes, in ms. */
  readonly standsMs: number;
}

/** Nothing said yet. */
export function createUtilisations({ cluster, clock, standsMs }: UtilisationsOptions): Utilisations {
  let endpoints: LocalEndpoints = new Map();
  let heard = new Map<string, Heard>();
  let last: readonly Said[] = [];
  let heardAt = -Infinity;
  let isNew = false;
  return {
    add: (node, loads) => {
      [heardAt, isNew] = [clock(), true];
      for (const { envoyCluster, intervalMs, localities } of loads) {
        const service = serviceOf(envoyCluster);
        if (service === undefined) continue;
        for (const { locality, upstreamEndpointStats } of localities) {
          const served = destinationOf(locality?.zone ?? "");
          // Other clusters' endpoints are theirs to report: through a gateway one answer stands for many.
          if (served?.cluster !== cluster) continue;
          const of = { service, version: served.version };
          hear(heard, { ...of, node, intervalMs, endpoints: upstreamEndpointStats });
        }
      }
    },
    show: (next) => {
      endpoints = next;
    },
    take: () => {
      const ageMs = clock() - heardAt;
      if (isNew) last = saidIn(heard, endpoints);
      else if (ageMs > standsMs) last = [];
      heard = new Map();
      isNew = false;
      return last.map((said) => ({ ...said, beganAgoMs: ageMs + said.overMs }));
    },
  };
}

function serviceOf(envoyCluster: string): ServiceId | undefined {
  const name = readEnvoyCluster(envoyCluster);
  return name?.kind === "in" || name?.kind === "out" ? name.service : undefined;
}

/** What was said of one version. */
interface Heard {
  readonly service: ServiceId;
  readonly version: Version;
  /** Sums of each metric by endpoint. */
  readonly endpoints: Map<string, Map<string, Sum>>;
  /** Time reported on, by Envoy and in ms. */
  readonly overMs: Map<string, number>;
}

interface Sum {
  readonly answers: number;
  readonly total: number;
}

interface Hearing extends Pick<Heard, "service" | "version"> {
  readonly node: string;
  readonly intervalMs: number;
  readonly endpoints: readonly UpstreamEndpointStats[];
}

function hear(all: Map<string, Heard>, { service, version, node, intervalMs, endpoints }: Hearing): void {
  const key = `${service} ${version}`;
  const heard = all.get(key) ?? { service, version, endpoints: new Map(), overMs: new Map() };
  all.set(key, heard);
  // An Envoy reports on several envoyClusters of one version at a time, which is the same time.
  heard.overMs.set(node, Math.max(heard.overMs.get(node) ?? 0, intervalMs));
  for (const { address, loadMetricStats } of endpoints) {
    const where = textOf(address);
    const sums = heard.endpoints.get(where) ?? new Map<string, Sum>();
    heard.endpoints.set(where, sums);
    for (const metric of loadMetricStats) sums.set(metric.metricName, plus(sums.get(metric.metricName), metric));
  }
}

function plus(sum: Sum | undefined, metric: EndpointLoadMetricStats): Sum {
  const { answers = 0, total = 0 } = sum ?? {};
  return {
    answers: answers + Number(metric.numRequestsFinishedWithMetric),
    total: total + metric.totalMetricValue,
  };
}

function textOf(address: Address | undefined): string {
  const where = address?.address;
  if (where?.case !== "socketAddress") return "";
  return `${where.value.address} ${where.value.portSpecifier.value ?? ""}`;
}

type Said = Omit<UtilisationRow, "beganAgoMs">;

function saidIn(all: ReadonlyMap<string, Heard>, endpoints: LocalEndpoints): readonly Said[] {
  return [...all]
    .toSorted(([a], [b]) => compareNames(a, b))
    .flatMap(([, heard]) => {
      const { service, version } = heard;
      const utilisation = utilisationOf(heard, endpoints.get(service)?.get(version) ?? []);
      const overMs = Math.max(...heard.overMs.values());
      return utilisation === undefined ? [] : [{ service, version, utilisation, overMs }];
    });
}

/** The mean over the endpoints that said something, by their capacities where these are known of all. */
function utilisationOf(heard: Heard, local: readonly LocalEndpoint[]): number | undefined {
  const capacities = new Map(local.map(({ address, port, capacityRps }) => [`${address} ${port}`, capacityRps]));
  const said = [...heard.endpoints].flatMap(([where, sums]) => {
    const busy = busyShareOf(sums);
    return busy === undefined ? [] : [{ busy, capacityRps: capacities.get(where) }];
  });
  const areWeighted = said.every(({ capacityRps = 0 }) => capacityRps > 0);
  const weights = said.map(({ capacityRps = 1 }) => (areWeighted ? capacityRps : 1));
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  if (whole === 0) return undefined;
  return said.reduce((sum, { busy }, index) => sum + busy * (weights[index] ?? 0), 0) / whole;
}

/**
 * What one endpoint said, 0 to 1: its application's utilisation, or else its processor's, as gRPC does (A58). Envoy writes 0 for a
 * metric that an answer does not have, so that 0 says nothing. What cannot be, no number or below 0, is passed over; more than 1 means
 * beyond what it takes to be its limit (ORCA allows it), and is 1.
 */
function busyShareOf(sums: ReadonlyMap<string, Sum>): number | undefined {
  const means = UTILISATION_METRICS.map((name) => {
    const { answers, total } = sums.get(name) ?? { answers: 0, total: 0 };
    return answers > 0 ? total / answers : 0;
  });
  const first = means.find((mean) => Number.isFinite(mean) && mean > 0);
  return first === undefined ? undefined : Math.min(1, first);
}
