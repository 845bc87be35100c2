import type { Destination, DestinationKey } from "../model/destination.ts";
import { WEIGHT_TOTAL } from "../model/destination.ts";
import type { ClusterId, ServiceId, Version } from "../model/ids.ts";
import type { Offer } from "./eligible.ts";
import { Ledger } from "./ledger.ts";
import type { Filling } from "./limits.ts";
import type { Valuation } from "./valuation.ts";
import { compareFlows, isLocal, pairsOf, ROUNDS, tableOf } from "./rounds.ts";
import type { Pair, Round, Table } from "./rounds.ts";

/** A part of one source's traffic that has to find a place. */
export interface Flow {
  readonly source: ClusterId;
  /** Version it belongs to; another version takes it only where this one can not. */
  readonly version: Version;
  /** Share of the source's traffic, in basis points. */
  readonly weight: number;
  /** Turn of the failover order in which it finds its place; undefined: any. */
  readonly rank?: number;
}

/** One source as the allocator sees it. */
export interface Source {
  readonly cluster: ClusterId;
  readonly demandRps: number;
  /** Destinations it may use, none of them lost. */
  readonly offers: readonly Offer[];
  /** What stays where it is, in basis points per destination: it takes capacity and room under ceilings first. */
  readonly kept: ReadonlyMap<DestinationKey, number>;
}

/** What is to be divided, over which destinations, within which limits. */
export interface Problem extends Filling {
  readonly service: ServiceId;
  /** Version that is preferred where a flow's own is nowhere to be had. */
  readonly stableVersion: Version;
  readonly sources: readonly Source[];
  readonly flows: readonly Flow[];
  /** What a gigabyte's price weighs against latency; undefined: nothing. */
  readonly valuation?: Valuation;
}

/**
 * How a part of a flow came to its destination. `local`: in its own cluster. `spillover`: the nearest with room.
 * `balanced`: where one more request costs least. `overflow`: nothing had room, so that it was spread by capacity. `last-resort`: a ceiling or a drain had to give way.
 */
export type Manner = "local" | "spillover" | "balanced" | "overflow" | "last-resort";

/** A part of a flow at its destination, in basis points of its source's traffic; not yet rounded. */
export interface Placement {
  readonly flow: Flow;
  readonly destination: Destination;
  readonly weight: number;
  readonly manner: Manner;
  /** What was weighed, where costs were: for the explanation. */
  readonly weighed?: Weighed;
}

/** What one more request of the flow would cost, ms: way, price and queue. */
export interface Weighed {
  readonly hereMs: number;
  /** The best of the flow's other destinations; undefined: there is none. */
  readonly elsewhere?: { readonly destination: Destination; readonly costMs: number };
}

/**
 * How a division was found: the first of these that can be had and that none of the later ones beats.
 * - `optimum`: where way, price and queues together cost all callers least;
 * - `waterfall`: nearest first, each filled to its limit;
 * - `locality-failover`: at home, or all to the nearest that serves.
 */
export type Rung = "optimum" | "waterfall" | "locality-failover";

/** Why a division is not the optimum that was asked for. */
export interface Descent {
  readonly rung: Exclude<Rung, "optimum">;
  /** A clause without a full stop. */
  readonly because: string;
}

/** What an allocator answers. A flow without any destination at all has no placement. */
export interface Allocation {
  readonly placements: readonly Placement[];
  /**
   * Factor by which the thresholds of a version had to be raised to take its demand, at least 1. Versions that have
   * room are missing.
   */
  readonly overload: ReadonlyMap<Version, number>;
  /** Largest certified gap of what was searched for, as a share of what callers spend; undefined: nothing was. */
  readonly gap?: number;
  /** Why this is not the optimum that was asked for; undefined: it is, or nobody asked. */
  readonly descent?: Descent;
}

/**
 * Divides flows over destinations. The answer may depend on the problem's values only, not on the order of its lists.
 * Every flow is placed whole if its source has any offer.
 */
export interface Allocator {
  allocate(problem: Problem): Allocation;
}

/**
 * Local first, then spill-over to the nearest with room, over all sources jointly (Traffic Director's
 * WATERFALL_BY_REGION, made independent of any order of regions: the closest pairs of source and destination first).
 * When demand exceeds what a version's destinations take, their thresholds rise alike: it never refuses to place.
 */
export const waterfall: Allocator = { allocate };

function allocate(problem: Problem): Allocation {
  const ledger = new Ledger(problem);
  pour(movingFlows(problem), ledger, tableOf(problem));
  return { placements: ledger.placements(), overload: ledger.overload };
}

/** The flows that need a place, in an order of their own. */
export function movingFlows({ flows }: Problem): readonly Flow[] {
  return flows.filter(({ weight }) => weight > 0).toSorted(compareFlows);
}

/** Places flows nearest first, up to the thresholds, and what finds no room by capacity. */
export function pour(flows: readonly Flow[], ledger: Ledger, table: Table): void {
  for (const round of ROUNDS) {
    const open = flows.filter((flow) => ledger.rest(flow) > 0);
    if (open.length === 0) return;
    const pairs = pairsOf(open, table, round);
    fill(pairs, ledger, round);
    overflow(pairs, ledger, round);
  }
}

/** Pours each pair full, in order, up to the destination's threshold. */
function fill(pairs: readonly Pair[], ledger: Ledger, round: Round): void {
  for (const pair of pairs) {
    const room = Math.min(ledger.room(pair), underCeiling(pair, ledger, round));
    const manner = isLocal(pair) ? "local" : "spillover";
    ledger.place(pair, { weight: room, manner: round.ceilings === "lifted" ? "last-resort" : manner });
  }
}

/** Spreads what found no room over the flow's destinations in proportion to their capacity, up to the ceilings. */
function overflow(pairs: readonly Pair[], ledger: Ledger, round: Round): void {
  const manner = round.ceilings === "lifted" ? "last-resort" : "overflow";
  const unplaced = pairs.filter(({ flow }) => ledger.rest(flow) > 0);
  for (const [flow, its] of Map.groupBy(unplaced, (pair) => pair.flow)) {
    let open = its.filter((pair) => underCeiling(pair, ledger, round) > 0);
    while (open.length > 0 && ledger.rest(flow) > 0) {
      spread(open, ledger, { round, manner });
      open = open.filter((pair) => underCeiling(pair, ledger, round) > 0);
    }
  }
}

function spread(
  open: readonly Pair[],
  ledger: Ledger,
  { round, manner }: { readonly round: Round; readonly manner: Manner },
): void {
  const [first] = open;
  if (first === undefined) return;
  const rest = ledger.rest(first.flow);
  const sizes = open.map(({ offer }) => offer.capacityRps ?? 0);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  for (const [index, pair] of open.entries()) {
    const share = total > 0 ? (sizes[index] ?? 0) / total : 1 / open.length;
    ledger.place(pair, { weight: Math.min(rest * share, underCeiling(pair, ledger, round)), manner });
  }
  // Parts too small to be told from noise are not placed one by one: what is left of them goes to the first in one piece.
  if (ledger.rest(first.flow) === rest)
    ledger.place(first, { weight: Math.min(rest, underCeiling(first, ledger, round)), manner });
}

function underCeiling(pair: Pair, ledger: Ledger, round: Round): number {
  return round.ceilings === "lifted" ? WEIGHT_TOTAL : ledger.underCeiling(pair);
}
