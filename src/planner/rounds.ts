import type { DestinationKey } from "../model/destination.ts";
import type { ClusterId, Version } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { Flow, Problem } from "./allocate.ts";
import { inTieOrder } from "./apportion.ts";
import { rankOf } from "./bounds.ts";
import { farMs } from "./cost.ts";
import type { Offer } from "./eligible.ts";

/** Which offers a round considers for a flow. */
export interface Round {
  readonly versions: "own" | "stable" | "any";
  readonly ceilings: "kept" | "lifted";
  readonly draining: "left-out" | "included";
}

/** Each round takes only what the ones before it could not place. */
export const ROUNDS: readonly Round[] = [
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
export interface Table {
  readonly stableVersion: Version;
  readonly offers: ReadonlyMap<ClusterId, readonly Offer[]>;
  /** Place of each destination among equals, different for each service. */
  readonly ranks: ReadonlyMap<DestinationKey, number>;
}

export function tableOf({ service, stableVersion, sources }: Problem): Table {
  const keys = new Set(sources.flatMap(({ offers }) => offers.map(({ key }) => key)));
  const ranked = inTieOrder(service, [...keys]);
  return {
    stableVersion,
    offers: new Map(sources.map(({ cluster, offers }) => [cluster, offers])),
    ranks: new Map(ranked.map((key, rank) => [key, rank])),
  };
}

/** Earlier turns of failover orders first, then the closest. */
export function pairsOf(flows: readonly Flow[], table: Table, round: Round): readonly Pair[] {
  const places: Place[] = [];
  for (const [index, flow] of flows.toSorted(compareFlows).entries())
    for (const offer of table.offers.get(flow.source) ?? []) {
      const pair = { flow, offer };
      if (isConsidered(pair, table, round)) places.push(placeOf(pair, index, table));
    }
  return places.toSorted(comparePlaces).map(({ pair }) => pair);
}

/** What a pair is sorted by, looked up once: each is compared with many others. */
interface Place {
  readonly pair: Pair;
  readonly rank: number;
  readonly away: number;
  readonly farMs: number;
  readonly tie: number;
  readonly flow: number;
}

function placeOf(pair: Pair, flow: number, { ranks }: Table): Place {
  const { offer } = pair;
  return {
    pair,
    rank: rankOf(offer),
    away: isLocal(pair) ? 0 : 1,
    farMs: farMs(offer),
    tie: ranks.get(offer.key) ?? 0,
    flow,
  };
}

function comparePlaces(a: Place, b: Place): number {
  return a.rank - b.rank || a.away - b.away || a.farMs - b.farMs || a.tie - b.tie || a.flow - b.flow;
}

function isConsidered({ flow, offer }: Pair, { stableVersion }: Table, round: Round): boolean {
  // Whose turn was chosen keeps to it, unless a ceiling has to give way.
  if (round.ceilings === "kept" && flow.rank !== undefined && flow.rank !== rankOf(offer)) return false;
  if (offer.isDraining && round.draining === "left-out") return false;
  const { version } = offer.destination;
  if (round.versions === "own") return version === flow.version;
  return round.versions === "any" || version === stableVersion;
}

export function compareFlows(a: Flow, b: Flow): number {
  return (
    compareNames(a.source, b.source) ||
    compareNames(a.version, b.version) ||
    (a.rank ?? Infinity) - (b.rank ?? Infinity) ||
    0
  );
}

export function isLocal({ flow, offer }: Pair): boolean {
  return offer.destination.cluster === flow.source;
}
