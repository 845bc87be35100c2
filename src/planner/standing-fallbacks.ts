import type { DestinationKey, Split } from "../model/destination.ts";
import { keyOf, sameSplit, WEIGHT_TOTAL } from "../model/destination.ts";
import type { ClusterId } from "../model/ids.ts";
import { fallbacksOf, survivingOffers } from "./fallback.ts";
import type { Fallbacks, FallbackProblem } from "./fallback.ts";
import type { SourceOutlook } from "./outlook.ts";
import { capacitiesOf } from "./target.ts";

/**
 * What a destination may get more than by fallbacks made anew before that is a reason to make them anew: they hold for the
 * moments until a loss is planned for.
 */
const LOAD_SLACK = 0.1;

/** How much farther requests may fall back than anew. */
const WAY_SLACK = 0.3;

/** Fallbacks, and what standing ones are held to. */
export interface StandingProblem extends FallbackProblem {
  /** Share of a capacity that standing fallbacks may bring a destination, 0 to 1: above `utilisationMax`. */
  readonly stepUtilisationMax: number;
}

/**
 * The fallbacks that sources have, as long as they would do: nobody's split moves, all of them may still be followed, and in
 * no loss they would bring a destination more than a step may bring it, or send requests notably farther, than fallbacks made
 * anew. Otherwise those. Without this every flutter of demand would tell every source something new.
 */
export function enduringFallbacks(problem: StandingProblem): Fallbacks {
  const fresh = fallbacksOf(problem);
  const standing = standingOf(problem);
  if (standing === undefined || !isSameShape(standing, fresh)) return fresh;
  const lost = new Set(
    [...problem.splits.values()].flatMap((split) => split.map((entry) => entry.destination.cluster)),
  );
  return [...lost].every((cluster) => doesFor(cluster, { standing, fresh }, problem)) ? standing : fresh;
}

/** What sources were told last; undefined where somebody was told nothing yet, or is to divide otherwise. */
function standingOf({ sources, splits }: StandingProblem): Fallbacks | undefined {
  const found = new Map<ClusterId, ReadonlyMap<DestinationKey, Split>>();
  for (const { cluster, now, released } of sources) {
    const split = splits.get(cluster);
    if (now === undefined || split === undefined || !sameSplit(now, split)) return undefined;
    const routes = released?.rules.at(-1)?.routes ?? [];
    found.set(cluster, new Map(routes.map(({ destination, fallback }) => [keyOf(destination), fallback])));
  }
  return found;
}

/** Whether both have somewhere to go for the same destinations. */
function isSameShape(standing: Fallbacks, fresh: Fallbacks): boolean {
  return [...standing].every(([source, splits]) =>
    [...splits].every(([key, split]) => split.length > 0 === (fresh.get(source)?.get(key) ?? []).length > 0),
  );
}

interface Both {
  readonly standing: Fallbacks;
  readonly fresh: Fallbacks;
}

function doesFor(lost: ClusterId, { standing, fresh }: Both, problem: StandingProblem): boolean {
  if (!problem.sources.every((source) => mayFollow(source, standing, { lost, problem }))) return false;
  const [ours, anew] = [followed(lost, standing, problem), followed(lost, fresh, problem)];
  if (ours.waysMs > anew.waysMs * (1 + WAY_SLACK)) return false;
  const capacities = capacitiesOf(problem.sources);
  return [...ours.loadsRps].every(([key, loadRps]) => {
    const limitRps = (capacities.get(key) ?? Infinity) * problem.stepUtilisationMax;
    return loadRps <= Math.max(limitRps, (anew.loadsRps.get(key) ?? 0) * (1 + LOAD_SLACK));
  });
}

interface Loss {
  readonly lost: ClusterId;
  readonly problem: StandingProblem;
}

/** Whether a source may go where it would fall back. Where anything binds how much, or in which order, it is reckoned anew. */
function mayFollow(source: SourceOutlook, standing: Fallbacks, { lost, problem }: Loss): boolean {
  const its = fallenTo(source.cluster, lost, { fallbacks: standing, problem });
  if (its.length === 0) return true;
  const free = survivingOffers(source, lost, problem.spec).filter(
    ({ restriction, isDraining, turn }) => restriction === undefined && !isDraining && turn === undefined,
  );
  return its.every(([key]) => free.some((offer) => offer.key === key));
}

interface Following {
  readonly fallbacks: Fallbacks;
  readonly problem: StandingProblem;
}

/** Where what a source sends to a lost cluster goes, in basis points of the source's requests. */
function fallenTo(
  source: ClusterId,
  lost: ClusterId,
  { fallbacks, problem }: Following,
): readonly (readonly [DestinationKey, number])[] {
  return (problem.splits.get(source) ?? [])
    .filter(({ destination }) => destination.cluster === lost)
    .flatMap(({ destination, weight: all }) =>
      (fallbacks.get(source)?.get(keyOf(destination)) ?? []).map(
        ({ destination: to, weight }) => [keyOf(to), (all * weight) / WEIGHT_TOTAL] as const,
      ),
    );
}

interface Followed {
  readonly loadsRps: ReadonlyMap<DestinationKey, number>;
  /** Round trips of what falls back, ms * requests per second. */
  readonly waysMs: number;
}

/** What becomes of destinations once everybody follows its fallbacks for a lost cluster. */
function followed(lost: ClusterId, fallbacks: Fallbacks, problem: StandingProblem): Followed {
  const loadsRps = new Map<DestinationKey, number>();
  let waysMs = 0;
  const add = (key: DestinationKey, rps: number): void => void loadsRps.set(key, (loadsRps.get(key) ?? 0) + rps);
  for (const { cluster, demandRps, offers } of problem.sources) {
    const unit = demandRps / WEIGHT_TOTAL;
    for (const { destination, weight } of problem.splits.get(cluster) ?? [])
      if (destination.cluster !== lost) add(keyOf(destination), weight * unit);
    for (const [key, weight] of fallenTo(cluster, lost, { fallbacks, problem })) {
      add(key, weight * unit);
      waysMs += weight * unit * (offers.find((offer) => offer.key === key)?.rttMs ?? 0);
    }
  }
  return { loadsRps, waysMs };
}
