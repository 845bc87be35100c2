import { compareNames } from "../../src/model/ids.ts";
import type { ServiceId, Version } from "../../src/model/ids.ts";
import type { DestinationKey } from "../../src/model/destination.ts";
import type { TrafficRow } from "../../src/model/report.ts";
import type { MeshWindow, UtilisationRow } from "./ports.ts";

/** When the numbers of a service are worth a message. */
export interface ReportPolicy {
  /** Every service is reported within this time, in ms. */
  readonly turnMs: number;
  /** Requests in a window that make its shares worth reporting before its turn. */
  readonly requestsEnough: number;
  /** Time of which utilisation was said that makes it worth reporting before its turn, in ms. */
  readonly utilisationEnoughMs: number;
  /** How long after its routes changed a service is reported as soon as it has enough requests, in ms. */
  readonly attentionMs: number;
  /** Up to as many services, each is reported as soon as it has enough requests. */
  readonly servicesFew: number;
}

/** Defaults: every service within 15 s (architecture, Reports), of which a tick may be spent waiting for the tick. */
export const DEFAULT_REPORT_POLICY: ReportPolicy = {
  turnMs: 14_000,
  requestsEnough: 100,
  utilisationEnoughMs: 5_000,
  attentionMs: 60_000,
  servicesFew: 32,
};

/** Counts of one service since its last report. */
export interface Tally {
  readonly rows: ReadonlyMap<DestinationKey, TrafficRow>;
  /** How busy its versions here said that they are. */
  readonly busy: ReadonlyMap<Version, Busy>;
  /** Since when its routes are as they are, monotonic ms. */
  readonly routedSinceMs: number;
  /** Time that was counted, in ms. */
  readonly windowMs: number;
  /** When its turn comes, monotonic ms. */
  readonly dueAtMs: number;
  /** Until when it is watched closely, monotonic ms. */
  readonly attentionUntilMs: number;
  /** Whether the last report had failures. */
  readonly wasFailing: boolean;
}

/** A sum of busy shares, each by the time that it is the mean of. */
interface Busy {
  readonly shareMs: number;
  readonly overMs: number;
}

/** Counts of every service that the cluster routes. */
export type Tallies = ReadonlyMap<ServiceId, Tally>;

/** What is known at one moment. */
export interface ReportMoment {
  /** Services that the cluster routes by now. */
  readonly services: readonly ServiceId[];
  /** Monotonic, ms. */
  readonly nowMs: number;
  readonly policy: ReportPolicy;
}

/** Adds a window of the mesh. Services that are new get their turns spread, so that many do not report at once. */
export function count(tallies: Tallies, window: MeshWindow, moment: ReportMoment): Tallies {
  const rows = Map.groupBy(window.traffic, ({ service }) => service);
  const said = Map.groupBy(window.utilisations, ({ service }) => service);
  const services = [...new Set([...moment.services, ...rows.keys()])].toSorted(compareNames);
  const counted = services.map((service, index): readonly [ServiceId, Tally] => {
    const dueAtMs = moment.nowMs + Math.ceil((moment.policy.turnMs * (index + 1)) / services.length);
    const tally = tallies.get(service) ?? freshTally({ dueAtMs, attentionUntilMs: moment.nowMs });
    const busy = busier(tally, said.get(service) ?? [], moment.nowMs);
    return [service, { ...grown(tally, rows.get(service) ?? [], window.windowMs), busy }];
  });
  return new Map(counted);
}

function freshTally(times: Pick<Tally, "dueAtMs" | "attentionUntilMs">): Tally {
  const nothing = { rows: new Map(), busy: new Map(), windowMs: 0, wasFailing: false };
  return { ...nothing, routedSinceMs: -Infinity, ...times };
}

function grown(tally: Tally, added: readonly TrafficRow[], windowMs: number): Tally {
  const rows = new Map(tally.rows);
  for (const row of added) rows.set(row.destination, merged(rows.get(row.destination), row));
  return { ...tally, rows, windowMs: tally.windowMs + windowMs };
}

/** What was said of a time before the routes changed would count for the wrong requests, and is passed over. */
function busier(
  { busy, routedSinceMs }: Tally,
  said: readonly UtilisationRow[],
  nowMs: number,
): ReadonlyMap<Version, Busy> {
  const sums = new Map(busy);
  for (const { version, utilisation, overMs, beganAgoMs } of said) {
    if (nowMs - beganAgoMs < routedSinceMs) continue;
    const sum = sums.get(version) ?? { shareMs: 0, overMs: 0 };
    sums.set(version, { shareMs: sum.shareMs + utilisation * overMs, overMs: sum.overMs + overMs });
  }
  return sums;
}

/** Mean busy share of one version's endpoints since the last report, 0 to 1; undefined when none said so. */
export function utilisationIn({ busy }: Tally, version: Version): number | undefined {
  const sum = busy.get(version);
  return sum === undefined || sum.overMs <= 0 ? undefined : sum.shareMs / sum.overMs;
}

/** Counts and means add up exactly. Quantiles cannot: the median is averaged by requests, of the 99th the worst is kept. */
function merged(a: TrafficRow | undefined, b: TrafficRow): TrafficRow {
  if (a === undefined) return b;
  const requests = a.requests + b.requests;
  const mean = averaged("latencyMeanMs", a, b);
  const p50 = averaged("latencyP50Ms", a, b);
  const p99 = Math.max(a.latencyP99Ms ?? -1, b.latencyP99Ms ?? -1);
  return {
    service: b.service,
    destination: b.destination,
    requests,
    failures: a.failures + b.failures,
    ...(mean === undefined ? {} : { latencyMeanMs: mean }),
    ...(p50 === undefined ? {} : { latencyP50Ms: p50 }),
    ...(p99 < 0 ? {} : { latencyP99Ms: p99 }),
  };
}

function averaged(name: "latencyMeanMs" | "latencyP50Ms", a: TrafficRow, b: TrafficRow): number | undefined {
  const [before, seen] = [a[name], b[name]];
  if (before === undefined) return seen;
  if (seen === undefined) return before;
  const requests = a.requests + b.requests;
  return requests === 0 ? seen : (before * a.requests + seen * b.requests) / requests;
}

/** Services to report now, sorted: whose turn has come, that broke, and those watched closely with enough to say. */
export function dueServices(tallies: Tallies, { nowMs, policy }: Omit<ReportMoment, "services">): readonly ServiceId[] {
  const areFew = tallies.size <= policy.servicesFew;
  const due = [...tallies].filter(([, tally]) => {
    if (tally.windowMs <= 0) return false;
    if (nowMs >= tally.dueAtMs || isBroken(tally)) return true;
    const isWatched = areFew || nowMs < tally.attentionUntilMs;
    return isWatched && hasEnough(tally, policy);
  });
  return due.map(([service]) => service);
}

/** A cluster that only serves others counts no requests, but its utilisation is news all the same. */
function hasEnough(tally: Tally, { requestsEnough, utilisationEnoughMs }: ReportPolicy): boolean {
  if (requestsOf(tally) >= requestsEnough) return true;
  return tally.busy.values().some(({ overMs }) => overMs >= utilisationEnoughMs);
}

/** Whether failures began since the last report. */
export function isBroken(tally: Tally): boolean {
  return !tally.wasFailing && failuresOf(tally) > 0;
}

/** Requests counted since the last report. */
export function requestsOf({ rows }: Pick<Tally, "rows">): number {
  return [...rows.values()].reduce((sum, { requests }) => sum + requests, 0);
}

function failuresOf({ rows }: Tally): number {
  return [...rows.values()].reduce((sum, { failures }) => sum + failures, 0);
}

/** Starts new windows for services that were just reported. */
export function reported(
  tallies: Tallies,
  services: readonly ServiceId[],
  moment: Omit<ReportMoment, "services">,
): Tallies {
  const next = new Map(tallies);
  for (const service of services) {
    const tally = tallies.get(service);
    if (tally === undefined) continue;
    const { attentionUntilMs, routedSinceMs } = tally;
    const fresh = freshTally({ dueAtMs: moment.nowMs + moment.policy.turnMs, attentionUntilMs });
    next.set(service, { ...fresh, routedSinceMs, rows: silenced(tally), wasFailing: failuresOf(tally) > 0 });
  }
  return next;
}

/** Rows that say zero once where requests went last: silence must be told, or the last demand would stand for ever. */
function silenced({ rows }: Tally): Tally["rows"] {
  const busy = [...rows.values()].filter(({ requests }) => requests > 0);
  return new Map(
    busy.map(({ service, destination }) => [destination, { service, destination, requests: 0, failures: 0 }]),
  );
}

/**
 * Watches services closely from now on because their routes changed. Report them first: a window that began before the
 * change says nothing of the new shares.
 */
export function attend(
  tallies: Tallies,
  services: readonly ServiceId[],
  moment: Omit<ReportMoment, "services">,
): Tallies {
  const next = new Map(tallies);
  const times = {
    dueAtMs: moment.nowMs + moment.policy.turnMs,
    attentionUntilMs: moment.nowMs + moment.policy.attentionMs,
  };
  const routedSinceMs = moment.nowMs;
  for (const service of services) {
    const tally = tallies.get(service) ?? freshTally(times);
    next.set(service, { ...tally, ...times, busy: new Map(), routedSinceMs });
  }
  return next;
}
