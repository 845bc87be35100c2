import type { Destination, DestinationKey } from "../model/destination.ts";
import type { ClusterId, ServiceId, Version } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import { WEIGHT_TOTAL } from "../model/destination.ts";
import { compareTies } from "./apportion.ts";
import type { Offer } from "./eligible.ts";
import { Ledger } from "./ledger.ts";

/** A part of one source's traffic that has to find a place. */
export interface Flow {
  readonly source: ClusterId;
  /** Version it belongs to; another version takes it only where this one can not. */
  readonly version: Version;
  /** Share of the source's traffic, in basis points. */
  readonly weight: number;
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
export interface Problem {
  readonly service: ServiceId;
  /** Version that is preferred where a flow's own is nowhere to be had. */
  readonly stableVersion: Version;
  readonly sources: readonly Source[];
  readonly flows: readonly Flow[];
  /** Share of a capacity that is filled, 0 to 1. */
  readonly utilisationMax: number;
}

/**
 * How a part of a flow came to its destination. `local`: in its own cluster. `spillover`: the nearest with room.
 * `overflow`: nothing had room, so that it was spread by capacity. `last-resort`: a ceiling or a drain had to give way.
 */
export type Manner = "local" | "spillover" | "overflow" | "last-resort";

/** A part of a flow at its destination, in basis points of its source's traffic; not yet rounded. */
export interface Placement {
  readonly flow: Flow;
  readonly destination: Destination;
  readonly weight: number;
  readonly manner: Manner;
}

/** What an allocator answers. A flow without any destination at all has no placement. */
export interface Allocation {
  readonly placements: readonly Placement[];
  /**
   * Factor by which the thresholds of a version had to be raised to take its demand, at least 1. Versions that have
   * room are missing.
   */
  readonly overload: ReadonlyMap<Version, number>;
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
  const flows = problem.flows.filter(({ weight }) => weight > 0).toSorted(compareFlows);
  const ledger = new Ledger(problem);
  const table = tableOf(problem);
  for (const round of ROUNDS) {
    const open = flows.filter((flow) => ledger.rest(flow) > 0);
    if (open.length === 0) break;
    const pairs = pairsOf(open, table, round);
    fill(pairs, ledger, round);
    overflow(pairs, ledger, round);
  }
  return { placements: ledger.placements(), overload: ledger.overload };
}

/** Which offers a round considers for a flow. */
interface Round {
  readonly versions: "own" | "stable" | "any";
  readonly ceilings: "kept" | "lifted";
  readonly draining: "left-out" | "included";
}

/** Each round takes only what the ones before it could not place. */
const ROUNDS: readonly Round[] = [
  { versions: "own", ceilings: "kept", draining: "left-out" },
  { versions: "stable", ceilings: "kept", draining: "left-out" },
  { versions: "any", ceilings: "kept", draining: "left-out" },
  { versions: "own", ceilings: "lifted", draining: "left-out" },
  { versions: "stable", ceilings: "lifted", draining: "left-out" },
  { versions: "any", ceilings: "lifted", draining: "left-out" },
  { versions: "own", ceilings: "lifted", draining: "included" },
  { versions: "any", ceilings: "lifted", draining: "included" },
];

/** One flow and one destination that could take it. */
export interface Pair {
  readonly flow: Flow;
  readonly offer: Offer;
}

/** What pairs are made of, looked up once per problem. */
interface Table {
  readonly stableVersion: Version;
  readonly offers: ReadonlyMap<ClusterId, readonly Offer[]>;
  /** Place of each destination among equals, different for each service. */
  readonly ranks: ReadonlyMap<DestinationKey, number>;
}

function tableOf({ service, stableVersion, sources }: Problem): Table {
  const keys = new Set(sources.flatMap(({ offers }) => offers.map(({ key }) => key)));
  const ranked = [...keys].toSorted((a, b) => compareTies(service, a, b));
  return {
    stableVersion,
    offers: new Map(sources.map(({ cluster, offers }) => [cluster, offers])),
    ranks: new Map(ranked.map((key, rank) => [key, rank])),
  };
}

/** The closest first. */
function pairsOf(flows: readonly Flow[], table: Table, round: Round): readonly Pair[] {
  return flows
    .flatMap((flow) => (table.offers.get(flow.source) ?? []).map((offer) => ({ flow, offer })))
    .filter((pair) => isConsidered(pair, table, round))
    .toSorted((a, b) => comparePairs(a, b, table));
}

function isConsidered({ flow, offer }: Pair, { stableVersion }: Table, round: Round): boolean {
  if (offer.isDraining && round.draining === "left-out") return false;
  const { version } = offer.destination;
  if (round.versions === "own") return version === flow.version;
  return round.versions === "any" || version === stableVersion;
}

function comparePairs(a: Pair, b: Pair, { ranks }: Table): number {
  return (
    Number(!isLocal(a)) - Number(!isLocal(b)) ||
    a.offer.rttMs - b.offer.rttMs ||
    (ranks.get(a.offer.key) ?? 0) - (ranks.get(b.offer.key) ?? 0) ||
    compareFlows(a.flow, b.flow)
  );
}

function compareFlows(a: Flow, b: Flow): number {
  return compareNames(a.source, b.source) || compareNames(a.version, b.version);
}

function isLocal({ flow, offer }: Pair): boolean {
  return offer.destination.cluster === flow.source;
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
