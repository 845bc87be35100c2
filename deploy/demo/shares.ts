import { METHODS } from "./operator.ts";
import type { Check, Latencies, Play, Shares } from "./play.ts";
import { predict, type Prediction } from "./prediction.ts";
import type { Selection } from "./tally.ts";
import { pause } from "./waiting.ts";

/** Shares that the planner intends for the moved service now, per source. */
export async function intendedShares(play: Play, sources: readonly string[]): Promise<Shares> {
  const status = await play.operator.call(METHODS.getStatus, { service: play.service });
  const rows = status.sources.filter((source) => source.service === play.service && sources.includes(source.cluster));
  return Object.fromEntries(
    rows.map((row) => [
      row.cluster,
      Object.fromEntries(
        row.shares
          .filter(({ intendedWeight }) => intendedWeight > 0)
          .map(({ destination, intendedWeight }) => [
            `${destination?.cluster}/${destination?.version}`,
            intendedWeight / 10_000,
          ]),
      ),
    ]),
  );
}

/** Shares that the load generators counted, over the same keys and whatever else answered. */
export function observedShares(play: Play, selection: Selection, sources: readonly string[]): Shares {
  return Object.fromEntries(
    sources.map((source) => [
      source,
      play.tally.count({ ...selection, sources: [source], service: play.service }).shares,
    ]),
  );
}

/** Intended and observed shares over one window, with what they claim, and predicted and observed latencies. */
export interface Measured {
  readonly intended: Shares;
  readonly observed: Shares;
  readonly latencies: Latencies;
  readonly checks: readonly Check[];
}

/** A machine that was busy with something else is given this many windows to show the intended shares. */
const WINDOWS_MAX = 4;

/** Counts over windows of `windowMs` until the observed shares are the intended ones, and returns the last window. */
export async function measure(play: Play, sources: readonly string[], windowMs: number): Promise<Measured> {
  for (let window = 1; ; window += 1) {
    const counted = { fromMs: Date.now(), untilMs: Date.now() + windowMs };
    await pause(windowMs + 300);
    const both = aligned(await intendedShares(play, sources), observedShares(play, counted, sources));
    const latencies = latenciesOf(play, { ...counted, sources }, await predict(play));
    const checks = sharesMatch(play, counted, both);
    if (window === WINDOWS_MAX || checks.every(({ holds }) => holds)) return { ...both, latencies, checks };
    play.say("observed shares are not the intended ones yet; counting again");
  }
}

/** Predicted latencies beside those that callers saw, by source. */
export function latenciesOf(
  play: Play,
  selection: Selection & { readonly sources: readonly string[] },
  { latencyMs }: Prediction,
): Latencies {
  return Object.fromEntries(
    selection.sources.map((source) => {
      const { meanLatencyMs } = play.tally.count({ ...selection, sources: [source], service: play.service });
      return [source, { predictedMs: rounded(latencyMs[source] ?? 0), observedMs: rounded(meanLatencyMs) }];
    }),
  );
}

/** To a tenth of a millisecond. */
function rounded(ms: number): number {
  return Number(ms.toFixed(1));
}

/** Gives both sides the same keys, so that a missing share reads as the zero it is. */
export function aligned(intended: Shares, observed: Shares): { readonly intended: Shares; readonly observed: Shares } {
  const sources = [...new Set([...Object.keys(intended), ...Object.keys(observed)])];
  const keysOf = (source: string): string[] =>
    [...new Set([...Object.keys(intended[source] ?? {}), ...Object.keys(observed[source] ?? {})])].toSorted();
  const filled = (shares: Shares): Shares =>
    Object.fromEntries(
      sources.map((source) => [
        source,
        Object.fromEntries(keysOf(source).map((key) => [key, Number((shares[source]?.[key] ?? 0).toFixed(4))])),
      ]),
    );
  return { intended: filled(intended), observed: filled(observed) };
}

/**
 * Claims that observed shares are the intended ones. Requests choose at random, so that a share p of n requests may
 * differ by four standard deviations, and by half a percent whatever n.
 */
export function sharesMatch(
  play: Play,
  selection: Selection,
  both: { readonly intended: Shares; readonly observed: Shares },
): readonly Check[] {
  return Object.entries(both.intended).flatMap(([source, shares]) => {
    const { requests } = play.tally.count({ ...selection, sources: [source], service: play.service });
    return Object.entries(shares).map(([key, share]) => {
      const seen = both.observed[source]?.[key] ?? 0;
      const allowed = 0.005 + 4 * Math.sqrt((share * (1 - share)) / Math.max(1, requests));
      return {
        claim: `${source} sends ${percent(share)} to ${key}`,
        holds: Math.abs(seen - share) <= allowed && requests > 0,
        seen: `${percent(seen)} of ${requests} requests`,
      };
    });
  });
}

/** A share as people read it. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
