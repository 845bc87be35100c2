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
import { isEmptied } from "../room.ts";
import { placesOf } from "./places.ts";
import type { Places } from "./places.ts";

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
  readonly places: Places;
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
  const views = viewsOf(seeing, state, service);
  const sent = sources.flatMap(({ now }) => (now ?? []).filter(({ weight }) => weight > 0));
  const askers = askersOf(views, service);
  return {
    service,
    askers,
    places: placesOf(askers.map(({ offers }) => offers)),
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
 * What each source sees, as `offersTo` has it. Most of it is the same for all, but for what `nearest` makes of it, so that one
 * look stands for every source; each looks for itself only where a destination treats sources differently.
 */
function viewsOf(sources: readonly Source[], state: FleetState, service: ServiceState): readonly View[] {
  const policy = policyOf(service.spec);
  const isDoubted = doubtsReadiness(state, service);
  const homes = homesOf(service);
  const particular = particularClusters(state, service, isDoubted);
  const stranger = sources.find(({ cluster }) => !homes.has(cluster)) ?? sources[0];
  if (stranger === undefined) return [];
  const general = runningWhere(service, (cluster) => !particular.has(cluster));
  const shared = offersTo({ source: stranger.cluster, now: undefined, isDoubted }, state, general);
  const special = runningWhere(service, (cluster) => particular.has(cluster));
  return sources.map((source) => {
    const { cluster, now } = source;
    if (policy.isolation === "strict") {
      // Nobody leaves home: what is elsewhere is no offer.
      const home = runningWhere(service, (found) => found === cluster);
      return { source, offers: offersTo({ source: cluster, now: within(now, home), isDoubted }, state, home) };
    }
    // Who may serve a source at all depends on its own order.
    if (policy.failover !== undefined)
      return { source, offers: offersTo({ source: cluster, now, isDoubted }, state, service) };
    if (particular.size === 0 && !(policy.isolation === "nearest" && homes.has(cluster)))
      return { source, offers: shared };
    const own = offersTo({ source: cluster, now: within(now, special), isDoubted }, state, special);
    return { source, offers: boundBy([...shared, ...own], { source: cluster, policy }) };
  });
}

/** Clusters whose destinations are held to what they have of each source, or serve their own callers alone. */
function particularClusters(state: FleetState, service: ServiceState, isDoubted: boolean): ReadonlySet<ClusterId> {
  const found = [...homesOf(service)].filter((name) => {
    const cluster = state.clusters.get(name);
    if (cluster?.membership !== "active" || cluster.verdict === "dead") return false;
    if (cluster.isCordoned || cluster.isQuarantined || cluster.ramp !== undefined) return true;
    return isUnproven(cluster) || gatewayOf(cluster) === undefined;
  });
  const empty = service.spec.deployments.filter((destination) => isDoubted && isEmptied(service, destination));
  return new Set([...found, ...empty.map(({ cluster }) => cluster)]);
}

/** The service as if it ran in some of its clusters only. */
function runningWhere(service: ServiceState, runsIn: (cluster: ClusterId) => boolean): ServiceState {
  const deployments = service.spec.deployments.filter(({ cluster }) => runsIn(cluster));
  return { ...service, spec: { ...service.spec, deployments } };
}

/** What of a split goes to where the service runs; undefined still means that nothing was released. */
function within(now: Split | undefined, { spec }: ServiceState): Split | undefined {
  return now?.filter(({ destination }) => spec.deployments.some(({ cluster }) => cluster === destination.cluster));
}

function homesOf({ spec }: ServiceState): ReadonlySet<ClusterId> {
  return new Set(spec.deployments.map(({ cluster }) => cluster));
}

/** Sources that may go to the same places, each up to the same share of what it asks for, are as one. */
function askersOf(views: readonly View[], service: ServiceState): readonly Asker[] {
  const homes = policyOf(service.spec).isolation === "nearest" ? homesOf(service) : new Set<ClusterId>();
  const known = new Map<readonly Offer[], string>();
  const groups = Map.groupBy(views, ({ source, offers }) => {
    const places = known.get(offers) ?? takersOf(offers);
    known.set(offers, places);
    return `${homes.has(source.cluster) ? source.cluster : ""} ${places} ${isBinding(offers) ? mixOf(source) : ""}`;
  });
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [askerOf(first, group, service)];
  });
}

/** Most of what a source asks for that each destination takes: now, and before isolation and `maxShare`. */
function takersOf(offers: readonly Offer[]): string {
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
