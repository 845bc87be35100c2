import type { Proposal } from "../model/command.ts";
import type { ClusterId, RouteSetHash } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { RouteSet } from "../model/plan.ts";
import type { ServicePlanning } from "../planner/plan.ts";
import type { Codec, PlanRun } from "./ports.ts";

/** Names every computed route set by the hash of its bytes: the one step that planning itself may not do. */
export function planRunOf(plannings: readonly ServicePlanning[], codec: Pick<Codec, "encodeRouteSet">): PlanRun {
  const routeSets: Record<RouteSetHash, RouteSet> = {};
  const sizes: Record<RouteSetHash, number> = {};
  const proposals = plannings.map((planning): Proposal => {
    const hashes: Record<ClusterId, RouteSetHash> = {};
    for (const cluster of Object.keys(planning.routeSets).toSorted(compareNames) as ClusterId[]) {
      const routeSet = planning.routeSets[cluster];
      if (routeSet === undefined) continue;
      const { hash, bytes } = codec.encodeRouteSet(routeSet);
      hashes[cluster] = hash;
      routeSets[hash] = routeSet;
      sizes[hash] = bytes.length;
    }
    const { service, urgency, waves, reasons, isFinalStep, inputsSequence } = planning;
    return { plan: { service, urgency, routeSets: hashes, waves, reasons, isFinalStep }, inputsSequence };
  });
  return { proposals, routeSets, sizes };
}
