import type { Measured } from "../model/command.ts";
import { keyOf } from "../model/destination.ts";
import type { DestinationKey } from "../model/destination.ts";
import type { FleetState, Reported, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId, ServiceId } from "../model/ids.ts";
import type { ClusterReport, WorkloadRow } from "../model/report.ts";
import type { Settings } from "../model/settings.ts";
import { expectedDemand } from "./learn/demand.ts";
import { Learner } from "./learn/learner.ts";
import type { DemandNews } from "./learn/learner.ts";
import { withAnchors } from "./learn/anchors.ts";

type Demand = Record<ServiceId, Record<ClusterId, number>>;
type ReportedByService = Record<ServiceId, Record<DestinationKey, Reported>>;

/**
 * Demand, capacity and readiness that left their dead bands, from the newest reports, and what was learned of destinations and
 * ways; undefined when nothing is to be recorded. What is declared is not measured, and services that nobody declared are left
 * out. Without a learner, or with a new one, the reports are looked at as the first that there are.
 */
export function measured(
  state: FleetState,
  reports: ReadonlyMap<ClusterId, ClusterReport>,
  { settings, learner = new Learner(), fitsMax }: Measuring,
): Measured | undefined {
  learner.heed(state, reports);
  // The newest of all reports says what time it is: the same reports, the same answer.
  const nowMs = Math.max(0, ...[...reports.values()].map(({ receivedAtMs }) => receivedAtMs));
  const rounds = { learnRoundMs: settings.learnRoundMs, ...(fitsMax !== undefined && { fitsMax }) };
  const demandRps: Demand = {};
  const reported: ReportedByService = {};
  for (const news of learner.takeDemands()) measureDemand(state, news, { settings, nowMs, into: demandRps });
  for (const report of [...reports.values()].toSorted((a, b) => compareNames(a.cluster, b.cluster))) {
    if (state.clusters.get(report.cluster)?.membership !== "active") continue;
    measureWorkloads(state, report, { settings, into: reported });
  }
  const found = {
    demandRps,
    reported,
    ...withAnchors(learner.learned(state, nowMs, rounds), { state, reported, atMs: nowMs }),
  };
  return Object.values(found).every((part) => Object.keys(part).length === 0) ? undefined : found;
}

/** What measuring goes by besides state and reports. */
export interface Measuring {
  readonly settings: Settings;
  /** What is remembered of earlier reports; undefined: none are. */
  readonly learner?: Learner;
  /** Fits of work after which no further destination is looked at this time; undefined: all are. */
  readonly fitsMax?: number;
}

interface DemandContext {
  readonly settings: Settings;
  readonly nowMs: number;
  readonly into: Demand;
}

function measureDemand(
  state: FleetState,
  { service, source, trend, window }: DemandNews,
  { settings, nowMs, into }: DemandContext,
): void {
  const known = state.services.get(service);
  if (known === undefined || known.spec.demandRps[source] !== undefined) return;
  if (state.clusters.get(source)?.membership !== "active") return;
  const nowRps = expectedDemand(trend, nowMs);
  const beforeRps = known.demandRps[source] ?? 0;
  if (Math.abs(nowRps - beforeRps) <= demandBand({ beforeRps, ...window }, settings)) return;
  into[service] = { ...into[service], [source]: nowRps };
}

/** Below this change in requests per second nothing is recorded, however large it is relatively. */
const DEMAND_CHANGE_MIN_RPS = 1;
/** Requests come at random: what differs by fewer standard deviations of their count is chance. */
const CHANCE_DEVIATIONS = 3;

interface Count {
  readonly beforeRps: number;
  readonly requests: number;
  readonly lengthMs: number;
}

function demandBand({ beforeRps, requests, lengthMs }: Count, settings: Settings): number {
  const expected = Math.max(requests, (beforeRps * lengthMs) / 1_000);
  const chanceRps = (CHANCE_DEVIATIONS * Math.sqrt(expected) * 1_000) / lengthMs;
  return Math.max(beforeRps * settings.measuredDeadBand, chanceRps, DEMAND_CHANGE_MIN_RPS);
}

function measureWorkloads(
  state: FleetState,
  report: ClusterReport,
  { settings, into }: { readonly settings: Settings; readonly into: ReportedByService },
): void {
  const moved = report.workloads.filter((row) => {
    const key = keyOf({ cluster: report.cluster, version: row.version });
    const known = state.services.get(row.service);
    return known !== undefined && hasMoved(known.reported[key], row, settings);
  });
  for (const row of moved.toSorted(byServiceAndVersion)) {
    const known = state.services.get(row.service);
    const key = keyOf({ cluster: report.cluster, version: row.version });
    if (known === undefined || isSuperfluous(known, key)) continue;
    const found: Reported = {
      readyEndpoints: row.readyEndpoints,
      totalEndpoints: row.totalEndpoints,
      ...(row.capacityRps === undefined ? {} : { capacityRps: row.capacityRps }),
    };
    into[row.service] = { ...into[row.service], [key]: found };
  }
}

/** Reports of versions that nobody declared yet are kept for when somebody does, but not without end. */
const UNDECLARED_MAX = 1_000;

function isSuperfluous({ reported, spec }: ServiceState, key: DestinationKey): boolean {
  if (reported[key] !== undefined || spec.deployments.some((deployment) => keyOf(deployment) === key)) return false;
  return Object.keys(reported).length >= spec.deployments.length + UNDECLARED_MAX;
}

function byServiceAndVersion(a: WorkloadRow, b: WorkloadRow): number {
  return compareNames(a.service, b.service) || compareNames(a.version, b.version);
}

/** Whether there is anything at all always counts; how much of it only outside the dead band. */
function hasMoved(
  before: ServiceState["reported"][DestinationKey] | undefined,
  { readyEndpoints, totalEndpoints, capacityRps }: WorkloadRow,
  { measuredDeadBand }: Settings,
): boolean {
  if (before === undefined || (before.readyEndpoints === 0) !== (readyEndpoints === 0)) return true;
  if ((before.capacityRps === undefined) !== (capacityRps === undefined)) return true;
  return (
    isOutside(before.readyEndpoints, readyEndpoints, measuredDeadBand) ||
    // Who was recorded without it is not recorded anew for that alone.
    isOutside(before.totalEndpoints ?? totalEndpoints, totalEndpoints, measuredDeadBand) ||
    isOutside(before.capacityRps ?? 0, capacityRps ?? 0, measuredDeadBand)
  );
}

function isOutside(before: number, now: number, band: number): boolean {
  return Math.abs(now - before) > Math.max(before, now) * band;
}
