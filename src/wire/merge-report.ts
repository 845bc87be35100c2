import type { ServiceId } from "../model/ids.ts";
import type { ClusterReport, WindowSpan } from "../model/report.ts";
import type { HeartbeatPart, WindowPart } from "./report.ts";

/** Rows of a service that no window mentioned for this long say nothing about now: four whole turns. */
export const ROWS_KEPT_MS = 60_000;

/**
 * Folds one part of a report into what is known of its cluster. Order is by sequence within one start of the agent, and
 * never by the sender's clock: a part that is not newer returns `previous` itself, unchanged. Another boot id is an agent
 * that started anew, whose sequence counts from its own beginning; what its data plane routes and counted stays known
 * until it says otherwise.
 *
 * @param receivedAtMs - this replica's clock.
 */
export function mergeReport(
  previous: ClusterReport | undefined,
  part: HeartbeatPart | WindowPart,
  receivedAtMs: number,
): ClusterReport {
  if (previous !== undefined && previous.bootId === part.bootId && part.sequence <= previous.sequence) return previous;
  const { uid, bootId, sequence } = part;
  const head: ClusterReport = { ...(previous ?? emptyReport(part)), uid, bootId, sequence, receivedAtMs };
  return part.kind === "heartbeat" ? withHeartbeat(head, part) : withWindow(head, part);
}

function emptyReport({ cluster, uid, bootId }: HeartbeatPart | WindowPart): ClusterReport {
  const identity = { cluster, uid, bootId, sequence: 0, receivedAtMs: 0 };
  const rows = { traffic: [], windowMs: 0, workloads: [], peers: [], refusals: [] };
  return { ...identity, appliedHashes: {}, ...rows, trafficSpans: {}, workloadSpans: {}, isStreamOpen: false };
}

function withHeartbeat(report: ClusterReport, part: HeartbeatPart): ClusterReport {
  const { applied: _applied, fallback: _fallback, ...kept } = report;
  const { applied, fallback, refusals, peers, alarms, sentAtMs } = part;
  return {
    ...kept,
    ...(applied === undefined ? {} : { applied }),
    ...(fallback === undefined ? {} : { fallback }),
    appliedHashes:
      part.appliedCoverage === "part" ? { ...kept.appliedHashes, ...part.appliedHashes } : part.appliedHashes,
    refusals,
    peers,
    alarms,
    sentAtMs,
  };
}

function withWindow(report: ClusterReport, part: WindowPart): ClusterReport {
  const { windowMs, traffic, workloads } = part;
  const span: WindowSpan = { windowMs, receivedAtMs: report.receivedAtMs };
  const named = new Set(traffic.map(({ service }) => service));
  const running = new Set(workloads.map(({ service }) => service));
  const spans = Object.entries(report.trafficSpans ?? {}) as [ServiceId, WindowSpan][];
  const fresh = spans.filter(([service, { receivedAtMs }]) => !named.has(service) && isFresh(receivedAtMs, report));
  const keeps = new Set(fresh.map(([service]) => service));
  return {
    ...report,
    windowMs,
    traffic: [...report.traffic.filter(({ service }) => keeps.has(service)), ...traffic],
    workloads: [...report.workloads.filter(({ service }) => !running.has(service)), ...workloads],
    workloadSpans: { ...report.workloadSpans, ...Object.fromEntries([...running].map((service) => [service, span])) },
    trafficSpans: Object.fromEntries([...fresh, ...[...named].map((service) => [service, span] as const)]),
  };
}

function isFresh(receivedAtMs: number, report: ClusterReport): boolean {
  return report.receivedAtMs - receivedAtMs < ROWS_KEPT_MS;
}
