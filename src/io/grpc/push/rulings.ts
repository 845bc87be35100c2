import type { FleetState } from "../../../model/fleet.ts";
import type { ClusterId } from "../../../model/ids.ts";
import type { Observed } from "../../../model/observed.ts";
import type { ActiveFallback } from "../../../model/report.ts";

/** What the planner makes of an agent's own fallback. */
export interface Ruling {
  readonly lostCluster: ClusterId;
  readonly outcome: "adopted" | "reversed";
}

/** When the planner's own view of a cluster outweighs an agent's. */
export interface RulingPolicy {
  /** How long a fallback must have stood, so that the planner had time to see what the agent saw, in ms. */
  readonly standingMs: number;
  /** A cluster that was silent for longer is not vouched for, in ms. */
  readonly silentMaxMs: number;
}

/**
 * Whether an agent that follows a fallback shall end it although its plan still gives the lost cluster weight. Only when
 * the planner knows better: it holds the cluster for healthy, hears from it, its stream is open, and no other cluster
 * sees it fail. (Once the plan gives the cluster no weight, the agent follows the plan by itself.)
 */
export function rulingOn(
  fallback: ActiveFallback,
  { state, observed, standingForMs }: { state: FleetState; observed: Observed; standingForMs: number },
  policy: RulingPolicy,
): Ruling | undefined {
  const { lostCluster } = fallback;
  const seen = observed.clusters[lostCluster];
  if (standingForMs < policy.standingMs || seen === undefined) return undefined;
  if (state.clusters.get(lostCluster)?.verdict !== "healthy") return undefined;
  // The agent that fell back is itself one of the peers that see it fail; anybody else who does is a second witness.
  const isAlive = seen.isStreamOpen && seen.silentForMs <= policy.silentMaxMs && seen.peersFailing <= 1;
  return isAlive ? { lostCluster, outcome: "reversed" } : undefined;
}
