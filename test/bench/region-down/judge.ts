import type { Sent } from "../failover/load.ts";
import { percentile } from "../statistics.ts";

/** What became of the requests of one phase. Latencies are of those that were answered, ms. */
export interface Phase {
  readonly requests: number;
  readonly failed: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers of each site per second. */
  readonly servedRps: Readonly<Record<string, number>>;
  /** Share of each source's requests that succeeded, 0 to 1. */
  readonly successBySource: Readonly<Record<string, number>>;
  /** How requests failed, with how often. */
  readonly failures: Readonly<Record<string, number>>;
}

/** A stretch of time on the load's clock, ms. */
export interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The requests that were sent within a span, or were under way at its beginning. Throws when there are none. */
export function phaseOf(sent: Readonly<Record<string, readonly Sent[]>>, { fromMs, untilMs }: Span): Phase {
  const within = Object.entries(sent).map(
    ([source, list]) => [source, list.filter(({ atMs, tookMs }) => atMs + tookMs >= fromMs && atMs < untilMs)] as const,
  );
  const all = within.flatMap(([, list]) => list);
  const answered = all.filter(({ servedBy }) => servedBy !== undefined);
  const latencies = answered.map(({ tookMs }) => tookMs);
  const seconds = (untilMs - fromMs) / 1_000;
  const servedRps = countBy(answered, ({ servedBy }) => servedBy ?? "");
  return {
    requests: all.length,
    failed: all.length - answered.length,
    meanMs: latencies.reduce((sum, ms) => sum + ms, 0) / Math.max(1, latencies.length),
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    servedRps: Object.fromEntries(Object.entries(servedRps).map(([site, count]) => [site, count / seconds])),
    successBySource: Object.fromEntries(
      within.map(([source, list]) => [
        source,
        list.filter(({ failure }) => failure === undefined).length / list.length,
      ]),
    ),
    failures: countBy(
      all.filter(({ failure }) => failure !== undefined),
      ({ failure }) => failure ?? "",
    ),
  };
}

/** Ending processes takes a moment, and answers may be under way. */
const GONE_AFTER_MS = 500;

/** Throws when the cluster that should be dead goes on answering: that would show nothing. */
export function assertLost(
  sent: Readonly<Record<string, readonly Sent[]>>,
  { lost, lostAtMs }: { readonly lost: string; readonly lostAtMs: number },
): void {
  const late = Object.values(sent)
    .flat()
    .filter(({ atMs, servedBy }) => servedBy === lost && atMs > lostAtMs + GONE_AFTER_MS);
  if (late.length > 0) throw new Error(`${lost} answered ${late.length} requests after it was lost`);
}

/** Share of a phase's requests that succeeded, per cent. */
export function successPercent({ requests, failed }: Phase): number {
  return (100 * (requests - failed)) / requests;
}

function countBy(sent: readonly Sent[], keyOf: (one: Sent) => string): Readonly<Record<string, number>> {
  const groups = Map.groupBy(sent, keyOf);
  return Object.fromEntries([...groups].map(([key, list]) => [key, list.length]));
}
