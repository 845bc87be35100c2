import type { Division, Instance } from "../instance.ts";
import { byDistance, byWeights } from "../stream.ts";

/** Envoy's overprovisioning factor, percent: a level keeps all its traffic until less than 100/140 of its hosts are healthy. */
const OVERPROVISIONING_PERCENT = 140;

/**
 * Envoy's priority spill-over, one level for each cluster by round trip: `health(P) = min(100, 140 * healthy / total)`, and
 * each level takes its health's share of what the levels before it leave. Sees the health of hosts, never their load.
 * Source: Envoy's documentation, "Priority levels".
 */
export function envoyPriority(instance: Instance): Division {
  return byWeights(instance, (stream, source) => {
    const levels = byDistance(instance, stream, source);
    return new Map(
      priorityLoads(levels.map((b) => instance.backends[b]?.healthyShare ?? 0)).map((load, k) => [
        levels[k] ?? -1,
        load,
      ]),
    );
  });
}

/**
 * Percent of the traffic for each priority level.
 *
 * @param healthyShares - healthy hosts of all hosts in each level, 0 to 1, the first level first.
 */
export function priorityLoads(healthyShares: readonly number[]): readonly number[] {
  // Whole percents, as Envoy counts; the rounding error of a product such as 1.4 * 50 must not lose one.
  const health = healthyShares.map((share) => Math.min(100, Math.floor(OVERPROVISIONING_PERCENT * share + 1e-9)));
  const total = Math.min(
    100,
    health.reduce((sum, percent) => sum + percent, 0),
  );
  if (total === 0) return health;
  let left = 100;
  return health.map((percent) => {
    const load = Math.min(left, Math.floor((percent * 100) / total));
    left -= load;
    return load;
  });
}
