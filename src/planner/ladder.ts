import type { DestinationKey } from "../model/destination.ts";
import { destinationOf, keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";
import { waterfall } from "./allocate.ts";
import type { Allocation, Allocator, Problem, Rung } from "./allocate.ts";
import { apportion } from "./apportion.ts";
import { rankOf } from "./bounds.ts";
import { curveOf, wayMs } from "./cost.ts";
import type { Offer } from "./eligible.ts";
import { limitOf } from "./limits.ts";
import { costAt, costCurveOf } from "./optimise/curve.ts";
import { optimum } from "./optimum.ts";

/** Relative gap up to which a division counts as the best there is: what integer weights cost. */
const CERTIFIED_GAP = 1e-3;

/** Differences of what callers spend below this share are rounding. */
const SAME = 1e-9;

/**
 * The optimum, and where it cannot be had, or is beaten, the waterfall or locality failover: never worse than what anybody can
 * run without a planner. A search that fails, or that is not certified within the rounds it may take, is no optimum. Whatever
 * is chosen keeps to the same wishes, ceilings and policies, and is judged after rounding to weights: less load beyond limits
 * comes first, then what callers spend.
 */
export const ladder: Allocator = ladderFrom(optimum);

/** The ladder with another search on top: for the bench and for tests of what becomes of one that fails. */
export function ladderFrom(search: Allocator): Allocator {
  return { allocate: (problem) => climb(problem, searched(search, problem)) };
}

/** The ladder without its top, for want of time. */
export function ladderWithoutSearch(because: string): Allocator {
  return { allocate: (problem) => climb(problem, { because }) };
}

/** All to the nearest that serves, whatever its capacity, as long as it has any. */
export const localityFailover: Allocator = {
  allocate({ limitsRps: _kept, ...problem }) {
    const sources = problem.sources.map((source) => ({ ...source, offers: source.offers.map(withoutEnd) }));
    return waterfall.allocate({ ...problem, sources });
  },
};

function withoutEnd(offer: Offer): Offer {
  if (offer.capacityRps === undefined || offer.capacityRps === 0) return offer;
  const { capacityRps: _end, ...endless } = offer;
  return endless;
}

/** What the search came to: a division, or the reason that there is none. */
type Searched = { readonly found: Allocation } | { readonly because: string };

function searched(search: Allocator, problem: Problem): Searched {
  if (!isAnyKnown(problem)) return { because: "nobody's capacity is known" };
  try {
    const found = search.allocate(problem);
    const gap = found.gap ?? 0;
    if (gap <= CERTIFIED_GAP) return { found };
    return { because: `the optimum could not be certified: what was found may be ${percentText(gap)} from the best` };
  } catch (error) {
    // A bug of the search must not leave a service without a plan while there are others to divide it by.
    return { because: `the search for the optimum failed: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function isAnyKnown({ sources }: Problem): boolean {
  return sources.some(({ offers }) => offers.some(({ capacityRps }) => capacityRps !== undefined));
}

function percentText(gap: number): string {
  return Number.isFinite(gap) ? `${Number((gap * 100).toPrecision(2))} %` : "any distance";
}

/** One division with what it is worth. */
interface Candidate {
  readonly rung: Rung;
  readonly allocation: Allocation;
  readonly worth: Worth;
}

function climb(problem: Problem, search: Searched): Allocation {
  // Where nothing is left to choose, all of them are the same.
  if (!problem.flows.some(({ weight }) => weight > 0)) return waterfall.allocate(problem);
  const judge = judgeOf(problem);
  const candidate = (rung: Rung, allocation: Allocation): Candidate => ({ rung, allocation, worth: judge(allocation) });
  const rivals = [
    candidate("waterfall", waterfall.allocate(problem)),
    candidate("locality-failover", localityFailover.allocate(problem)),
  ];
  const best = (candidates: readonly Candidate[]) =>
    candidates.reduce((leader, rival) => (isBetter(rival.worth, leader.worth) ? rival : leader));
  if (!("found" in search)) return descended(best(rivals), search.because);
  const top = candidate("optimum", search.found);
  const chosen = best([top, ...rivals]);
  return chosen === top ? top.allocation : descended(chosen, beatenText(chosen.worth, top.worth));
}

function descended({ rung, allocation }: Candidate, because: string): Allocation {
  return rung === "optimum" ? allocation : { ...allocation, descent: { rung, because } };
}

function beatenText(worth: Worth, than: Worth): string {
  if (worth.excessRps < than.excessRps - than.roundingRps) return "it overfills others less than the optimum";
  if (worth.lateRps < than.lateRps - than.roundingRps) return "it keeps to failover orders better than the optimum";
  const [here, there] = [worth, than].map(({ spentMs, demandRps }) => Number((spentMs / demandRps).toPrecision(5)));
  return `it costs callers ${here} ms a request, and the optimum ${there} ms once it is rounded to weights`;
}

/** What a division is worth once it is rounded to weights. */
interface Worth {
  /** Requests per second beyond the limits of destinations. */
  readonly excessRps: number;
  /** What rounding may add to that. */
  readonly roundingRps: number;
  /** Requests per second times the turns of failover orders that they come after. */
  readonly lateRps: number;
  /** Load over limit at the fullest destination, at least 1. */
  readonly filling: number;
  /** Way, price and queues, ms * requests per second. */
  readonly spentMs: number;
  readonly demandRps: number;
}

/** Keeping limits comes first, then failover orders, then filling as little beyond limits as can be, then what callers spend. */
function isBetter(worth: Worth, than: Worth): boolean {
  const { excessRps, roundingRps, lateRps, filling, spentMs } = worth;
  if (excessRps > than.excessRps + roundingRps) return false;
  if (excessRps < than.excessRps - roundingRps) return true;
  if (lateRps > than.lateRps + roundingRps) return false;
  if (lateRps < than.lateRps - roundingRps) return true;
  // Among those that exceed limits alike, nobody is to be worse off for others' sake.
  if (excessRps > roundingRps && filling > than.filling * (1 + SAME)) return false;
  return spentMs < than.spentMs * (1 - SAME);
}

/** A destination as the judge sees it. */
interface Place {
  readonly limitRps: number;
  readonly spentAt: (loadRps: number) => number;
}

function judgeOf(problem: Problem): (allocation: Allocation) => Worth {
  const places = placesOf(problem);
  const offers = new Map(
    problem.sources.map(({ cluster, offers: its }) => [cluster, new Map(its.map((offer) => [offer.key, offer]))]),
  );
  return (allocation) => worthOf(problem, loadsOf(problem, allocation, offers), places);
}

function placesOf({ sources, ...filling }: Problem): ReadonlyMap<DestinationKey, Place> {
  const places = new Map<DestinationKey, Place>();
  for (const offer of sources.flatMap(({ offers }) => offers)) {
    if (places.has(offer.key)) continue;
    const curve = costCurveOf(curveOf(offer));
    places.set(offer.key, { limitRps: limitOf(offer, filling), spentAt: (loadRps) => costAt(curve, loadRps) });
  }
  return places;
}

/** Requests per second on each destination, and what their ways cost. */
interface Loads {
  readonly rps: ReadonlyMap<DestinationKey, number>;
  readonly waysMs: number;
  readonly lateRps: number;
}

function loadsOf(
  problem: Problem,
  { placements }: Allocation,
  offers: ReadonlyMap<ClusterId, ReadonlyMap<DestinationKey, Offer>>,
): Loads {
  const placed = Map.groupBy(placements, ({ flow }) => flow.source);
  const rps = new Map<DestinationKey, number>();
  let [waysMs, lateRps] = [0, 0];
  const sending = problem.sources.filter(({ demandRps }) => demandRps > 0);
  for (const { cluster, demandRps, kept } of sending.toSorted((a, b) => compareNames(a.cluster, b.cluster))) {
    const shares = [
      ...[...kept].flatMap(([key, amount]) => ({ destination: destinationOf(key), amount })),
      ...(placed.get(cluster) ?? []).map(({ destination, weight }) => ({ destination, amount: weight })),
    ].flatMap(({ destination, amount }) => (destination === undefined ? [] : [{ destination, amount }]));
    if (shares.length === 0) continue;
    for (const { destination, weight } of apportion(shares, problem.service)) {
      const key = keyOf(destination);
      const amountRps = (weight / WEIGHT_TOTAL) * demandRps;
      rps.set(key, (rps.get(key) ?? 0) + amountRps);
      // What is kept where nothing more may go costs the same whatever is chosen.
      const offer = offers.get(cluster)?.get(key);
      if (offer === undefined) continue;
      waysMs += amountRps * wayMs(offer, problem.valuation);
      lateRps += amountRps * rankOf(offer);
    }
  }
  return { rps, waysMs, lateRps };
}

function worthOf(problem: Problem, loads: Loads, places: ReadonlyMap<DestinationKey, Place>): Worth {
  const demandRps = problem.sources.reduce((sum, source) => sum + source.demandRps, 0);
  let [excessRps, filling, spentMs] = [0, 1, loads.waysMs];
  // Sums must not depend on any order.
  for (const [key, loadRps] of [...loads.rps].toSorted(([a], [b]) => compareNames(a, b))) {
    const place = places.get(key);
    if (place === undefined) continue;
    excessRps += Math.max(0, loadRps - place.limitRps);
    filling = Math.max(filling, loadRps / place.limitRps);
    spentMs += place.spentAt(loadRps);
  }
  const roundingRps = (demandRps * places.size) / WEIGHT_TOTAL;
  return { excessRps, roundingRps, lateRps: loads.lateRps, filling, spentMs, demandRps };
}
