import type { DestinationKey } from "../../model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../../model/destination.ts";
import type { ClusterId } from "../../model/ids.ts";
import { weightOf } from "../eligible.ts";
import type { SourceOutlook } from "../outlook.ts";
import type { Step } from "../step.ts";
import { loadsOf } from "../target.ts";
import type { Planning, Target } from "../target.ts";
import { perCent, rpsText } from "./wording.ts";

/** What destinations get on the way, by the sources that may apply a step in any order. */
export interface Transit {
  readonly nowRps: ReadonlyMap<DestinationKey, number>;
  /** What the steps of all sources that send it more bring it, before anybody sends it less. */
  readonly risesRps: ReadonlyMap<DestinationKey, number>;
  readonly thenRps: ReadonlyMap<DestinationKey, number>;
}

/** Adds up one step of every source. */
export function transitOf(targets: readonly Target[], steps: readonly Step[], { sources }: Planning): Transit {
  const taken = new Map(steps.map(({ source, split }) => [source, split]));
  const now = new Map(sources.map((source) => [source.cluster, source.now ?? taken.get(source.cluster) ?? []]));
  const then = new Map(targets.map(({ source, split }) => [source.cluster, split]));
  return { nowRps: loadsOf(now, sources), thenRps: loadsOf(then, sources), risesRps: risesOf(taken, sources) };
}

function risesOf(
  taken: ReadonlyMap<ClusterId, Step["split"]>,
  sources: readonly SourceOutlook[],
): ReadonlyMap<DestinationKey, number> {
  const rises = new Map<DestinationKey, number>();
  for (const { cluster, demandRps, now } of sources)
    for (const { destination, weight } of now === undefined ? [] : (taken.get(cluster) ?? [])) {
      const riseRps = (Math.max(0, weight - weightOf(now, destination)) / WEIGHT_TOTAL) * demandRps;
      rises.set(keyOf(destination), (rises.get(keyOf(destination)) ?? 0) + riseRps);
    }
  return rises;
}

/** The destination that a source's step brings nearest to what it may have on the way, with the sum that shows it. */
export function tightestText(
  { source, split }: { readonly source: SourceOutlook; readonly split: Step["split"] },
  transit: Transit,
  { settings }: Planning,
): string {
  const { stepUtilisationMax } = settings;
  const tight = source.offers
    .filter(({ destination }) => weightOf(split, destination) > weightOf(source.now, destination))
    .flatMap(({ key, capacityRps }) => {
      if (capacityRps === undefined) return [];
      const [nowRps, riseRps] = [transit.nowRps.get(key) ?? 0, transit.risesRps.get(key) ?? 0];
      const ownRps = capacityRps * stepUtilisationMax;
      const limitRps = Math.max(ownRps, transit.thenRps.get(key) ?? 0);
      return [{ key, capacityRps, nowRps, riseRps, limitRps, isOwn: limitRps === ownRps }];
    })
    .toSorted((a, b) => a.limitRps - a.nowRps - a.riseRps - (b.limitRps - b.nowRps - b.riseRps))[0];
  if (tight === undefined) return "a destination, in some order of applying it";
  const { key, capacityRps, nowRps, riseRps, limitRps, isOwn } = tight;
  const of = isOwn ? `${perCent(stepUtilisationMax * 10_000)} of ${rpsText(capacityRps)}` : "what it has in the end";
  return `${key}, if all who send it more come first: ${rpsText(nowRps)} + ${rpsText(riseRps)} = ${rpsText(nowRps + riseRps)} of ${rpsText(limitRps)} (${of})`;
}
