import type { Split } from "../model/destination.ts";
import { WEIGHT_TOTAL } from "../model/destination.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId, Version } from "../model/ids.ts";
import type { Rule } from "../model/plan.ts";
import { isOpen, rankOf } from "./bounds.ts";
import { canMatch } from "./capability.ts";
import { farMs } from "./cost.ts";
import type { Offer } from "./eligible.ts";
import { survivingOffers } from "./fallback.ts";
import type { SourceOutlook } from "./outlook.ts";
import { takers } from "./release.ts";
import type { Planning } from "./target.ts";

/**
 * The rules that a release's matches make for one source: each whole to the nearest that serves the version, with the nearest
 * other of it as its fallback, else one of the stable version. None where the source's mesh cannot match headers, or nobody may
 * serve the version: such requests are divided as all others.
 */
export function matchRulesOf(source: SourceOutlook, planning: Planning): readonly Rule[] {
  const { matches = [] } = planning.service.spec.release ?? {};
  if (matches.length === 0 || !canMatch(planning.state.clusters.get(source.cluster))) return [];
  const serving = takers(source, planning).toSorted((a, b) => compareOffers(a, b, source.cluster));
  return matches.flatMap(({ version, headers }): readonly Rule[] => {
    const first = serving.find(({ destination }) => destination.version === version);
    if (first === undefined) return [];
    const fallback = fallbackFor(first, version, { source, planning });
    return [{ match: { headers }, routes: [{ destination: first.destination, weight: WEIGHT_TOTAL, fallback }] }];
  });
}

function fallbackFor(
  { destination }: Offer,
  version: Version,
  { source, planning }: { readonly source: SourceOutlook; readonly planning: Planning },
): Split {
  const { spec } = planning.service;
  const left = survivingOffers(source, destination.cluster, spec).filter(isOpen);
  const likingOf = (offer: Offer): number =>
    offer.destination.version === version ? 0 : 1 + Number(offer.destination.version !== spec.stableVersion);
  const [best] = left.toSorted(
    (a, b) =>
      Number(a.isDraining) - Number(b.isDraining) || likingOf(a) - likingOf(b) || compareOffers(a, b, source.cluster),
  );
  return best === undefined ? [] : [{ destination: best.destination, weight: WEIGHT_TOTAL }];
}

/** The earlier in the failover order first, then home, then the nearest. */
function compareOffers(a: Offer, b: Offer, source: ClusterId): number {
  const isAway = ({ destination }: Offer): number => Number(destination.cluster !== source);
  return rankOf(a) - rankOf(b) || isAway(a) - isAway(b) || farMs(a) - farMs(b) || compareNames(a.key, b.key);
}
