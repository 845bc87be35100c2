import type { Division, Instance } from "../instance.ts";
import { byDistance, byWeights } from "../stream.ts";

/** Locality failover: the own cluster, else the nearest where the service lives. Never looks at load. */
export function localityFailover(instance: Instance): Division {
  return byWeights(instance, (stream, source) => {
    const [nearest] = byDistance(instance, stream, source);
    return new Map(nearest === undefined ? [] : [[nearest, 1]]);
  });
}
