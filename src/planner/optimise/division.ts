import { costCurveOf, slopeAt } from "./curve.ts";
import type { CostCurve } from "./curve.ts";
import type { Place, TransportProblem } from "./problem.ts";

/**
 * A division in the making: amounts of flows at places, and what follows from them. Matrices lie in rows, flow by flow
 * (`flow * places + place`) or place by place. Only the functions of this file write to it, apart from `loads`,
 * `slopes` and `limits`, which belong to whoever moves load.
 *
 * The residual graph over places: moving load from place a to place b costs `moveCosts[a, b]` ms a request on the way, by
 * the flow `movers[a, b]`, the cheapest of those that have something at a and may have more at b. Infinity: none.
 */
export interface Division {
  readonly flows: number;
  readonly places: number;
  readonly demands: Float64Array;
  /** Cost of each pair, ms; Infinity: not usable. */
  readonly costs: Float64Array;
  /** Most of each pair, rps; undefined: no pair has a ceiling. */
  readonly ceilings: Float64Array | undefined;
  readonly curves: readonly CostCurve[];
  readonly fixed: Float64Array;
  /** Load of each place if everything that may go there went there. */
  readonly reaches: Float64Array;
  /** Most load of each place, fixed load included; rises when there is not room enough. */
  readonly limits: Float64Array;
  readonly amounts: Float64Array;
  /** Load of each place, fixed load included, and the slope of its cost there. */
  readonly loads: Float64Array;
  readonly slopes: Float64Array;
  readonly moveCosts: Float64Array;
  readonly movers: Int32Array;
  /** Flows that have something at each place, in no order; where each stands there. */
  readonly members: readonly number[][];
  readonly standings: Int32Array;
  /** At how many places each flow has something. */
  readonly spread: Int32Array;
}

/** Less than this part of a flow is nothing. */
const NEGLIGIBLE = 1e-13;

/** The empty division of a problem: nothing is placed. */
export function emptyDivision(problem: TransportProblem): Division {
  const { demandsRps, places } = problem;
  const [m, n] = [demandsRps.length, places.length];
  // One piece of memory for all: of small arrays, most of the time goes into having each for itself.
  const memory = new Memory(8 * (m + 2 * m * n + n * n + 5 * n) + 4 * (n * n + m * n + m));
  const demands = memory.floats(m);
  for (let flow = 0; flow < m; flow++) demands[flow] = demandsRps[flow] as number;
  const costs = usableCosts(problem, memory.floats(m * n));
  const [fixed, limits, slopes] = [memory.floats(n), memory.floats(n), memory.floats(n)];
  const curves: CostCurve[] = [];
  const members: number[][] = [];
  for (let place = 0; place < n; place++) {
    const { curve, fixedRps, limitRps } = places[place] as Place;
    const cost = costCurveOf(curve);
    curves.push(cost);
    members.push([]);
    fixed[place] = fixedRps;
    limits[place] = limitRps;
    slopes[place] = slopeAt(cost, fixedRps);
  }
  return {
    flows: m,
    places: n,
    demands,
    costs,
    ceilings: widenedCeilings(problem, demands, costs),
    curves,
    fixed,
    reaches: reachesOf(demands, costs, copied(fixed, memory.floats(n))),
    limits,
    amounts: memory.floats(m * n),
    loads: copied(fixed, memory.floats(n)),
    slopes,
    moveCosts: memory.floats(n * n).fill(Infinity),
    movers: memory.integers(n * n).fill(-1),
    members,
    standings: memory.integers(m * n).fill(-1),
    spread: memory.integers(m),
  };
}

/** Arrays of numbers side by side, zeros at first: floats before integers. */
class Memory {
  readonly #buffer: ArrayBuffer;
  #used = 0;

  constructor(bytes: number) {
    this.#buffer = new ArrayBuffer(bytes);
  }

  floats(count: number): Float64Array {
    const found = new Float64Array(this.#buffer, this.#used, count);
    this.#used += 8 * count;
    return found;
  }

  integers(count: number): Int32Array {
    const found = new Int32Array(this.#buffer, this.#used, count);
    this.#used += 4 * count;
    return found;
  }
}

function copied(from: Float64Array, to: Float64Array): Float64Array {
  to.set(from);
  return to;
}

/** Pairs whose place has no room at all, or whose ceiling is nothing (for more than nothing), are as good as forbidden. */
function usableCosts(
  { demandsRps, places, costsMs, ceilingsRps }: TransportProblem,
  costs: Float64Array,
): Float64Array {
  const n = places.length;
  for (let flow = 0; flow < demandsRps.length; flow++) {
    const row = costsMs[flow] as readonly number[];
    const ceilings = demandsRps[flow] === 0 ? undefined : ceilingsRps?.[flow];
    for (let place = 0; place < n; place++) {
      const isClosed = ceilings !== undefined && !((ceilings[place] ?? Infinity) > 0);
      costs[flow * n + place] = isClosed ? Infinity : (row[place] as number);
    }
  }
  for (let place = 0; place < n; place++)
    if (!((places[place] as Place).limitRps > 0))
      for (let pair = place; pair < costs.length; pair += n) costs[pair] = Infinity;
  return costs;
}

/** @param reaches - the fixed loads, to which the rest is added. */
function reachesOf(demands: Float64Array, costs: Float64Array, reaches: Float64Array): Float64Array {
  const places = reaches.length;
  for (let flow = 0; flow < demands.length; flow++) {
    const demand = demands[flow] as number;
    for (let place = 0; place < places; place++)
      if (costs[flow * places + place] !== Infinity) reaches[place] = (reaches[place] as number) + demand;
  }
  return reaches;
}

/** Ceilings that leave a flow no way to be placed whole are widened alike, by the least factor that does. */
function widenedCeilings(
  { places, ceilingsRps }: TransportProblem,
  demands: Float64Array,
  costs: Float64Array,
): Float64Array | undefined {
  if (ceilingsRps === undefined) return undefined;
  const n = places.length;
  const ceilings = new Float64Array(costs.length).fill(Infinity);
  for (const [flow, demand] of demands.entries()) {
    let room = 0;
    for (let place = 0; place < n; place++)
      if (costs[flow * n + place] !== Infinity) room += ceilingsRps[flow]?.[place] ?? Infinity;
    const factor = room < demand ? (demand / room) * (1 + NEGLIGIBLE) : 1;
    for (let place = 0; place < n; place++)
      ceilings[flow * n + place] = (ceilingsRps[flow]?.[place] ?? Infinity) * factor;
  }
  return ceilings;
}

/** True when the flow may have more at the place. */
export function mayGrow({ ceilings, costs, amounts, places }: Division, flow: number, place: number): boolean {
  const pair = flow * places + place;
  if (costs[pair] === Infinity) return false;
  return ceilings === undefined || (amounts[pair] as number) < (ceilings[pair] as number);
}

/** How much more of the flow the place may have, rps. */
export function roomOfPair({ ceilings, amounts, places }: Division, flow: number, place: number): number {
  const pair = flow * places + place;
  return ceilings === undefined ? Infinity : (ceilings[pair] as number) - (amounts[pair] as number);
}

/** Less room than this part of a limit is none. */
const FULL = 1e-12;

/** How much more load the place may have, rps; none up to a rounding is none. */
export function roomOf({ limits, loads }: Division, place: number): number {
  const limit = limits[place] as number;
  const room = limit - (loads[place] as number);
  return room === Infinity || room > FULL * limit ? room : 0;
}

/** How much of what can be moved from the place is beyond its limit, rps. */
export function excessOf({ limits, loads, fixed }: Division, place: number): number {
  const [limit, load] = [limits[place] as number, loads[place] as number];
  const excess = load - Math.max(limit, fixed[place] as number);
  return excess > FULL * load ? excess : 0;
}

/** Sets the load of a place and what one more request costs there. */
export function setLoad(division: Division, place: number, wantedRps: number): void {
  // Roundings may take a little more than is there.
  const loadRps = Math.max(division.fixed[place] as number, wantedRps);
  division.loads[place] = loadRps;
  division.slopes[place] = slopeAt(division.curves[place] as CostCurve, loadRps);
}

/** Adds up all loads anew, so that roundings of many moves do not pile up. */
export function settleLoads(division: Division): void {
  const { places, members, amounts, fixed } = division;
  for (let place = 0; place < places; place++) {
    let load = fixed[place] as number;
    for (const flow of members[place] as number[]) load += amounts[flow * places + place] as number;
    setLoad(division, place, load);
  }
}

/** Sets an amount and keeps the residual graph true. Loads are the caller's business. */
export function setAmount(division: Division, flow: number, place: number, wanted: number): void {
  const { amounts, ceilings, demands, places } = division;
  const pair = flow * places + place;
  const before = amounts[pair] as number;
  const grain = NEGLIGIBLE * (demands[flow] as number);
  const ceiling = ceilings === undefined ? Infinity : (ceilings[pair] as number);
  const amount = wanted <= grain ? 0 : wanted >= ceiling - grain ? ceiling : wanted;
  amounts[pair] = amount;
  if (before === 0 && amount > 0) join(division, flow, place);
  if (before > 0 && amount === 0) leave(division, flow, place);
  if (before < ceiling && amount === ceiling) close(division, flow, place);
  if (before === ceiling && amount < ceiling) open(division, flow, place);
}

/** The flow now has something at the place, so it can move away from there. */
function join(division: Division, flow: number, place: number): void {
  const { members, standings, places, spread } = division;
  const list = members[place] as number[];
  standings[flow * places + place] = list.length;
  list.push(flow);
  spread[flow] = (spread[flow] as number) + 1;
  for (let to = 0; to < places; to++) offer(division, flow, place, to);
}

function leave(division: Division, flow: number, place: number): void {
  const { members, standings, places, spread, movers } = division;
  const list = members[place] as number[];
  const standing = standings[flow * places + place] as number;
  const last = list.pop() as number;
  if (last !== flow) {
    list[standing] = last;
    standings[last * places + place] = standing;
  }
  standings[flow * places + place] = -1;
  spread[flow] = (spread[flow] as number) - 1;
  for (let to = 0; to < places; to++) if (movers[place * places + to] === flow) seek(division, place, to);
}

/** The flow is at its ceiling at the place: it cannot move there any more. */
function close(division: Division, flow: number, place: number): void {
  const { movers, places } = division;
  for (let from = 0; from < places; from++) if (movers[from * places + place] === flow) seek(division, from, place);
}

function open(division: Division, flow: number, place: number): void {
  const { standings, places } = division;
  for (let from = 0; from < places; from++)
    if ((standings[flow * places + from] as number) >= 0) offer(division, flow, from, place);
}

/** Takes the flow as mover where it is cheaper than the one so far. */
function offer(division: Division, flow: number, from: number, to: number): void {
  const { costs, moveCosts, movers, places } = division;
  if (from === to || !mayGrow(division, flow, to)) return;
  const cost = (costs[flow * places + to] as number) - (costs[flow * places + from] as number);
  if (cost >= (moveCosts[from * places + to] as number)) return;
  moveCosts[from * places + to] = cost;
  movers[from * places + to] = flow;
}

/** Finds the cheapest mover anew. */
function seek(division: Division, from: number, to: number): void {
  const { moveCosts, movers, members, places } = division;
  moveCosts[from * places + to] = Infinity;
  movers[from * places + to] = -1;
  for (const flow of members[from] as number[]) offer(division, flow, from, to);
}
