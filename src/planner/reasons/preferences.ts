import type { Reason } from "../../model/plan.ts";
import type { Destination } from "../../model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../../model/destination.ts";
import type { Version } from "../../model/ids.ts";
import { destinationsMaxOf } from "../capability.ts";
import type { Offer } from "../eligible.ts";
import { weightOf } from "../eligible.ts";
import type { SourceOutlook } from "../outlook.ts";
import { matchRulesOf } from "../match-rules.ts";
import { orderText, policyOf } from "../policy.ts";
import { sameValue } from "../same-value.ts";
import type { Planning, Target } from "../target.ts";
import { perCent, rpsText } from "./wording.ts";

type Found = readonly [Reason["kind"], string];

/** What a destination's place in its source's failover order makes of it. */
export function failoverReasons(offer: Offer | undefined, source: SourceOutlook, planning: Planning): readonly Found[] {
  const turn = offer?.turn;
  if (turn === undefined) return [];
  const policy = policyOf(planning.service.spec);
  const { tier, tiers, rank, healthyShare } = turn;
  const place = `tier ${tier + 1} of ${tiers} of the failover order of ${source.cluster} (${orderText(policy, source.cluster)})`;
  if (rank >= tiers) {
    const least = (policy.failover?.healthyMin ?? 0) * WEIGHT_TOTAL;
    const healthy = Math.round(healthyShare * WEIGHT_TOTAL);
    // A tier that was left has to show more than one that is in use.
    const enough =
      healthy >= least ? `no more than ${perCent(healthy)} of what ${perCent(least)} and ten points ask for` : "";
    const few = enough === "" ? `${perCent(healthy)} of it is healthy, less than ${perCent(least)}` : enough;
    return [["failover", `${place}, last in line: ${few}`]];
  }
  const why = tier === 0 ? "" : ": takes what the healthy tiers before it have no room for";
  return [["failover", `${place}${why}`]];
}

/** What it weighs that a destination lies elsewhere. */
export function localityReasons(offer: Offer | undefined, { source, split }: Target): readonly Found[] {
  if (offer?.crossingMs === undefined || weightOf(split, offer.destination) === 0) return [];
  const text = `${offer.destination.cluster} lies in another locality than ${source.cluster}, which weighs ${offer.crossingMs} ms of localityPenaltyMs`;
  return [["locality", text]];
}

/** What a release gives the destination's version of a source that nobody pinned. */
export function releaseReasons(
  { version }: Destination,
  { source, split }: Target,
  planning: Planning,
): readonly Found[] {
  const { release, stableVersion } = planning.service.spec;
  const isFree = planning.service.pins[source.cluster] === undefined;
  if (release === undefined || !isFree) return [];
  const weight = split.reduce(
    (sum, { destination, weight: part }) => sum + (destination.version === version ? part : 0),
    0,
  );
  const amount = `${perCent(weight)} of ${source.cluster} (${rpsText((weight / WEIGHT_TOTAL) * source.demandRps)})`;
  if (version === stableVersion) return [["release", `${version} gets what other versions leave: ${amount}`]];
  const why = planning.isHasty === true ? "alike of everybody for want of time" : "where it costs least";
  const share = release.shares[version];
  return share === undefined ? [] : [["release", `${shareText(version, share, planning)}: ${amount}, ${why}`]];
}

function shareText(version: Version, share: number, { service, sources }: Planning): string {
  const free = sources.filter(({ cluster }) => service.pins[cluster] === undefined);
  const totalRps = free.reduce((sum, { demandRps }) => sum + demandRps, 0);
  const most = (service.spec.release?.maxSourceShare ?? 1) * WEIGHT_TOTAL;
  return `${version} gets ${perCent(share * WEIGHT_TOTAL)} of all ${rpsText(totalRps)}, of one source at most ${perCent(most)}`;
}

/** Where requests go that a release takes apart by their headers. */
export function matchReasons(source: SourceOutlook, planning: Planning): readonly (readonly [Destination, string])[] {
  const { matches = [] } = planning.service.spec.release ?? {};
  const rules = matchRulesOf(source, planning);
  return matches.flatMap(({ version, headers }) => {
    const rule = rules.find(({ match }) => sameValue(match.headers, headers));
    const [route] = rule?.routes ?? [];
    if (route === undefined) return [];
    const which = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    return [
      [route.destination, `requests with ${which.join(" and ")} go to ${version}, the nearest that serves it`],
    ] as const;
  });
}

/** That a route has no place for more destinations. */
export function destinationsReasons(
  destination: Destination,
  { source, split }: Target,
  planning: Planning,
): readonly Found[] {
  const most = destinationsMaxOf(planning.state.clusters.get(source.cluster));
  if (split.length < most || most === Infinity) return [];
  const has = weightOf(split, destination) > 0 ? "is one of" : "has no place beside";
  return [["destinations", `${keyOf(destination)} ${has} the ${most} destinations that a route of this mesh takes`]];
}
