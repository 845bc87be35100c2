import { DEFAULT_SETTINGS } from "../../src/model/settings.ts";
import { bestDivision, costOf } from "./best-division.ts";
import type { Check, Latencies, Phase, Play } from "./play.ts";
import { predict } from "./prediction.ts";
import { byCluster, clustersOf, demandRps, HOT, inWords } from "./searching.ts";
import { aligned, intendedShares, latenciesOf, observedShares, percent, sharesMatch } from "./shares.ts";
import type { Selection } from "./tally.ts";
import { pause } from "./waiting.ts";

/** What one stretch showed, and what it claims. */
export interface Look {
  readonly phase: Phase;
  readonly checks: readonly Check[];
}

/** A machine that was busy with something else is given this many windows to show what is predicted. */
const WINDOWS_MAX = 4;

/** Counts over windows of `windowMs` until what callers see is what is planned and predicted, and returns the last window. */
export async function lookAt(play: Play, name: string, windowMs: number): Promise<Look> {
  for (let window = 1; ; window += 1) {
    const counted = { fromMs: Date.now(), untilMs: Date.now() + windowMs };
    await pause(windowMs + 400);
    const look = await lookOver(play, name, counted);
    if (window === WINDOWS_MAX || look.checks.every(({ holds }) => holds)) {
      play.say(lineOf(look.phase));
      return look;
    }
    play.say("what callers see is not what is planned and predicted yet; counting again");
  }
}

async function lookOver(play: Play, name: string, counted: Required<Pick<Selection, "fromMs" | "untilMs">>) {
  const sources = clustersOf(play);
  const prediction = await predict(play);
  const both = aligned(await intendedShares(play, sources), observedShares(play, counted, sources));
  const latencies = latenciesOf(play, { ...counted, sources }, prediction);
  const { requests, shares } = play.tally.count({ ...counted, service: play.service });
  const servedRps = (key: string): number =>
    ((shares[key] ?? 0) * requests * 1_000) / (counted.untilMs - counted.fromMs);
  const loads = Object.fromEntries(
    Object.entries(prediction.places).map(([key, { loadRps, limitRps }]) => [
      key,
      { plannedRps: Math.round(loadRps), observedRps: Math.round(servedRps(key)), limitRps },
    ]),
  );
  const phase: Phase = { name, ...both, latencies, loads };
  const slackMs = LATENCY_SLACK_MS + 2 * machineMs(play, counted);
  const prefixed = [
    ...sharesMatch(play, counted, both),
    ...latenciesMatch(latencies, slackMs),
    ...withinLimits(phase),
  ].map((check) => ({ ...check, claim: `${name}: ${check.claim}` }));
  return { phase, checks: prefixed };
}

function lineOf({ name, latencies, loads }: Phase): string {
  const means = Object.entries(latencies).map(
    ([source, { predictedMs, observedMs }]) => `${source} ${predictedMs.toFixed(0)} → ${observedMs.toFixed(0)}`,
  );
  const served = Object.entries(loads).map(
    ([key, { observedRps, limitRps }]) => `${key} ${observedRps} of ${limitRps}`,
  );
  return `${name}: mean ms predicted → observed ${means.join(", ")}; requests a second of its limit ${served.join(", ")}`;
}

/** A few hundred requests differ from the mean of all by chance. */
const LATENCY_SLACK_MS = 10;
const LATENCY_SLACK = 0.2;

/** What proxies and this machine add to each request now: what shop/checkout takes at home beyond its work, which never waits. */
function machineMs({ tally, topology }: Play, counted: Selection): number {
  const [cluster] = topology.clusters.filter(({ name }) => name === UNMOVED);
  const workMs = cluster?.workloads.find(({ service }) => service === "shop/checkout")?.serviceTimeMs ?? 0;
  const { meanLatencyMs } = tally.count({ ...counted, sources: [UNMOVED], service: "shop/checkout" });
  return Math.max(0, meanLatencyMs - workMs);
}

/** Cluster whose callers of shop/checkout stay at home while people search. */
const UNMOVED = "ap-south";

function latenciesMatch(latencies: Latencies, slackMs: number): readonly Check[] {
  return Object.entries(latencies).map(([source, { predictedMs, observedMs }]) => ({
    claim: `${source}'s callers wait ${predictedMs} ms, as predicted, give or take ${slackMs.toFixed(0)} ms and a fifth`,
    holds: Math.abs(observedMs - predictedMs) <= slackMs + LATENCY_SLACK * predictedMs,
    seen: `${observedMs} ms`,
  }));
}

/** Plans keep to the limit; what really comes differs by chance. */
function withinLimits({ loads }: Phase): readonly Check[] {
  return Object.entries(loads).map(([key, { plannedRps, observedRps, limitRps }]) => ({
    claim: `${key} serves no more than its limit of ${limitRps} a second`,
    holds: plannedRps <= limitRps * 1.02 && observedRps <= limitRps * 1.1,
    seen: `${plannedRps} planned, ${observedRps} observed`,
  }));
}

/**
 * Gains below this share of what callers spend move nothing by themselves, or bring nothing back; and the planner's figure of
 * their demand is as good as a few seconds of chance allow.
 */
const GAIN_MAX = Math.max(DEFAULT_SETTINGS.moveGainMin, DEFAULT_SETTINGS.returnGainMin) + 0.05;

/**
 * What leaves is the excess and no more: no other division of the hot cluster's searches would cost callers much less, by the
 * demand that they really have, and whoever lives elsewhere stays at home.
 */
export async function spreadChecks(
  play: Play,
  { bytesPerRequest }: { readonly bytesPerRequest: number },
): Promise<readonly Check[]> {
  const shares = await intendedShares(play, clustersOf(play));
  const division = { source: HOT, demandRps: demandRps(true), bytesPerRequest };
  const planned = byCluster(shares[HOT] ?? {});
  const best = bestDivision(play, division);
  const gain = 1 - best.costMs / costOf(play, division, planned);
  const others = clustersOf(play).filter((name) => name !== HOT);
  return [
    {
      claim: `what leaves is the excess: no other division would save callers more than ${percent(GAIN_MAX)}`,
      holds: gain <= GAIN_MAX,
      seen: `${percent(gain)} by ${inWords(best.shares)}, planned ${inWords(planned)}`,
    },
    {
      claim: `callers of ${others.join(" and ")} stay at home`,
      holds: others.every((name) => shares[name]?.[`${name}/v1`] === 1),
      seen: JSON.stringify(shares),
    },
  ];
}
