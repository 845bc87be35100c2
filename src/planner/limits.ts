import type { DestinationKey } from "../model/destination.ts";

/** What bounds how far destinations are filled. */
export interface Filling {
  /** Share of a capacity that is filled, 0 to 1. */
  readonly utilisationMax: number;
  /** Most requests per second of destinations that are to keep more than that free; undefined: none is. */
  readonly limitsRps?: ReadonlyMap<DestinationKey, number>;
}

/** A destination, and what it can serve; undefined: nobody knows. */
export interface Limited {
  readonly key: DestinationKey;
  readonly capacityRps?: number | undefined;
}

/** Most requests per second that planning sends a destination while there is room; Infinity where nobody knows its capacity. */
export function limitOf({ key, capacityRps }: Limited, filling: Filling): number {
  const own = (capacityRps ?? Infinity) * filling.utilisationMax;
  return Math.min(own, filling.limitsRps?.get(key) ?? Infinity);
}
