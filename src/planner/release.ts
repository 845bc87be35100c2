import type { DestinationKey } from "../model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import type { ClusterId, Version } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { Flow } from "./allocate.ts";
import { isOpen } from "./bounds.ts";
import { canName } from "./capability.ts";
import type { Sizes } from "./compute/release.ts";
import { solve } from "./compute/solve.ts";
import type { Divisible } from "./compute/subject.ts";
import { curveOf } from "./cost.ts";
import type { Offer } from "./eligible.ts";
import { limitOf } from "./limits.ts";
import { costCurveOf } from "./optimise/curve.ts";
import type { SourceOutlook } from "./outlook.ts";
import type { Planning } from "./target.ts";
import { priceMs } from "./valuation.ts";

/**
 * Rounds of choosing who sends a release, fewer than where there is time: plans are made while others wait, and each round
 * divides the service a few times.
 */
const ROUNDS_MAX = 8;

/**
 * What each source that nobody pinned sends of which version, by its service's release: the versions' shares over all of these
 * sources' requests, from where they cost least, each up to `maxSourceShare`. It is chosen over all of them, whatever they wait
 * for just now, so that who waits changes nothing for the others. Of whom nobody knows that he sends anything, and of everybody
 * where there is no time to search, each version gets its share. A version that may serve nobody gets nothing. Undefined without a release.
 */
export function releasedFlows(planning: Planning): ReadonlyMap<ClusterId, readonly Flow[]> | undefined {
  const { service, sources } = planning;
  const { release, stableVersion } = service.spec;
  const automatic = sources.filter(({ cluster }) => service.pins[cluster] === undefined);
  if (release === undefined || Object.keys(release.shares).length === 0) return undefined;
  const shares = (Object.entries(release.shares) as [Version, number][]).filter(([, share]) => share > 0);
  const versions = [stableVersion, ...shares.map(([version]) => version).toSorted(compareNames)];
  const known = planning.isHasty === true ? [] : automatic.filter(({ demandRps }) => demandRps > 0);
  const sizes = known.length === 0 ? [] : sizesOf(known, versions, planning);
  const flows = new Map<ClusterId, readonly Flow[]>();
  for (const source of automatic) flows.set(source.cluster, evenFlows(source, versions, planning));
  for (const [at, { cluster, demandRps }] of known.entries()) {
    const weights = (sizes[at] ?? []).map((rps) => (rps / demandRps) * WEIGHT_TOTAL);
    flows.set(cluster, flowsOf(cluster, versions, weights));
  }
  return flows;
}

function flowsOf(source: ClusterId, versions: readonly Version[], weights: readonly number[]): readonly Flow[] {
  return versions
    .map((version, at) => ({ source, version, weight: weights[at] ?? 0 }))
    .filter(({ weight }) => weight > 0);
}

/** Each version its share, where it may serve the source. */
function evenFlows(source: SourceOutlook, versions: readonly Version[], planning: Planning): readonly Flow[] {
  const { release } = planning.service.spec;
  const served = new Set(takers(source, planning).map(({ destination }) => destination.version));
  const weights = versions.map((version, at) =>
    at > 0 && served.has(version) ? (release?.shares[version] ?? 0) * WEIGHT_TOTAL : 0,
  );
  const released = weights.reduce((sum, weight) => sum + weight, 0);
  return flowsOf(source.cluster, versions, [WEIGHT_TOTAL - released, ...weights.slice(1)]);
}

/** Offers that a release may count on: open, not leaving, with room under their ceilings, and named by the source's mesh. */
export function takers(source: SourceOutlook, { state, service }: Planning): readonly Offer[] {
  const cluster = state.clusters.get(source.cluster);
  return source.offers.filter(
    (offer) =>
      isOpen(offer) &&
      !offer.isDraining &&
      offer.ceilingWeight > 0 &&
      canName(cluster, offer.destination, service.spec),
  );
}

/** Requests per second of each version: source → version. */
function sizesOf(known: readonly SourceOutlook[], versions: readonly Version[], planning: Planning): Sizes {
  const rows = known.map((source) => ({ source, offers: takers(source, planning) }));
  const places = placesIn(rows, versions);
  const filling = { utilisationMax: planning.settings.utilisationMax };
  const limits = places.map((offer) => limitOf(offer, filling));
  return solve(divisibleOf({ rows, places, versions }, planning), limits, ROUNDS_MAX).sizes;
}

/** A source, and the offers that a release may count on there. */
interface Row {
  readonly source: SourceOutlook;
  readonly offers: readonly Offer[];
}

/** Every destination of the versions that somebody may be served by, by name, as the first who sees it does. */
function placesIn(rows: readonly Row[], versions: readonly Version[]): readonly Offer[] {
  const places = new Map<DestinationKey, Offer>();
  for (const offer of rows.flatMap(({ offers }) => offers))
    if (versions.includes(offer.destination.version) && !places.has(offer.key)) places.set(offer.key, offer);
  return [...places.values()].toSorted((a, b) => compareNames(a.key, b.key));
}

interface Table {
  readonly rows: readonly Row[];
  readonly places: readonly Offer[];
  readonly versions: readonly Version[];
}

/** The service as dividing has it: what sources that somebody pinned send is there already. */
function divisibleOf({ rows, places, versions }: Table, planning: Planning): Divisible {
  const { service, valuation } = planning;
  const { release, policy } = service.spec;
  const table = rows.map(({ source, offers }) => {
    const its = new Map(offers.map((offer) => [offer.key, offer]));
    return { source, offers: places.map(({ key }) => its.get(key)) };
  });
  const each = <T>(of: (offer: Offer | undefined, source: SourceOutlook) => T): readonly (readonly T[])[] =>
    table.map(({ source, offers }) => offers.map((offer) => of(offer, source)));
  return {
    versions,
    sources: rows.map(({ source: { demandRps } }) => ({ demandRps })),
    destinations: places.map((offer) => {
      const curve = curveOf(offer);
      return { version: offer.destination.version, curve, cost: costCurveOf(curve) };
    }),
    ways: each((offer) => ({
      rttMs: offer?.rttMs ?? 0,
      priceMs: offer === undefined ? 0 : priceMs(offer.egressDollarsPerGb, valuation),
      crossingMs: offer?.crossingMs ?? 0,
    })),
    exclusions: each((offer) => (offer === undefined ? "may not serve it" : undefined)),
    turns: each((offer) => offer?.turn),
    ceilingsRps: each((offer, { demandRps }) => ((offer?.ceilingWeight ?? 0) / WEIGHT_TOTAL) * demandRps),
    fixedRps: places.map(({ key }) => pinnedRps(key, planning)),
    service: {
      ...(release !== undefined && { release }),
      // What `maxShare` allows is in the ceilings.
      policy: { maxShare: 1, ...(policy?.failover !== undefined && { failover: policy.failover }) },
    },
  };
}

function pinnedRps(key: DestinationKey, { service, sources }: Planning): number {
  return sources.reduce((sum, { cluster, demandRps }) => {
    const entry = service.pins[cluster]?.find(({ destination }) => keyOf(destination) === key);
    return sum + ((entry?.weight ?? 0) / WEIGHT_TOTAL) * demandRps;
  }, 0);
}

/** A version's share of all requests of the sources that nobody pinned may be off by this part of itself before it is corrected. */
const SHARE_SLACK = 0.1;

/**
 * Whether what sources send now gives versions other shares than what they are to send: a release or its end, another stable
 * version. That is what somebody asked for, until it is done, and no gain to be weighed.
 */
export function isReleasing(
  targets: readonly { readonly source: SourceOutlook; readonly split: SourceOutlook["now"] }[],
  { service }: Planning,
): boolean {
  const free = targets.filter(({ source }) => source.now !== undefined && service.pins[source.cluster] === undefined);
  const now = sharesOf(free.map(({ source }) => ({ source, split: source.now })));
  const then = sharesOf(free);
  const versions = new Set([...now.keys(), ...then.keys()]);
  return [...versions].some((version) => {
    const [before, after] = [now.get(version) ?? 0, then.get(version) ?? 0];
    return version !== service.spec.stableVersion && Math.abs(before - after) > SHARE_SLACK * after;
  });
}

/** Shares of versions; where nobody is known to send anything, every source counts alike. */
function sharesOf(
  splits: readonly { readonly source: SourceOutlook; readonly split: SourceOutlook["now"] }[],
): ReadonlyMap<Version, number> {
  const totalRps = splits.reduce((sum, { source }) => sum + source.demandRps, 0);
  const shares = new Map<Version, number>();
  for (const { source, split } of splits) {
    const part = totalRps > 0 ? source.demandRps / totalRps : 1 / splits.length;
    for (const { destination, weight } of split ?? [])
      shares.set(destination.version, (shares.get(destination.version) ?? 0) + (weight / WEIGHT_TOTAL) * part);
  }
  return shares;
}
