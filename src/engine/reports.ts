import type { ClusterId, ServiceId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterReport, WindowSpan } from "../model/report.ts";

/**
 * The newest report of each cluster and the streams open at this replica. Reports are stamped on the monotonic clock when
 * they come and shown on log time when they are looked at, so that neither a stepped wall clock nor a leader with a wrong
 * one makes a cluster look silent.
 */
export class Reports {
  readonly #newest = new Map<ClusterId, ClusterReport>();
  readonly #streams = new Map<ClusterId, number>();

  /** Takes in a merged report whose times are readings of the monotonic clock. */
  accept(report: ClusterReport): void {
    this.#newest.set(report.cluster, report);
  }

  /** Forgets clusters that are no longer in the fleet and say nothing, so that names do not pile up. */
  forget(cluster: ClusterId): void {
    this.#newest.delete(cluster);
  }

  /** Every newest report, by cluster name, with times as log time and streams as all live replicas see them. */
  onLogTime(offsetMs: number, streams: ReadonlySet<ClusterId>): ReadonlyMap<ClusterId, ClusterReport> {
    const sorted = [...this.#newest.values()].toSorted((a, b) => compareNames(a.cluster, b.cluster));
    return new Map(
      sorted.map((report) => [report.cluster, shifted(report, offsetMs, streams.has(report.cluster))] as const),
    );
  }

  /** Counts streams, for the new one of a returning agent may open before the old one is closed. */
  noteStream(cluster: ClusterId, stream: "open" | "closed"): void {
    const count = (this.#streams.get(cluster) ?? 0) + (stream === "open" ? 1 : -1);
    if (count <= 0) this.#streams.delete(cluster);
    else this.#streams.set(cluster, count);
  }

  /** Clusters with a stream open here. */
  openStreams(): readonly ClusterId[] {
    return [...this.#streams.keys()].toSorted(compareNames);
  }
}

function shifted(report: ClusterReport, offsetMs: number, isStreamOpen: boolean): ClusterReport {
  const { trafficSpans = {}, workloadSpans = {} } = report;
  return {
    ...report,
    receivedAtMs: Math.trunc(report.receivedAtMs + offsetMs),
    trafficSpans: shiftedSpans(trafficSpans, offsetMs),
    workloadSpans: shiftedSpans(workloadSpans, offsetMs),
    isStreamOpen,
  };
}

type Spans = Readonly<Record<ServiceId, WindowSpan>>;

function shiftedSpans(spans: Spans, offsetMs: number): Spans {
  const entries = Object.entries(spans) as [ServiceId, WindowSpan][];
  return Object.fromEntries(
    entries.map(([service, span]) => [service, { ...span, receivedAtMs: Math.trunc(span.receivedAtMs + offsetMs) }]),
  );
}
