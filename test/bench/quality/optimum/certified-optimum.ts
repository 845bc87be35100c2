import { costAt } from "../curve.ts";
import { FAILURE_MS } from "../evaluate.ts";
import type { Division, Instance } from "../instance.ts";
import { leastAt, limitsRps, slopeAt } from "./convex-costs.ts";
import { startWithin } from "./start.ts";
import { bestMixture, mixedLoads, mixedWay } from "./mixture.ts";
import type { Mixture } from "./mixture.ts";
import { cheapest } from "./vertex.ts";
import type { Vertex } from "./vertex.ts";

/** The best division there is, and the proof. */
export interface CertifiedOptimum {
  readonly division: Division;
  /** Latency and price of a request under `division`, ms-equivalents. */
  readonly objectiveMs: number;
  /** No division within the limits can have less: weak duality at the final prices. */
  readonly boundMs: number;
  /** Limit that was used: the one asked for, or the lowest at which everything fits. */
  readonly utilisationMax: number;
}

/** Share of the objective that optimum and bound may differ by. */
const GAP = 2e-7;

/**
 * The optimum of one service where no backend is filled above `utilisationMax` of its capacity (where that is too little for
 * the demand: above the lowest share at which everything fits), by Frank-Wolfe in its fully corrective form: each round
 * adds the division that is cheapest at the present marginal costs and mixes all of them anew. Limits are kept by a barrier
 * whose weight falls until the certificate holds.
 */
export function certifiedOptimum(instance: Instance, utilisationMax: number): CertifiedOptimum {
  const start = startWithin(instance, limitsRps(instance, utilisationMax));
  const search: Search = { instance, limitsRps: start.limitsRps, bound: Number.NEGATIVE_INFINITY };
  let mixture: Mixture = { vertices: [start.vertex], weights: [1] };
  let barrier = (1e-2 * valueOf(instance, mixture)) / Math.max(1, instance.backends.length);
  for (let round = 0; round < 14; round += 1) {
    mixture = descend(search, mixture, barrier);
    const value = valueOf(instance, mixture);
    if (value - search.bound <= GAP * value) break;
    barrier /= 8;
  }
  // What no backend may serve fails under every division.
  const placedRps = start.vertex.loadsRps.reduce((sum, rps) => sum + rps, 0);
  const failed = FAILURE_MS * Math.max(0, instance.totalRps - placedRps);
  return {
    division: divisionOf(instance, mixture),
    objectiveMs: (valueOf(instance, mixture) + failed) / instance.totalRps,
    boundMs: (search.bound + failed) / instance.totalRps,
    utilisationMax: utilisationMax * start.rise,
  };
}

interface Search {
  readonly instance: Instance;
  readonly limitsRps: readonly number[];
  /** Best lower bound so far, ms * rps. */
  bound: number;
}

/** Rounds of Frank-Wolfe at one weight of the barrier, until what the barrier itself costs is more than what they gain. */
function descend(search: Search, start: Mixture, barrier: number): Mixture {
  const { instance, limitsRps: limits } = search;
  // What the barrier itself costs, but never less than what rounding hides.
  const slack = Math.max(0.2 * barrier * instance.backends.length, 0.05 * GAP * valueOf(instance, start));
  const bounds = { limitsRps: limits, barrier, tolerance: 0.3 * slack };
  let mixture = start;
  for (let round = 0; round < 200; round += 1) {
    mixture = bestMixture(instance, mixture, bounds);
    const loads = mixedLoads(instance, mixture);
    const prices = loads.map(
      (loadRps, b) => slopeAt(instance, b, { loadRps, limitRps: limits[b] ?? 0, barrier }).first,
    );
    const best = cheapest(instance, prices);
    search.bound = Math.max(search.bound, lowerBound(search, best, prices));
    const here = mixedWay(mixture) + dot(prices, loads);
    if (here - (best.wayMs + dot(prices, best.loadsRps)) <= slack) return mixture;
    mixture = { vertices: [...mixture.vertices, best], weights: [...mixture.weights, 0] };
  }
  return mixture;
}

/**
 * Weak duality: at any prices, requests on their cheapest ways and backends at their best loads cost together no more than
 * any division within the limits.
 *
 * @param best - the cheapest division at `prices`.
 */
function lowerBound({ instance, limitsRps: limits }: Search, best: Vertex, prices: readonly number[]): number {
  const requests = best.wayMs + dot(prices, best.loadsRps);
  return prices.reduce(
    (sum, priceMs, b) => sum + leastAt(instance, b, { priceMs, limitRps: limits[b] ?? 0 }),
    requests,
  );
}

function valueOf(instance: Instance, mixture: Mixture): number {
  const loads = mixedLoads(instance, mixture);
  return instance.backends.reduce((sum, { curve }, b) => sum + costAt(curve, loads[b] ?? 0).value, mixedWay(mixture));
}

function divisionOf(instance: Instance, { vertices, weights }: Mixture): Division {
  return instance.clusters.map((_, source) =>
    instance.backends.map((__, b) =>
      vertices.reduce((sum, { division }, k) => sum + (weights[k] ?? 0) * (division[source]?.[b] ?? 0), 0),
    ),
  );
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
}
