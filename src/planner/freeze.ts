import type { FleetEvent } from "../model/event.ts";
import type { FleetState } from "../model/fleet.ts";
import type { ClusterId } from "../model/ids.ts";
import type { Settings } from "../model/settings.ts";
import type { Evidence, EvidenceContext } from "./evidence.ts";

/** Fewer clusters than this in trouble never freeze anything. */
const TROUBLED_CLUSTERS_MIN = 2;

/** Whether the fleet is frozen from here on, and the event that says so if that is new. */
export interface Freezing {
  readonly isFrozen: boolean;
  readonly events: readonly FleetEvent[];
}

/**
 * More than half of the clusters in trouble, or many that turned bad at once, are more likely the planner's blindness than
 * the world's end: all automatic moves stand still until that is over. While more than `correlatedRatio` stay dark nothing
 * thaws by itself; a person revokes, unregisters or drains what is really gone. New clusters do not count.
 */
export function freezing(state: FleetState, evidence: readonly Evidence[], context: EvidenceContext): Freezing {
  const { settings, atMs } = context;
  const proven = provenClusters(state);
  const dark = evidence.filter(({ cluster, verdict }) => proven.has(cluster) && isDark(verdict));
  const inTrouble = `${dark.length} of ${proven.size} clusters are unknown or dead`;
  const sinceMs = state.freeze?.sinceMs;
  if (sinceMs !== undefined) {
    const isOver = !exceeds(dark.length, proven.size * settings.correlatedRatio);
    if (!isOver || atMs - sinceMs < settings.healthyAfterMs) return { isFrozen: true, events: [] };
    return { isFrozen: false, events: [{ kind: "fleet-thawed", reason: inTrouble }] };
  }
  const turned = dark.filter(({ cluster }) => hasJustTurned(state, cluster, context)).length;
  const isPanic = exceeds(dark.length, proven.size * settings.panicRatio);
  const isCorrelated = exceeds(turned, proven.size * settings.correlatedRatio);
  if (!isPanic && !isCorrelated) return { isFrozen: false, events: [] };
  const within = `${turned} of ${proven.size} clusters turned bad within ${settings.correlatedWindowMs / 1_000} s`;
  return { isFrozen: true, events: [{ kind: "fleet-frozen", reason: isPanic ? inTrouble : within }] };
}

/** Whether the loss of some clusters at once, beside those that are dark already, would freeze the fleet. */
export function freezesOnLoss(state: FleetState, lost: readonly ClusterId[], settings: Settings): boolean {
  const proven = provenClusters(state);
  const turned = lost.filter((name) => proven.has(name)).length;
  const dark = [...proven].filter(
    (name) => lost.includes(name) || isDark(state.clusters.get(name)?.verdict ?? "unknown"),
  );
  return (
    exceeds(dark.length, proven.size * settings.panicRatio) || exceeds(turned, proven.size * settings.correlatedRatio)
  );
}

function provenClusters(state: FleetState): ReadonlySet<ClusterId> {
  const clusters = [...state.clusters.values()];
  const proven = clusters.filter((found) => found.membership === "active" && found.firstHealthyAtMs !== undefined);
  return new Set(proven.map(({ spec }) => spec.cluster));
}

function exceeds(count: number, limit: number): boolean {
  return count >= TROUBLED_CLUSTERS_MIN && count > limit;
}

function isDark(verdict: Evidence["verdict"]): boolean {
  return verdict === "unknown" || verdict === "dead";
}

function hasJustTurned(state: FleetState, cluster: Evidence["cluster"], { settings, atMs }: EvidenceContext): boolean {
  const before = state.clusters.get(cluster);
  if (before === undefined) return false;
  return !isDark(before.verdict) || atMs - before.verdictSinceMs < settings.correlatedWindowMs;
}
