import type { Destination, DestinationKey, Split } from "../model/destination.ts";
import { destinationOf, keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import type { ClusterId } from "../model/ids.ts";
import type { Settings } from "../model/settings.ts";
import { assert } from "../model/result.ts";
import type { Allocation, Allocator, Descent, Flow, Placement } from "./allocate.ts";
import { apportion } from "./apportion.ts";
import { isOpen, rankOf } from "./bounds.ts";
import { canName } from "./capability.ts";
import type { Offer } from "./eligible.ts";
import { weightOf } from "./eligible.ts";
import { narrowedOf, narrowWish } from "./narrow.ts";
import type { Narrowed } from "./narrow.ts";
import type { SourceOutlook } from "./outlook.ts";
import type { Valuation } from "./valuation.ts";

/** What planning one service goes by. */
export interface Planning {
  readonly state: FleetState;
  readonly service: ServiceState;
  readonly settings: Settings;
  readonly allocator: Allocator;
  readonly valuation: Valuation;
  readonly sources: readonly SourceOutlook[];
  /** What is kept free for losses that the policy names; undefined: it names none. */
  readonly reserve?: Reserve;
  /** Whether there is no time to search for who sends a release: then everybody sends the same share. */
  readonly isHasty?: boolean;
  /** What each source that nobody pinned sends of which version by the service's release; undefined: there is none. */
  readonly released?: ReadonlyMap<ClusterId, readonly Flow[]>;
}

/** Room that is kept free for the loss of any one of some clusters. */
export interface Reserve {
  /** Most requests per second of the destinations that are filled less than others. */
  readonly limitsRps: ReadonlyMap<DestinationKey, number>;
  /** Clusters for whose loss there is room at once. */
  readonly survived: readonly ClusterId[];
  readonly unsurvived: readonly Unsurvived[];
}

/** A loss that the policy names and for which there is no room, as targets are. */
export interface Unsurvived {
  readonly cluster: ClusterId;
  /** Requests per second that find no room even when everything is divided anew. */
  readonly shortRps: number;
  /** Requests per second that find no room where they may go at once. */
  readonly shortAtOnceRps: number;
}

/** What a source starts from before anything is allocated: shares that are settled, and the rest by version. */
export interface Wish {
  readonly source: SourceOutlook;
  /** Shares that somebody chose and that can be had. */
  readonly kept: ReadonlyMap<DestinationKey, number>;
  readonly flows: readonly Flow[];
}

/** Where a source is to come to. */
export interface Target {
  readonly source: SourceOutlook;
  readonly split: Split;
  readonly kept: ReadonlyMap<DestinationKey, number>;
  readonly placements: readonly Placement[];
  /** Gain for which it was not worth moving; undefined: it was, or nobody asked. */
  readonly passedUp?: PassedUp;
  /** Why it was not divided as well as can be; undefined: it was, or nobody asked. */
  readonly descent?: Descent;
}

/** A gain that was passed up, and the least that would have been taken, as shares of what callers spend. */
export interface PassedUp {
  readonly gain: number;
  readonly gainMin: number;
}

/** Destinations that serve a source, whatever their ceilings. */
export function servingOffers({ offers }: SourceOutlook): readonly Offer[] {
  return offers.filter(({ loss }) => loss === undefined);
}

/** Destinations that serve a source and that its policy allows, standing by or not. */
export function allowedOffers(source: SourceOutlook): readonly Offer[] {
  return servingOffers(source).filter(({ forbidden }) => forbidden === undefined);
}

/** A source that lets the allocator choose everything but what a release gives to which version. */
export function wishForAnything(source: SourceOutlook, { service, released }: Planning): Wish {
  const { stableVersion } = service.spec;
  const flows = released?.get(source.cluster) ?? [
    { source: source.cluster, version: stableVersion, weight: WEIGHT_TOTAL },
  ];
  return { source, kept: new Map(), flows };
}

/** A source that keeps to a split as far as it can be had: lost, leaving and capped shares are allocated anew. */
export function wishFor(source: SourceOutlook, split: Split): Wish {
  return wishKeeping(source, split, (offer, weight) =>
    offer.isDraining || offer.forbidden !== undefined ? 0 : Math.min(weight, offer.ceilingWeight),
  );
}

/** A source that stays as it is but for what it has lost. */
export function wishToStay(source: SourceOutlook): Wish {
  return wishKeeping(source, source.now ?? [], (_offer, weight) => weight);
}

function wishKeeping(source: SourceOutlook, split: Split, keeps: (offer: Offer, weight: number) => number): Wish {
  const offers = new Map(servingOffers(source).map((offer) => [offer.key, offer]));
  const kept = new Map<DestinationKey, number>();
  const moving = new Map<Destination["version"], number>();
  for (const { destination, weight } of split) {
    const offer = offers.get(keyOf(destination));
    const held = offer === undefined ? 0 : keeps(offer, weight);
    if (held > 0) kept.set(keyOf(destination), held);
    moving.set(destination.version, (moving.get(destination.version) ?? 0) + weight - held);
  }
  const flows = [...moving].map(([version, weight]) => ({ source: source.cluster, version, weight }));
  return { source, kept, flows: flows.filter(({ weight }) => weight > 0) };
}

/** Where all sources are to come to. */
export interface Settled {
  readonly targets: readonly Target[];
  readonly overload: Allocation["overload"];
}

/**
 * Allocates what the wishes leave open, over all sources jointly, over no more destinations than each source's mesh takes in one
 * route. Every wish's source must have an open offer.
 */
export function settle(wishes: readonly Wish[], planning: Planning): Settled {
  let narrowed: Narrowed = new Map();
  let settled = settleWithin(wishes, narrowed, planning);
  // What some give up may make others spread: each round binds at least one more source, or one more closely.
  for (let round = 0; round < 2 * wishes.length; round += 1) {
    const more = narrowedOf(settled.targets, planning);
    if (more.size === 0) break;
    const bound = new Map([...narrowed, ...more]);
    narrowed = bound;
    const left = wishes.map((wish) => narrowWish(wish, bound));
    settled = settleWithin(left, bound, planning);
  }
  return settled;
}

function settleWithin(wishes: readonly Wish[], narrowed: Narrowed, planning: Planning): Settled {
  const { service, settings, allocator, valuation, reserve } = planning;
  const { placements, overload, descent } = allocator.allocate({
    service: service.spec.service,
    stableVersion: service.spec.stableVersion,
    sources: wishes.map(({ source, kept }) => ({
      cluster: source.cluster,
      demandRps: source.demandRps,
      offers: offersWithin(source, narrowed.get(source.cluster), planning),
      kept,
    })),
    flows: wishes.flatMap(({ flows }) => flows),
    utilisationMax: settings.utilisationMax,
    ...(reserve !== undefined && { limitsRps: reserve.limitsRps }),
    valuation,
  });
  const placed = Map.groupBy(placements, ({ flow }) => flow.source);
  const targets = wishes.map((wish) => ({
    ...targetOf(wish, placed.get(wish.source.cluster) ?? [], service),
    ...(descent !== undefined && { descent }),
  }));
  return { targets, overload };
}

/** Offers that a source may be given: none that its route has no place for, or whose version its mesh cannot name. */
function offersWithin(
  { cluster, offers }: SourceOutlook,
  keys: ReadonlySet<DestinationKey> | undefined,
  { state, service }: Planning,
): readonly Offer[] {
  const open = offers.filter((offer) => isOpen(offer) && (keys?.has(offer.key) ?? true));
  const source = state.clusters.get(cluster);
  const named = open.filter(({ destination }) => canName(source, destination, service.spec));
  return named.length > 0 ? named : open;
}

function targetOf({ source, kept }: Wish, placements: readonly Placement[], { spec }: ServiceState): Target {
  const shares = [
    ...[...kept].map(([key, amount]) => ({ destination: namedBy(key), amount })),
    ...placements.map(({ destination, weight }) => ({ destination, amount: weight })),
  ];
  return { source, split: apportion(shares, spec.service), kept, placements };
}

function namedBy(key: DestinationKey): Destination {
  const destination = destinationOf(key);
  assert(destination !== undefined, "every key was made from a destination");
  return destination;
}

/** Requests per second that splits put on each destination. */
export function loadsOf(
  splits: ReadonlyMap<ClusterId, Split>,
  sources: readonly SourceOutlook[],
): ReadonlyMap<DestinationKey, number> {
  const loads = new Map<DestinationKey, number>();
  for (const { cluster, demandRps } of sources)
    for (const { destination, weight } of splits.get(cluster) ?? [])
      loads.set(keyOf(destination), (loads.get(keyOf(destination)) ?? 0) + (weight / 10_000) * demandRps);
  return loads;
}

/** Requests per second that each destination can serve; those of which nobody knows are missing. */
export function capacitiesOf(sources: readonly SourceOutlook[]): ReadonlyMap<DestinationKey, number> {
  const offers = sources.flatMap((source) => source.offers);
  return new Map(offers.flatMap(({ key, capacityRps }) => (capacityRps === undefined ? [] : [[key, capacityRps]])));
}

/** What a source sends now to destinations that cannot serve it. */
export function lostWeight({ now, offers }: SourceOutlook): number {
  return offers
    .filter(({ loss }) => loss !== undefined)
    .reduce((sum, { destination }) => sum + weightOf(now, destination), 0);
}

/** What a source sends now to destinations that are being drained. */
export function drainingWeight({ now, offers }: SourceOutlook): number {
  return offers
    .filter(({ loss, isDraining }) => loss === undefined && isDraining)
    .reduce((sum, { destination }) => sum + weightOf(now, destination), 0);
}

/** What a source sends now to destinations that its policy forbids. */
export function forbiddenWeight({ now, offers }: SourceOutlook): number {
  return offers
    .filter(({ loss, forbidden }) => loss === undefined && forbidden !== undefined)
    .reduce((sum, { destination }) => sum + weightOf(now, destination), 0);
}

/** How late in the turns of its failover order a split comes, in basis points times turns: 0 where it has no order. */
export function lateness({ offers }: SourceOutlook, split: Split | undefined): number {
  return offers.reduce((sum, offer) => sum + weightOf(split, offer.destination) * rankOf(offer), 0);
}

/** What a source sends now that isolation `nearest` wants at home, or `maxShare` elsewhere. */
export function strayedWeight({ now, offers }: SourceOutlook): number {
  return offers.reduce((sum, { destination, isStandby, restriction, ceilingWeight }) => {
    const weight = weightOf(now, destination);
    if (isStandby) return sum + weight;
    return restriction === "max-share" ? sum + Math.max(0, weight - ceilingWeight) : sum;
  }, 0);
}
