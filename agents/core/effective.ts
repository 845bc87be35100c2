import { WEIGHT_TOTAL, compareDestinations, keyOf } from "../../src/model/destination.ts";
import type { DestinationKey, Split, Weighted } from "../../src/model/destination.ts";
import type { ClusterId } from "../../src/model/ids.ts";
import type { Route, Rule } from "../../src/model/plan.ts";

/**
 * How a rule's requests divide while `lost` is lost: each share of the lost cluster divides by its own fallback. A share
 * whose fallback is empty, or names the lost cluster only, stays where it is: there is nowhere to go. Weights still sum
 * to WEIGHT_TOTAL. Sorted by destination.
 */
export function effectiveSplit({ routes }: Pick<Rule, "routes">, lost: ClusterId | undefined): Split {
  if (lost === undefined) return routes.map(({ destination, weight }) => ({ destination, weight }));
  const sums = new Map<DestinationKey, Weighted>();
  for (const { destination, weight } of routes.flatMap((route) => divide(route, lost))) {
    const sum = (sums.get(keyOf(destination))?.weight ?? 0) + weight;
    sums.set(keyOf(destination), { destination, weight: sum });
  }
  return [...sums.values()].toSorted((a, b) => compareDestinations(a.destination, b.destination));
}

function divide(route: Route, lost: ClusterId): Split {
  const { destination, weight } = route;
  if (destination.cluster !== lost) return [{ destination, weight }];
  const fallback = route.fallback.filter((entry) => entry.destination.cluster !== lost && entry.weight > 0);
  if (fallback.length === 0) return [{ destination, weight }];
  return scale(fallback, weight);
}

/** Divides `total` in proportion to the split's weights, by largest remainder; ties go to the smaller name. */
function scale(split: Split, total: number): Split {
  const whole = split.reduce((sum, { weight }) => sum + weight, 0);
  const exact = split.map(({ destination, weight }) => {
    const share = (weight * total) / whole;
    return { destination, weight: Math.floor(share), rest: share - Math.floor(share) };
  });
  const missing = total - exact.reduce((sum, { weight }) => sum + weight, 0);
  const byRest = exact.toSorted((a, b) => b.rest - a.rest || compareDestinations(a.destination, b.destination));
  return byRest
    .map(({ destination, weight }, rank) => ({ destination, weight: rank < missing ? weight + 1 : weight }))
    .filter(({ weight }) => weight > 0);
}

/** Sum of a split's weights; WEIGHT_TOTAL for every effective split of a sound rule. */
export function totalOf(split: Split): number {
  return split.reduce((sum, { weight }) => sum + weight, 0);
}

/** The largest share that any destination of a lost cluster holds, 0 to WEIGHT_TOTAL. */
export function shareOf(split: Split, cluster: ClusterId): number {
  const held = split.filter(({ destination }) => destination.cluster === cluster);
  return Math.min(WEIGHT_TOTAL, totalOf(held));
}
