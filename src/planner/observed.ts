import type { ClusterId, ServiceId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { DestinationKey } from "../model/destination.ts";
import type { Observed, ObservedCluster, ObservedTraffic } from "../model/observed.ts";
import type { ClusterReport, TrafficRow, WindowSpan } from "../model/report.ts";
import { DEFAULT_SETTINGS } from "../model/settings.ts";

/** What reports alone do not say. */
export interface Observation {
  /** Now, on the clock that stamped the reports' arrival, ms. */
  readonly atMs: number;
  /** How long this replica has been collecting reports, ms. */
  readonly collectingForMs: number;
  /** Clusters with a plan stream open at any replica. */
  readonly streams: ReadonlySet<ClusterId>;
  /** Reporters silent for longer are no witnesses against others, ms. Default: `unknownAfterMs` of the default settings. */
  readonly freshForMs?: number;
}

/**
 * Folds the newest report of each cluster into what decisions see. A cluster that is only known by its stream or by what
 * others see of it is silent for as long as this replica listens. Sorted, so that equal reports give equal bytes.
 */
export function observe(reports: ReadonlyMap<ClusterId, ClusterReport>, observation: Observation): Observed {
  const { atMs, collectingForMs, streams, freshForMs = DEFAULT_SETTINGS.unknownAfterMs } = observation;
  const sorted = [...reports.values()].toSorted((a, b) => compareNames(a.cluster, b.cluster));
  const fresh = sorted.filter((report) => silenceOf(report, atMs) < freshForMs);
  const views = viewsOf(fresh);
  const clusters = sorted.map((report): readonly [ClusterId, ObservedCluster] => [
    report.cluster,
    {
      silentForMs: silenceOf(report, atMs),
      isStreamOpen: streams.has(report.cluster) || report.isStreamOpen,
      peersReaching: views.get(report.cluster)?.reaching ?? 0,
      peersFailing: views.get(report.cluster)?.failing ?? 0,
      ...(report.applied === undefined ? {} : { applied: report.applied }),
      appliedHashes: report.appliedHashes,
      refusals: report.refusals,
      hasFallback: report.fallback !== undefined,
      ...(report.alarms === undefined || report.alarms.length === 0 ? {} : { alarms: report.alarms }),
      traffic: trafficOf(report),
    },
  ]);
  // Streams and others' views are witnesses too, for clusters whose reports do not come through.
  const unheard = [...new Set([...streams, ...views.keys()])]
    .filter((cluster) => !reports.has(cluster))
    .map((cluster): readonly [ClusterId, ObservedCluster] => [
      cluster,
      {
        silentForMs: collectingForMs,
        isStreamOpen: streams.has(cluster),
        peersReaching: views.get(cluster)?.reaching ?? 0,
        peersFailing: views.get(cluster)?.failing ?? 0,
        appliedHashes: {},
        refusals: [],
        hasFallback: false,
        traffic: {},
      },
    ]);
  const all = [...clusters, ...unheard].toSorted(([a], [b]) => compareNames(a, b));
  return { atMs, collectingForMs, clusters: Object.fromEntries(all) };
}

function silenceOf({ receivedAtMs }: ClusterReport, atMs: number): number {
  return Math.max(0, atMs - receivedAtMs);
}

interface View {
  readonly reaching: number;
  readonly failing: number;
}

/** How many others see each cluster's gateway, and how many see it fail. Nobody is a witness for himself. */
function viewsOf(reports: readonly ClusterReport[]): ReadonlyMap<ClusterId, View> {
  const views = new Map<ClusterId, View>();
  for (const { cluster: witness, peers } of reports) {
    for (const { cluster, isReachable } of peers.filter((peer) => peer.cluster !== witness)) {
      const { reaching, failing } = views.get(cluster) ?? { reaching: 0, failing: 0 };
      views.set(cluster, isReachable ? { reaching: reaching + 1, failing } : { reaching, failing: failing + 1 });
    }
  }
  return views;
}

function trafficOf(report: ClusterReport): Readonly<Record<ServiceId, ObservedTraffic>> {
  const byService = [...Map.groupBy(report.traffic, ({ service }) => service)];
  const sorted = byService.toSorted(([a], [b]) => compareNames(a, b));
  return Object.fromEntries(sorted.map(([service, rows]) => [service, trafficOfService(report, service, rows)]));
}

function trafficOfService(report: ClusterReport, service: ServiceId, rows: readonly TrafficRow[]): ObservedTraffic {
  const requests = sum(rows, (row) => row.requests);
  const { windowMs, receivedAtMs } = windowOf(report, service);
  const byDestination = Map.groupBy(rows, (row) => row.destination);
  const shares = [...byDestination]
    .toSorted(([a], [b]) => compareNames(a, b))
    .map(([key, found]): readonly [DestinationKey, number] => [
      key,
      requests === 0 ? 0 : sum(found, (row) => row.requests) / requests,
    ]);
  return {
    requests,
    failures: sum(rows, (row) => row.failures),
    shares: Object.fromEntries(shares),
    rps: windowMs > 0 ? (requests * 1_000) / windowMs : 0,
    windowStartedAtMs: receivedAtMs - windowMs,
  };
}

/** The window that a service's rows were counted in: its own, for a heartbeat or another service's turn may have come since. */
export function windowOf({ trafficSpans, windowMs, receivedAtMs }: ClusterReport, service: ServiceId): WindowSpan {
  return trafficSpans?.[service] ?? { windowMs, receivedAtMs };
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}
