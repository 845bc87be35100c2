import type { Destination, DestinationKey } from "../model/destination.ts";
import { destinationOf, keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId, Version } from "../model/ids.ts";
import { assert } from "../model/result.ts";
import { isOpen } from "./bounds.ts";
import { destinationsMaxOf, widest } from "./capability.ts";
import { farMs } from "./cost.ts";
import { weightOf } from "./eligible.ts";
import type { SourceOutlook } from "./outlook.ts";
import type { Planning, Target, Wish } from "./target.ts";

/** What the routes of some sources are kept to, because their meshes take no more destinations. */
export type Narrowed = ReadonlyMap<ClusterId, ReadonlySet<DestinationKey>>;

/**
 * The destinations that are kept of targets with more than their source's mesh takes. Who keeps what it has may keep as many as
 * it has: that a mesh came to take fewer moves nothing that stands still.
 */
export function narrowedOf(targets: readonly Target[], { state, service }: Planning): Narrowed {
  const narrowed = new Map<ClusterId, ReadonlySet<DestinationKey>>();
  for (const target of targets) {
    const { source, kept } = target;
    const taken = destinationsMaxOf(state.clusters.get(source.cluster));
    const most = kept.size > 0 ? Math.max(taken, source.now?.length ?? 0) : taken;
    const keys = target.split.length > most ? keptOf(target, most, service.spec.stableVersion) : undefined;
    if (keys !== undefined) narrowed.set(source.cluster, keys);
  }
  return narrowed;
}

/** The largest of a target, or, where ceilings would not let those take everything, those that are let take most. */
function keptOf({ source, split, kept }: Target, most: number, stableVersion: Version): ReadonlySet<DestinationKey> {
  const wanted = split.map(({ destination, weight }) => ({
    amount: weight,
    isStable: destination.version === stableVersion,
    isKept: kept.has(keyOf(destination)),
  }));
  const indices = widest(wanted, most) ?? new Set(split.keys());
  const keys = new Set(split.flatMap(({ destination }, index) => (indices.has(index) ? [keyOf(destination)] : [])));
  const open = source.offers.filter((offer) => isOpen(offer) && !offer.isDraining);
  const room = open.reduce((sum, { key, ceilingWeight }) => sum + (keys.has(key) ? ceilingWeight : 0), 0);
  // What somebody chose and is not there yet gives way where it could not be had beside the rest.
  const isStanding =
    kept.size > 0 && [...kept].every(([key, weight]) => weight <= weightOf(source.now, offerAt(source, key)));
  if (room >= WEIGHT_TOTAL || isStanding || open.length === 0) return keys;
  const roomiest = open.toSorted(
    (a, b) =>
      b.ceilingWeight - a.ceilingWeight ||
      weightOf(split, b.destination) - weightOf(split, a.destination) ||
      farMs(a) - farMs(b) ||
      compareNames(a.key, b.key),
  );
  return new Set(roomiest.slice(0, most).map(({ key }) => key));
}

function offerAt({ offers }: SourceOutlook, key: DestinationKey): Destination {
  const destination = offers.find((offer) => offer.key === key)?.destination ?? destinationOf(key);
  assert(destination !== undefined, "every key was made from a destination");
  return destination;
}

/** A wish that keeps no more than its route may have: what it has to give up is allocated anew. */
export function narrowWish(wish: Wish, narrowed: Narrowed): Wish {
  const keys = narrowed.get(wish.source.cluster);
  if (keys === undefined || [...wish.kept.keys()].every((key) => keys.has(key))) return wish;
  const weights = new Map(wish.flows.map(({ version, weight }) => [version, weight]));
  for (const [key, weight] of wish.kept) {
    const offer = keys.has(key) ? undefined : wish.source.offers.find((found) => found.key === key);
    if (offer === undefined) continue;
    const { version } = offer.destination;
    weights.set(version, (weights.get(version) ?? 0) + weight);
  }
  return {
    source: wish.source,
    kept: new Map([...wish.kept].filter(([key]) => keys.has(key))),
    flows: [...weights].map(([version, weight]) => ({ source: wish.source.cluster, version, weight })),
  };
}
