import type { Split } from "../../model/destination.ts";
import { WEIGHT_TOTAL } from "../../model/destination.ts";
import type { FleetState, ServiceState } from "../../model/fleet.ts";
import type { ClusterId, Version } from "../../model/ids.ts";
import { compareNames } from "../../model/ids.ts";
import { boundBy, isOpen } from "../bounds.ts";
import { gatewayOf, isUnproven, offersTo } from "../eligible.ts";
import type { Offer } from "../eligible.ts";
import { demandOf } from "../outlook.ts";
import { policyOf } from "../policy.ts";
import { doubtsReadiness } from "../readiness.ts";
import { releasedSplit } from "../released.ts";

/** Callers that may go to the same destinations, wherever they are. */
export interface Asker {
  /** A cluster they are in; where it makes a difference, they all are in it. */
  readonly home: ClusterId;
  readonly demandRps: number;
  /** The demand by the version that it is told to go to. */
  readonly rpsByVersion: ReadonlyMap<Version, number>;
  /** As policy binds them while nothing is lost. */
  readonly offers: readonly Offer[];
}

/** A service as its callers are told to use it now. */
export interface Scene {
  readonly service: ServiceState;
  readonly askers: readonly Asker[];
  /** Clusters that living sources are told to send something. */
  readonly sentTo: ReadonlySet<ClusterId>;
}

interface Source {
  readonly cluster: ClusterId;
  readonly demandRps: number;
  readonly now: Split | undefined;
}

/** Who asks for a service and what could serve them. A dead cluster asks for nothing. */
export function sceneOf(state: FleetState, service: ServiceState): Scene {
  const sources = livingSources(state, service);
  const asking = sources.filter(({ demandRps }) => demandRps > 0);
  // Where nobody is known to ask for anything, it still shows which clusters would serve.
  const seeing = asking.length > 0 ? asking : sources.slice(0, 1);
  const views = isAlikeForAll(state, service)
    ? alikeViews(seeing, state, service)
    : seeing.map((source) => viewOf(source, state, service));
  const sent = sources.flatMap(({ now }) => (now ?? []).filter(({ weight }) => weight > 0));
  return {
    service,
    askers: askersOf(views, service),
    sentTo: new Set(sent.map(({ destination }) => destination.cluster)),
  };
}

interface View {
  readonly source: Source;
  readonly offers: readonly Offer[];
}

function livingSources(state: FleetState, service: ServiceState): readonly Source[] {
  return [...state.clusters]
    .filter(([, { membership, verdict }]) => membership === "active" && verdict !== "dead")
    .map(([cluster]) => cluster)
    .toSorted(compareNames)
    .map((cluster) => ({
      cluster,
      demandRps: demandOf(cluster, state, service),
      now: releasedSplit(state, service, cluster),
    }));
}

/**
 * Whether what a destination offers is the same for every living source, but for what `nearest` makes of it: nothing is held
 * to what it has, and nothing serves its own cluster alone. So it is mostly, and one look then stands for all.
 */
function isAlikeForAll(state: FleetState, service: ServiceState): boolean {
  if (policyOf(service.spec).isolation === "strict" || doubtsReadiness(state, service)) return false;
  return service.spec.deployments.every(({ cluster }) => {
    const found = state.clusters.get(cluster);
    if (found?.membership !== "active" || found.verdict === "dead") return true;
    if (found.isCordoned || found.isQuarantined || found.ramp !== undefined) return false;
    return !isUnproven(found) && gatewayOf(found) !== undefined;
  });
}

function alikeViews(sources: readonly Source[], state: FleetState, service: ServiceState): readonly View[] {
  const policy = policyOf(service.spec);
  const homes = homesOf(service);
  const stranger = sources.find(({ cluster }) => !homes.has(cluster)) ?? sources[0];
  if (stranger === undefined) return [];
  const offers = offersTo({ source: stranger.cluster, now: undefined, isDoubted: false }, state, service);
  return sources.map((source) => ({
    source,
    offers:
      policy.isolation === "nearest" && homes.has(source.cluster)
        ? boundBy(offers, { source: source.cluster, policy })
        : offers,
  }));
}

function viewOf(source: Source, state: FleetState, service: ServiceState): View {
  const isDoubted = doubtsReadiness(state, service);
  return { source, offers: offersTo({ source: source.cluster, now: source.now, isDoubted }, state, service) };
}

function homesOf({ spec }: ServiceState): ReadonlySet<ClusterId> {
  return new Set(spec.deployments.map(({ cluster }) => cluster));
}

/** Sources that may go to the same places, each up to the same share of what it asks for, are as one. */
function askersOf(views: readonly View[], service: ServiceState): readonly Asker[] {
  const homes = policyOf(service.spec).isolation === "nearest" ? homesOf(service) : new Set<ClusterId>();
  const known = new Map<readonly Offer[], string>();
  const groups = Map.groupBy(views, ({ source, offers }) => {
    const places = known.get(offers) ?? placesOf(offers);
    known.set(offers, places);
    return `${homes.has(source.cluster) ? source.cluster : ""} ${places} ${isBinding(offers) ? mixOf(source) : ""}`;
  });
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [askerOf(first, group, service)];
  });
}

/** Most of what a source asks for that each destination takes: now, and before isolation and `maxShare`. */
function placesOf(offers: readonly Offer[]): string {
  return offers
    .filter(({ loss }) => loss === undefined)
    .map((offer) => {
      const now = takesAny(offer) ? offer.ceilingWeight : 0;
      return `${offer.key}:${now}:${offer.forbidden === undefined ? offer.standing.ceilingWeight : 0}`;
    })
    .join(" ");
}

/** Whether requests may be moved to an offer at all. */
export function takesAny(offer: Offer): boolean {
  return isOpen(offer) && !offer.isDraining && offer.ceilingWeight > 0;
}

/** Where ceilings bind, they bind by the share that each version has. */
function isBinding(offers: readonly Offer[]): boolean {
  return offers.some((offer) => takesAny(offer) && offer.ceilingWeight < WEIGHT_TOTAL);
}

function mixOf({ now }: Source): string {
  const mix = new Map<Version, number>();
  for (const { destination, weight } of now ?? [])
    mix.set(destination.version, (mix.get(destination.version) ?? 0) + weight);
  return [...mix].map(([version, weight]) => `${version}=${weight}`).join(" ");
}

function askerOf(first: View, group: readonly View[], { spec }: ServiceState): Asker {
  const rpsByVersion = new Map<Version, number>();
  const add = (version: Version, rps: number) => rpsByVersion.set(version, (rpsByVersion.get(version) ?? 0) + rps);
  for (const { demandRps, now } of group.map(({ source }) => source)) {
    // Who was told nothing yet will be served by the stable version.
    if (now === undefined) add(spec.stableVersion, demandRps);
    for (const { destination, weight } of now ?? []) add(destination.version, (weight / WEIGHT_TOTAL) * demandRps);
  }
  const demandRps = group.reduce((sum, { source }) => sum + source.demandRps, 0);
  return { home: first.source.cluster, demandRps, rpsByVersion, offers: first.offers };
}
