import type { DestinationKey } from "../model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import type { FleetState } from "../model/fleet.ts";
import type { ClusterId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import { isUnproven, weightOf } from "./eligible.ts";
import type { Offer } from "./eligible.ts";
import { policyOf } from "./policy.ts";
import { sceneOf } from "./survival/askers.ts";
import { openingsWithout, partiesWithout } from "./survival/parties.ts";
import { placesOf } from "./survival/places.ts";
import type { Places } from "./survival/places.ts";
import { keepRoom } from "./survival/reserve.ts";
import type { Divided, Limits, Missed } from "./survival/reserve.ts";
import { shortage } from "./survival/shortage.ts";
import type { Party } from "./survival/shortage.ts";
import { isNamed } from "./survival/survival.ts";
import { settle } from "./target.ts";
import type { Planning, Reserve, Settled, Target, Wish } from "./target.ts";

/** Less than a basis point of all requests is what rounding to weights leaves over. */
const ROUNDING = 1 / WEIGHT_TOTAL;

/** Targets, with what they keep free. */
export interface SettledWithReserve extends Settled {
  readonly reserve?: Reserve;
}

/** What a source sends, or is to send. */
type Aim = Pick<Target, "source" | "split">;

interface Judged extends Divided {
  readonly settled: Settled;
  readonly missed: readonly (Missed & { readonly cluster: ClusterId })[];
}

/**
 * Allocates as `settle`, but so that each loss that the service's policy names is survived at once: what the lost cluster
 * serves fits where its callers may go, beside what is there already. Where that cannot be, it says how much is short.
 */
export function settleKeepingRoom(wishes: readonly Wish[], planning: Planning): SettledWithReserve {
  const clusters = namedClusters(planning);
  if (clusters.length === 0) return settle(wishes, planning);
  const places = placesOf(wishes.map(({ source }) => source.offers));
  const own = places.capacitiesRps.map((capacityRps) => capacityRps * planning.settings.utilisationMax);
  const judge = judgeOf({ clusters, places, own }, planning);
  const { divided, limitsRps } = keepRoom(own, (limits) =>
    judge(settle(wishes, { ...planning, reserve: reserveOf(limits, { own, places }) })),
  );
  const unsurvived = divided.missed.map(({ cluster, shortRps, shortAtOnceRps }) => ({
    cluster,
    shortRps,
    shortAtOnceRps,
  }));
  const survived = clusters.filter((name) => !unsurvived.some(({ cluster }) => cluster === name));
  return { ...divided.settled, reserve: { ...reserveOf(limitsRps, { own, places }), survived, unsurvived } };
}

/** Whether splits leave no room for a loss that others would leave room for, of those that the policy names. */
export function losesRoom(aims: readonly Aim[], planning: Planning): boolean {
  const clusters = planning.reserve?.survived ?? [];
  if (clusters.length === 0) return false;
  const places = placesOf(aims.map(({ source }) => source.offers));
  const own = places.capacitiesRps.map((capacityRps) => capacityRps * planning.settings.utilisationMax);
  return missedOf(aims, { clusters, places, own }, planning).length > 0;
}

/** Clusters that serve the service, or are told to, and whose loss its policy names. */
function namedClusters({ service, state }: Planning): readonly ClusterId[] {
  const policy = policyOf(service.spec);
  if (policy.surviveLossOf === "none") return [];
  const names = new Set(service.spec.deployments.map(({ cluster }) => cluster));
  return [...names]
    .filter((name) => isNamed(name, policy) && state.clusters.get(name)?.verdict !== "dead")
    .toSorted(compareNames);
}

interface Rooms {
  readonly own: Limits;
  readonly places: Places;
}

function reserveOf(limits: Limits, { own, places }: Rooms): Reserve {
  const lowered = places.destinations.flatMap((destination, at): [DestinationKey, number][] => {
    const limitRps = limits[at] ?? Infinity;
    return limitRps < (own[at] ?? Infinity) ? [[keyOf(destination), limitRps]] : [];
  });
  return { limitsRps: new Map(lowered), survived: [], unsurvived: [] };
}

interface Losses extends Rooms {
  readonly clusters: readonly ClusterId[];
}

function judgeOf(losses: Losses, planning: Planning): (settled: Settled) => Judged {
  const { places, own } = losses;
  const shortAnew = shortAnewOf(planning);
  let plainRps: readonly number[] | undefined;
  return (settled) => {
    const loadsRps = loadsAt(places, settled.targets);
    const mostRps = (plainRps ??= loadsRps);
    const isOverfull = loadsRps.some(
      (load, at) => load > Math.max(own[at] ?? Infinity, mostRps[at] ?? 0) + grainOf(planning),
    );
    const missed = missedOf(settled.targets, losses, planning).map((loss) => ({
      ...loss,
      shortRps: shortAnew(loss.cluster),
    }));
    return { settled, loadsRps, missed, isOverfull };
  };
}

function grainOf({ sources }: Planning): number {
  return sources.reduce((sum, { demandRps }) => sum + demandRps, 0) * ROUNDING;
}

/** Losses that leave requests without room at once, by the destinations' own limits: what is kept free is there to be used. */
function missedOf(aims: readonly Aim[], { clusters, places, own }: Losses, planning: Planning) {
  const loadsRps = loadsAt(places, aims);
  const left = own.map((limit, at) => Math.max(0, limit - (loadsRps[at] ?? 0)));
  return clusters.flatMap((cluster) => {
    const parties = partiesLosing(cluster, { places, planning, aims });
    const { shortRps: shortAtOnceRps } = shortage(parties, left);
    if (shortAtOnceRps <= grainOf(planning)) return [];
    const refuges = [...new Set(parties.flatMap((party) => party.places))].filter((at) => own[at] !== Infinity);
    return [{ cluster, shortAtOnceRps, refuges }];
  });
}

/** What each loss leaves without room when everybody is divided anew; each is found once. */
function shortAnewOf({ state, service, settings }: Planning): (lost: ClusterId) => number {
  const scene = sceneOf(state, service);
  const roomRps = scene.places.capacitiesRps.map((capacityRps) => capacityRps * settings.utilisationMax);
  const found = new Map<ClusterId, number>();
  return (lost) => {
    const shortRps = found.get(lost) ?? shortage(partiesWithout(lost, scene), roomRps).shortRps;
    found.set(lost, shortRps);
    return shortRps;
  };
}

function loadsAt({ indices, destinations }: Places, aims: readonly Aim[]): readonly number[] {
  const loads = destinations.map(() => 0);
  for (const { source, split } of aims)
    for (const { destination, weight } of split) {
      const at = indices.get(keyOf(destination));
      if (at !== undefined) loads[at] = (loads[at] ?? 0) + (weight / WEIGHT_TOTAL) * source.demandRps;
    }
  return loads;
}

interface Losing {
  readonly places: Places;
  readonly planning: Planning;
  readonly aims: readonly Aim[];
}

/** Requests that a loss leaves without a destination, and where each may go at once, under what is left of its ceilings. */
function partiesLosing(lost: ClusterId, { places, planning, aims }: Losing): readonly Party[] {
  const { stableVersion } = planning.service.spec;
  const policy = policyOf(planning.service.spec);
  return aims.flatMap((aim) => {
    const { source, split } = aim;
    const leaving = split.filter(({ destination, weight }) => destination.cluster === lost && weight > 0);
    if (leaving.length === 0 || source.demandRps === 0) return [];
    const openings = openingsWithout(lost, { home: source.cluster, offers: source.offers, policy });
    return leaving.map(({ destination, weight }): Party => {
      const offers = openings.get(destination.version) ?? openings.get(stableVersion) ?? [];
      return {
        rps: (weight / WEIGHT_TOTAL) * source.demandRps,
        places: offers.map(({ key }) => places.indices.get(key) ?? 0),
        ceilingsRps: offers.map((offer) => leftUnderCeiling(offer, aim, planning.state)),
      };
    });
  });
}

/**
 * What a destination may still get of a source, rps, once the source is at its target: what holds a destination to what it has
 * will hold it to what the target leaves it.
 */
function leftUnderCeiling(offer: Offer, { source, split }: Aim, state: FleetState): number {
  const has = weightOf(split, offer.destination);
  const cluster = state.clusters.get(offer.destination.cluster);
  // One that has everything now is held as well, though its ceiling does not tell.
  const isHeld =
    offer.standing.restriction === "readiness-doubted" ||
    cluster?.isCordoned === true ||
    (offer.destination.cluster !== source.cluster && cluster !== undefined && isUnproven(cluster));
  const heldWeight = isHeld ? has : Math.max(has, cluster?.ramp?.ceilingWeight ?? WEIGHT_TOTAL);
  return (Math.max(0, Math.min(offer.ceilingWeight, heldWeight) - has) / WEIGHT_TOTAL) * source.demandRps;
}
