import { WEIGHT_TOTAL } from "../model/destination.ts";
import type { Failover, ServicePolicy } from "../model/fleet-document.ts";
import type { ClusterId, Version } from "../model/ids.ts";
import type { Offer } from "./eligible.ts";
import { standingsOf } from "./failover.ts";
import type { TierStanding } from "./failover.ts";

/** Whom a service's policy binds, and to what. */
export interface Binding {
  readonly source: ClusterId;
  readonly policy: ServicePolicy;
}

/** Whether traffic may be moved to an offer: it serves, and the policy lets it serve this source. */
export function isOpen({ loss, forbidden, isStandby }: Offer): boolean {
  return loss === undefined && forbidden === undefined && !isStandby;
}

/**
 * The offers as isolation `nearest`, `maxShare` and the failover order leave them, whatever bound them before: so that what is
 * left after a loss is bound anew. All look at one version at a time: no share of one version goes to another for their sake.
 */
export function boundBy(offers: readonly Offer[], binding: Binding): readonly Offer[] {
  const { isolation, maxShare, failover } = binding.policy;
  const inTurn = failover === undefined ? offers : ranked(offers, failover);
  if (isolation !== "nearest" && maxShare === 1) return inTurn;
  const plain = inTurn.map((offer) => ({ ...withoutRestriction(offer), isStandby: false, ...offer.standing }));
  const kept = isolation === "nearest" ? keptAtHome(plain, binding) : plain;
  return maxShare < 1 ? shared(kept, Math.round(maxShare * WEIGHT_TOTAL)) : kept;
}

/** The offers with the turns that their failover order gives them, version by version, as things stand now. */
function ranked(offers: readonly Offer[], { healthyMin }: Failover): readonly Offer[] {
  const versions = Map.groupBy(offers, ({ destination }) => destination.version);
  const standings = new Map([...versions].map(([version, found]) => [version, tierStandings(found, healthyMin)]));
  return offers.map((offer) => {
    const { turn, destination } = offer;
    const standing = turn && standings.get(destination.version)?.[turn.tier];
    return turn === undefined || standing === undefined ? offer : { ...offer, turn: { ...turn, ...standing } };
  });
}

function tierStandings(offers: readonly Offer[], healthyMin: number): readonly TierStanding[] {
  const members = offers.flatMap(({ turn, loss, isDraining, capacityRps }) => {
    // Who drains leaves on purpose: what is left of its tier may be well.
    if (turn === undefined || loss === "not-deployed" || isDraining) return [];
    const { tier, readyShare, isUsed } = turn;
    return [{ tier, readyShare: loss === undefined ? readyShare : 0, isUsed, capacityRps }];
  });
  return standingsOf(members, { tiers: offers.find(({ turn }) => turn)?.turn?.tiers ?? 0, healthyMin });
}

/** When an offer is filled: those of a lower rank come first. Without a failover order all are alike. */
export function rankOf({ turn }: Offer): number {
  return turn?.rank ?? 0;
}

function withoutRestriction({ restriction: _before, ...offer }: Offer): Offer {
  return offer;
}

/** Other clusters stand by while the source's own takes everything of their version. One that returns in steps does not yet. */
function keptAtHome(offers: readonly Offer[], { source }: Binding): readonly Offer[] {
  const home = offers.filter((offer) => offer.destination.cluster === source && isOpen(offer) && !offer.isDraining);
  const rooms = new Map<Version, number>();
  for (const { destination, ceilingWeight } of home)
    rooms.set(destination.version, (rooms.get(destination.version) ?? 0) + ceilingWeight);
  return offers.map((offer) => {
    const { cluster, version } = offer.destination;
    return { ...offer, isStandby: cluster !== source && (rooms.get(version) ?? 0) >= WEIGHT_TOTAL };
  });
}

function shared(offers: readonly Offer[], maxShareWeight: number): readonly Offer[] {
  const versions = Map.groupBy(offers, ({ destination }) => destination.version);
  const levels = new Map([...versions].map(([version, found]) => [version, levelOf(found, maxShareWeight)]));
  return offers.map((offer) => {
    const level = levels.get(offer.destination.version) ?? WEIGHT_TOTAL;
    return level < offer.ceilingWeight ? { ...offer, ceilingWeight: level, restriction: "max-share" } : offer;
  });
}

/**
 * The lowest ceiling, at least `maxShareWeight`, under which the destinations of a version still take everything. Where
 * their other ceilings do not let them anyway, those bind alone.
 */
function levelOf(offers: readonly Offer[], maxShareWeight: number): number {
  const ceilings = offers
    .filter((offer) => isOpen(offer) && !offer.isDraining)
    .map(({ ceilingWeight }) => ceilingWeight)
    .toSorted((a, b) => a - b);
  let rest = WEIGHT_TOTAL;
  for (const [index, ceiling] of ceilings.entries()) {
    const level = Math.ceil(rest / (ceilings.length - index));
    if (level <= ceiling) return Math.max(level, maxShareWeight);
    rest -= ceiling;
  }
  return WEIGHT_TOTAL;
}
