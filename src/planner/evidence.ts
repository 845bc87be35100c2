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
  const heard = active.filter(({ spec }) => isHeard(observed, spec.cluster)).length;
  const isCold = observed.collectingForMs < context.settings.coldStartMs && heard < active.length * HEARD_RATIO;
  return active
    .filter(({ spec }) => !isCold || isHeard(observed, spec.cluster))
    .flatMap((cluster) => judge(cluster, observed, context) ?? []);
}

/** Whether a report came since this leader listens; streams and others' views alone do not make a cluster heard. */
function isHeard({ clusters, collectingForMs }: Observed, cluster: ClusterId): boolean {
  const found = clusters[cluster];
  return found !== undefined && found.silentForMs < collectingForMs;
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
): Evidence | undefined {
  const found = observed.clusters[spec.cluster];
  const seen: Witnesses = found ?? UNSEEN;
  const isUnheard = !isHeard(observed, spec.cluster);
  // Nobody can be silent to a planner for longer than it listens, nor for longer than the cluster is a member.
  const longestMs = Math.max(0, Math.min(observed.collectingForMs, atMs - verdictSinceMs));
  const silentForMs = found === undefined || isUnheard ? longestMs : found.silentForMs;
  // Without a single report there is no evidence for it; against it only silence, once that is long enough.
  if (isUnheard && silentForMs < settings.unknownAfterMs) return undefined;
  return {
    cluster: spec.cluster,
    ...verdictOf({ ...seen, silentForMs }, settings),
    isAlive: silentForMs < settings.unknownAfterMs && seen.isStreamOpen,
    silentForMs,
  };
}

type Witnesses = Pick<ObservedCluster, "isStreamOpen" | "peersReaching" | "peersFailing">;

const UNSEEN: Witnesses = { isStreamOpen: false, peersReaching: 0, peersFailing: 0 };

/**
 * Dead takes two independent witnesses: silence and the other clusters' view of its gateway; or, where nobody says that
 * the gateway answers, a longer silence and a closed stream. All else that is silent is unknown.
 */
function verdictOf(
  seen: Witnesses & { readonly silentForMs: number },
  settings: Settings,
): Pick<Evidence, "verdict" | "text"> {
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
