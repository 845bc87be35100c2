import { compareNames } from "../../src/model/ids.ts";
import type { ClusterId } from "../../src/model/ids.ts";
import type { ActiveFallback } from "../../src/model/report.ts";
import type { FallbackRuling } from "./delta.ts";
import { routeWeighs, weighs } from "./holding.ts";
import type { DestinationEvidence, HeldPlan } from "./ports.ts";

/** When the agent's own evidence is enough. */
export interface FallbackPolicy {
  /** Connect failures in a row that prove a gateway gone. */
  readonly connectFailuresMin: number;
  /** How long a destination has had no ready endpoint, in ms, before its cluster counts as lost. */
  readonly noReadyEndpointMs: number;
  /** How long evidence against a cluster that just got weight back may be left over from before, in ms. */
  readonly returnGraceMs: number;
}

/**
 * Defaults: well after the proxy's own failover (2 connect failures), so that a host that is short of time for a moment
 * gives nobody up, and well before the planner's verdict (5 s).
 */
export const DEFAULT_FALLBACK_POLICY: FallbackPolicy = {
  connectFailuresMin: 5,
  noReadyEndpointMs: 2_500,
  returnGraceMs: 10_000,
};

/** A cluster against which evidence does not count for now. */
export interface Exemption {
  readonly cluster: ClusterId;
  /** Monotonic ms; undefined: until its evidence has been good once. */
  readonly untilMs?: number;
}

/** What the agent knows of its own fallback. */
export interface FallbackState {
  readonly active?: ActiveFallback;
  readonly exempt: readonly Exemption[];
}

/** Nothing lost, nothing exempt. */
export const NO_FALLBACK: FallbackState = { exempt: [] };

/** What a look at the evidence led to. `held`: two or more clusters are lost, so nothing is switched. */
export interface FallbackDecision {
  readonly state: FallbackState;
  readonly outcome: "unchanged" | "switched" | "held";
  /** Clusters that the evidence speaks against, sorted. */
  readonly lost: readonly ClusterId[];
}

/** What a decision is made on. */
export interface FallbackInput {
  readonly plan: HeldPlan;
  readonly own: ClusterId;
  readonly evidence: Iterable<DestinationEvidence>;
  readonly policy: FallbackPolicy;
  /** Monotonic, ms. */
  readonly nowMs: number;
  /** Wall clock, ms since 1970: shown to people as the moment of the switch. */
  readonly wallMs: number;
}

/**
 * Whether to follow the plan's fallback for a lost cluster, on the agent's own evidence. One lost cluster at a time: with
 * two or more the cause is more likely here than there, or the survivors' capacity was never checked for it, so
 * everything stays. An active fallback is never ended by evidence, only by the planner's word (`followPlan`). The own
 * cluster is never the lost one.
 */
export function watchEvidence(state: FallbackState, input: FallbackInput): FallbackDecision {
  const accused = accusedClusters(input);
  const exempt = state.exempt.filter(({ cluster, untilMs }) =>
    untilMs === undefined ? accused.has(cluster) : input.nowMs < untilMs,
  );
  const excused = new Set(exempt.map(({ cluster }) => cluster));
  const lost = [...accused.keys()].filter((cluster) => !excused.has(cluster)).toSorted(compareNames);
  const kept: FallbackState = { ...state, exempt };
  const [only, ...others] = lost.filter((cluster) => cluster !== state.active?.lostCluster);
  if (only === undefined) return { state: kept, outcome: "unchanged", lost };
  if (others.length > 0 || state.active !== undefined) return { state: kept, outcome: "held", lost };
  const active = { lostCluster: only, sinceMs: input.wallMs, evidence: accused.get(only) ?? "" };
  return { state: { active, exempt }, outcome: "switched", lost };
}

/** Clusters with weight in the plan that the evidence speaks against, with the reason in words. */
function accusedClusters({ plan, own, evidence, policy }: FallbackInput): ReadonlyMap<ClusterId, string> {
  const accused = new Map<ClusterId, string>();
  for (const [cluster, sum] of sumsOf(evidence, policy)) {
    if (cluster === own || !weighs(plan, cluster)) continue;
    const reason = reasonAgainst(sum, policy);
    if (reason !== undefined) accused.set(cluster, reason);
  }
  return accused;
}

/** What the rows of one cluster come to. */
interface Sum {
  readonly first: DestinationEvidence;
  isAnswering: boolean;
  /** The first that fails too often. */
  failing: DestinationEvidence | undefined;
  shortestNotReadyMs: number;
}

/** Takes row after row and keeps none: there are thousands, twice a second. */
function sumsOf(evidence: FallbackInput["evidence"], policy: FallbackPolicy): ReadonlyMap<ClusterId, Sum> {
  const sums = new Map<ClusterId, Sum>();
  for (const row of evidence) {
    const sum = sums.get(row.cluster) ?? {
      first: row,
      isAnswering: false,
      failing: undefined,
      shortestNotReadyMs: row.noReadyEndpointForMs,
    };
    sums.set(row.cluster, sum);
    sum.isAnswering ||= isAnswering(row);
    if (row.consecutiveConnectFailures >= policy.connectFailuresMin) sum.failing ??= row;
    sum.shortestNotReadyMs = Math.min(sum.shortestNotReadyMs, row.noReadyEndpointForMs);
  }
  return sums;
}

/**
 * A gateway that refuses connections is gone for every service behind it, unless one of them was just answered. Without
 * ready endpoints, all that is sent there must be: one service may be down alone, and its proxy deals with that.
 */
function reasonAgainst(sum: Sum, policy: FallbackPolicy): string | undefined {
  const { first, failing, shortestNotReadyMs } = sum;
  if (sum.isAnswering) return undefined;
  if (failing !== undefined)
    return `${failing.consecutiveConnectFailures} connects to ${failing.destination} failed in a row`;
  if (shortestNotReadyMs < policy.noReadyEndpointMs) return undefined;
  return `no ready endpoint of ${first.destination} for ${Math.round(shortestNotReadyMs)} ms`;
}

/** Proxies say once a second what was answered: an answer is news for some seconds. */
const ANSWER_FRESH_MS = 3_000;

function isAnswering({ answeredAgoMs }: DestinationEvidence): boolean {
  return answeredAgoMs !== undefined && answeredAgoMs < ANSWER_FRESH_MS;
}

/** A plan that came after the fallback began. */
export interface NewerPlan {
  readonly before: HeldPlan | undefined;
  readonly after: HeldPlan;
  readonly rulings: readonly FallbackRuling[];
  readonly policy: FallbackPolicy;
  /** Monotonic, ms. */
  readonly nowMs: number;
}

/** What became of an active fallback under a newer plan. */
export interface FallbackFollowed {
  readonly state: FallbackState;
  readonly outcome: "unchanged" | "adopted" | "reversed";
}

/**
 * What a newer plan makes of the agent's own fallback. *Adopted*: the plan itself sends the lost cluster nothing any
 * more, or says so. *Reversed*: the planner says that the cluster is not lost; evidence against it then counts again
 * only after it was good once. Otherwise the fallback stays. A cluster that gets weight back starts with a clean sheet.
 */
export function followPlan(state: FallbackState, plan: NewerPlan): FallbackFollowed {
  const { active } = state;
  const ruling = active && plan.rulings.find(({ lostCluster }) => lostCluster === active.lostCluster);
  const returned = returning(plan);
  const exempt = returned.length === 0 ? state.exempt : merged(state.exempt, returned);
  if (active === undefined) return { state: { exempt }, outcome: "unchanged" };
  if (ruling?.outcome === "reversed") {
    const others = exempt.filter(({ cluster }) => cluster !== active.lostCluster);
    return { state: { exempt: [...others, { cluster: active.lostCluster }] }, outcome: "reversed" };
  }
  if (ruling?.outcome === "adopted" || !weighs(plan.after, active.lostCluster))
    return { state: { exempt }, outcome: "adopted" };
  return { state: { active, exempt }, outcome: "unchanged" };
}

function merged(older: readonly Exemption[], newer: readonly Exemption[]): readonly Exemption[] {
  return [...older.filter(({ cluster }) => !newer.some((other) => other.cluster === cluster)), ...newer];
}

/** Clusters that have weight now and had none before; at the start of the agent that is all of them. */
function returning({ before, after, policy, nowMs }: NewerPlan): readonly Exemption[] {
  const untilMs = nowMs + policy.returnGraceMs;
  const fresh = new Set<ClusterId>();
  for (const [service, { routeSet }] of after.routeSets) {
    const older = before?.routeSets.get(service)?.routeSet;
    // What stayed as it was gives nobody weight anew.
    if (older === routeSet) continue;
    for (const { routes } of routeSet.rules)
      for (const { destination } of routes)
        if (older === undefined || !routeWeighs(older, destination.cluster)) fresh.add(destination.cluster);
  }
  if (fresh.size === 0) return [];
  return [...fresh]
    .filter((cluster) => before === undefined || !weighs(before, cluster))
    .toSorted(compareNames)
    .map((cluster) => ({ cluster, untilMs }));
}
