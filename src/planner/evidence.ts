import type { ClusterState, Verdict } from "../model/cluster.ts";
import type { FleetState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";
import type { Observed, ObservedCluster } from "../model/observed.ts";
import type { Settings } from "../model/settings.ts";

/** What the reports of one moment say of one cluster, before anything that held before is weighed. */
export interface Evidence {
  readonly cluster: ClusterId;
  readonly verdict: Verdict;
  /** One sentence with the numbers. */
  readonly text: string;
  /** Whether heartbeat and stream both say that it lives: what a dead cluster must show for a while. */
  readonly isAlive: boolean;
  readonly silentForMs: number;
}

/** Share of the clusters that a new leader must have heard before it trusts a silence; or it waits `coldStartMs`. */
const HEARD_RATIO = 0.8;

/**
 * Evidence for each active cluster, by name. A cluster that a cold leader has not heard yet is left out: its silence may
 * be the leader's own deafness.
 */
export function evidenceOf(state: FleetState, observed: Observed, context: EvidenceContext): readonly Evidence[] {
  const active = [...state.clusters.values()]
    .filter(({ membership }) => membership === "active")
    .toSorted((a, b) => compareNames(a.spec.cluster, b.spec.cluster));
  const heard = active.filter(({ spec }) => observed.clusters[spec.cluster] !== undefined).length;
  const isCold = observed.collectingForMs < context.settings.coldStartMs && heard < active.length * HEARD_RATIO;
  return active
    .filter(({ spec }) => !isCold || observed.clusters[spec.cluster] !== undefined)
    .map((cluster) => judge(cluster, observed, context));
}

/** What evidence is judged by besides state and reports. */
export interface EvidenceContext {
  readonly settings: Settings;
  /** Time of the decision, ms. */
  readonly atMs: number;
}

function judge(
  { spec, verdictSinceMs }: ClusterState,
  observed: Observed,
  { settings, atMs }: EvidenceContext,
): Evidence {
  // Nobody can be silent to a planner for longer than it listens, nor for longer than the cluster is a member.
  const unheard: ObservedCluster = {
    silentForMs: Math.max(0, Math.min(observed.collectingForMs, atMs - verdictSinceMs)),
    isStreamOpen: false,
    peersReaching: 0,
    peersFailing: 0,
    appliedHashes: {},
    refusals: [],
    hasFallback: false,
    traffic: {},
  };
  const seen = observed.clusters[spec.cluster] ?? unheard;
  const isFresh = seen.silentForMs < settings.unknownAfterMs;
  return {
    cluster: spec.cluster,
    ...verdictOf(seen, settings),
    isAlive: isFresh && seen.isStreamOpen,
    silentForMs: seen.silentForMs,
  };
}

/**
 * Dead takes two independent witnesses: silence and the other clusters' view of its gateway; or, where nobody says that
 * the gateway answers, a longer silence and a closed stream. All else that is silent is unknown.
 */
function verdictOf(seen: ObservedCluster, settings: Settings): Pick<Evidence, "verdict" | "text"> {
  const { silentForMs, isStreamOpen, peersReaching, peersFailing } = seen;
  const peers = `${peersFailing} of ${peersFailing + peersReaching} other clusters see its gateway fail`;
  if (silentForMs < settings.unknownAfterMs) {
    if (peersFailing > peersReaching) return { verdict: "degraded", text: peers };
    return { verdict: "healthy", text: "reports arrive" };
  }
  const silence = `silent for ${(silentForMs / 1_000).toFixed(1)} s`;
  if (silentForMs >= settings.deadAfterMs && peersFailing > peersReaching) {
    return { verdict: "dead", text: `${silence}, and ${peers}` };
  }
  const isCutOff = !isStreamOpen && peersFailing >= peersReaching;
  if (silentForMs >= settings.deadWithoutPeersAfterMs && isCutOff) {
    return { verdict: "dead", text: `${silence}, its stream is closed, and ${peers}` };
  }
  return { verdict: "unknown", text: silence };
}
