import type { DestinationKey } from "../model/destination.ts";
import { WEIGHT_TOTAL } from "../model/destination.ts";
import type { ClusterId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import { movingFlows, pour } from "./allocate.ts";
import type { Allocation, Allocator, Flow, Problem, Weighed } from "./allocate.ts";
import { rankOf } from "./bounds.ts";
import { curveOf, wayMs } from "./cost.ts";
import { Ledger } from "./ledger.ts";
import { limitOf } from "./limits.ts";
import { optimise } from "./optimise/optimise.ts";
import type { TransportPlan, TransportProblem } from "./optimise/problem.ts";
import { compareFlows, isLocal, pairsOf, ROUNDS, tableOf } from "./rounds.ts";
import type { Pair, Round } from "./rounds.ts";
import { takeTurns } from "./turns.ts";

/**
 * Divides flows so that the way, its price and the queues together cost all callers least, over all sources jointly. Who
 * may go where, and what gives way first, is the waterfall's: each of its rounds is solved to its optimum. A source of
 * which nobody knows that it sends anything is placed nearest first.
 */
export const optimum: Allocator = { allocate };

function allocate(problem: Problem): Allocation {
  const books = { problem, ledger: new Ledger(problem), table: tableOf(problem), demands: demandsOf(problem) };
  const flows = movingFlows(problem);
  const isKnown = ({ source }: Flow): boolean => demandOf(books, source) > 0;
  const known = inTurn(flows.filter(isKnown), books);
  let gap: number | undefined;
  for (const round of ROUNDS) {
    const open = known.filter((flow) => books.ledger.rest(flow) > 0);
    if (open.length === 0) break;
    gap = Math.max(gap ?? 0, solve(pairsOf(open, books.table, round), round, books));
  }
  const unknown = flows.filter((flow) => !isKnown(flow));
  // What is too little to be told from the noise of arithmetic is left by the rounds above, and finds its place here.
  pour([...unknown, ...known], books.ledger, books.table);
  return { placements: books.ledger.placements(), overload: books.ledger.overload, ...(gap !== undefined && { gap }) };
}

/**
 * Flows divided by the turns of their failover orders: all first turns before any second, as far as there is room. What no
 * turn has room for may go to any.
 */
function inTurn(flows: readonly Flow[], books: Books): readonly Flow[] {
  const [first] = ROUNDS;
  if (first === undefined || !books.problem.sources.some(({ offers }) => offers.some(({ turn }) => turn))) return flows;
  const { flows: whose, keys, pairs } = gridOf(pairsOf(flows, books.table, first));
  const rpsOf = (weight: number, flow: number): number => (weight / WEIGHT_TOTAL) * demandAt(whose, flow, books);
  const turns = takeTurns({
    demandsRps: whose.map(({ weight }, flow) => rpsOf(weight, flow)),
    roomsRps: keys.map((key, place) => {
      const offer = pairs.map((row) => row[place]).find((pair) => pair)?.offer;
      return Math.max(0, limitOf(offer ?? { key }, books.problem) - books.ledger.load(key));
    }),
    ranks: pairs.map((row) => row.map((pair) => pair && rankOf(pair.offer))),
    ceilingsRps: pairs.map((row, flow) => row.map((pair) => (pair ? rpsOf(books.ledger.underCeiling(pair), flow) : 0))),
    costsMs: pairs.map((row) => row.map((pair) => (pair ? wayMs(pair.offer, books.problem.valuation) : Infinity))),
  });
  const divided = turns.flatMap(({ flow, rank, rps }): readonly Flow[] => {
    const [found, weight] = [whose[flow], (rps / demandAt(whose, flow, books)) * WEIGHT_TOTAL];
    return found === undefined ? [] : [{ ...found, weight, ...(rank !== undefined && { rank }) }];
  });
  // Who has no place of its own version is in no turn.
  return [...divided, ...flows.filter((flow) => !whose.includes(flow))];
}

function demandAt(flows: readonly Flow[], flow: number, books: Books): number {
  const found = flows[flow];
  return found === undefined ? 0 : demandOf(books, found.source);
}

interface Books {
  readonly problem: Problem;
  readonly ledger: Ledger;
  readonly table: ReturnType<typeof tableOf>;
  readonly demands: ReadonlyMap<ClusterId, number>;
}

function demandsOf({ sources }: Problem): ReadonlyMap<ClusterId, number> {
  return new Map(sources.map(({ cluster, demandRps }) => [cluster, demandRps]));
}

function demandOf({ demands }: Books, source: ClusterId): number {
  return demands.get(source) ?? 0;
}

/** One round's pairs, by index of flow and place. */
interface Grid {
  readonly flows: readonly Flow[];
  readonly keys: readonly DestinationKey[];
  readonly pairs: readonly (readonly (Pair | undefined)[])[];
}

/** Places what the round has room for; gives back the certified gap. */
function solve(pairs: readonly Pair[], round: Round, books: Books): number {
  if (pairs.length === 0) return 0;
  const grid = gridOf(pairs);
  const problem = transportOf(grid, round, books);
  const plan = optimise(problem);
  for (const [flow, row] of grid.pairs.entries())
    for (const [place, pair] of row.entries())
      if (pair !== undefined) placePart({ pair, flow, place }, { plan, problem, grid, round }, books);
  return plan.gap;
}

function gridOf(pairs: readonly Pair[]): Grid {
  const byFlow = Map.groupBy(pairs, ({ flow }) => flow);
  const flows = [...byFlow.keys()].toSorted(compareFlows);
  const keys = [...new Set(pairs.map(({ offer }) => offer.key))].toSorted(compareNames);
  const rows = flows.map((flow) => {
    const its = new Map((byFlow.get(flow) ?? []).map((pair) => [pair.offer.key, pair]));
    return keys.map((key) => its.get(key));
  });
  return { flows, keys, pairs: rows };
}

/** Limits rise by a factor where they are too low together: one of nothing could not. */
const LEAST_LIMIT_RPS = 1e-3;

function transportOf({ flows, keys, pairs }: Grid, round: Round, books: Books): TransportProblem {
  const { problem, ledger } = books;
  const rpsOf = (weight: number, flow: Flow): number => (weight / WEIGHT_TOTAL) * demandOf(books, flow.source);
  const roomOf = (pair: Pair): number => (round.ceilings === "lifted" ? WEIGHT_TOTAL : ledger.underCeiling(pair));
  return {
    demandsRps: flows.map((flow, index) => {
      const most = (pairs[index] ?? []).reduce((sum, pair) => sum + (pair === undefined ? 0 : roomOf(pair)), 0);
      return rpsOf(Math.min(ledger.rest(flow), most), flow);
    }),
    places: keys.map((key, place) => {
      const offer = pairs.map((row) => row[place]).find((pair) => pair !== undefined)?.offer;
      const limitRps = Math.max(LEAST_LIMIT_RPS, offer === undefined ? Infinity : limitOf(offer, problem));
      return { curve: curveOf(offer), limitRps, fixedRps: ledger.load(key) };
    }),
    costsMs: pairs.map((row) =>
      row.map((pair) => (pair === undefined ? Infinity : wayMs(pair.offer, problem.valuation))),
    ),
    ceilingsRps: pairs.map((row) => row.map((pair) => (pair === undefined ? 0 : rpsOf(roomOf(pair), pair.flow)))),
  };
}

interface Solution {
  readonly plan: TransportPlan;
  readonly problem: TransportProblem;
  readonly grid: Grid;
  readonly round: Round;
}

interface Cell {
  readonly pair: Pair;
  readonly flow: number;
  readonly place: number;
}

function placePart({ pair, flow, place }: Cell, solution: Solution, books: Books): void {
  const amountRps = solution.plan.amountsRps[flow]?.[place] ?? 0;
  if (amountRps === 0) return;
  const isLifted = solution.round.ceilings === "lifted";
  const weight = (amountRps / demandOf(books, pair.flow.source)) * WEIGHT_TOTAL;
  const manner = isLocal(pair) ? "local" : "balanced";
  books.ledger.place(pair, {
    weight: isLifted ? weight : Math.min(weight, books.ledger.underCeiling(pair)),
    manner: isLifted ? "last-resort" : manner,
    weighed: weighedAt({ pair, flow, place }, solution),
  });
}

function weighedAt({ flow, place }: Cell, { plan, problem, grid }: Solution): Weighed {
  const costAt = (other: number): number => (problem.costsMs[flow]?.[other] ?? Infinity) + (plan.pricesMs[other] ?? 0);
  let elsewhere: Weighed["elsewhere"];
  for (const [other, pair] of (grid.pairs[flow] ?? []).entries()) {
    if (pair === undefined || other === place) continue;
    const costMs = costAt(other);
    if (elsewhere === undefined || costMs < elsewhere.costMs)
      elsewhere = { destination: pair.offer.destination, costMs };
  }
  return { hereMs: costAt(place), ...(elsewhere !== undefined && { elsewhere }) };
}
