import type { Destination, DestinationKey } from "../../model/destination.ts";
import type { Offer } from "../eligible.ts";

/** Destinations by index: what rooms and loads are counted for. */
export interface Places {
  readonly indices: ReadonlyMap<DestinationKey, number>;
  readonly destinations: readonly Destination[];
  /** Infinity where nobody knows. */
  readonly capacitiesRps: readonly number[];
}

/** Every destination that some of the lists of offers name, in the order in which they come. */
export function placesOf(lists: Iterable<readonly Offer[]>): Places {
  const indices = new Map<DestinationKey, number>();
  const destinations: Destination[] = [];
  const capacitiesRps: number[] = [];
  // Most askers share one list.
  for (const offers of new Set(lists))
    for (const { key, destination, capacityRps } of offers) {
      if (indices.has(key)) continue;
      indices.set(key, destinations.length);
      destinations.push(destination);
      capacitiesRps.push(capacityRps ?? Infinity);
    }
  return { indices, destinations, capacitiesRps };
}
