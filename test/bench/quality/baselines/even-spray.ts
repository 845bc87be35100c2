import type { Division, Instance } from "../instance.ts";
import { byDistance, byWeights } from "../stream.ts";

/** Even spray: every source divides by capacity, however far that is. Backends without a capacity count alike. */
export function evenSpray(instance: Instance): Division {
  const capacities = instance.backends.map(({ capacityRps }) => capacityRps);
  const weightOf = (b: number): number => (capacities.every(Number.isFinite) ? (capacities[b] ?? 0) : 1);
  return byWeights(
    instance,
    (stream, source) => new Map(byDistance(instance, stream, source).map((b) => [b, weightOf(b)])),
  );
}
