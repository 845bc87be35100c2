import { slopeAt } from "./curve.ts";
import type { CostCurve } from "./curve.ts";
import { setAmount, settleLoads } from "./division.ts";
import type { Division } from "./division.ts";
import { fitPrices } from "./paths.ts";
import type { Paths } from "./paths.ts";
import { turnCycle } from "./push.ts";

/** Averages that bring prices near enough: more only move what the search moves anyway. */
const GUESSES = 8;

/**
 * Places every flow where it is cheapest at prices that are nearly what they will be. No cycle of moves saves anything
 * then, whatever the loads.
 */
export function startCold(division: Division, paths: Paths): void {
  guessPrices(division, paths.prices);
  for (let flow = 0; flow < division.flows; flow++) placeRest(division, paths, flow, division.demands[flow] as number);
  settleLoads(division);
}

/** Prices at the loads that come of letting everybody choose again and again, averaged over all choices so far. */
function guessPrices(division: Division, prices: Float64Array): void {
  const { places, curves, fixed, slopes } = division;
  const [loads, chosen] = [new Float64Array(places), new Float64Array(places)];
  prices.set(slopes);
  for (let guess = 1; guess <= GUESSES; guess++) {
    chosen.set(fixed);
    addChoices(division, prices, chosen);
    for (let place = 0; place < places; place++) {
      const curve = curves[place] as CostCurve;
      const load = loads[place] as number;
      loads[place] = load + ((chosen[place] as number) - load) / guess;
      // Beyond the knee slopes are so large that small costs would drown in them.
      prices[place] = slopeAt(curve, Math.min(curve.kneeRps, loads[place] as number));
    }
  }
}

/** Adds each flow to the place where it is cheapest. */
function addChoices({ flows, places, costs, demands }: Division, prices: Float64Array, loads: Float64Array): void {
  for (let flow = 0; flow < flows; flow++) {
    let best = -1;
    let least = Infinity;
    for (let place = 0; place < places; place++) {
      const cost = (costs[flow * places + place] as number) + (prices[place] as number);
      if (cost < least) [best, least] = [place, cost];
    }
    if (best >= 0) loads[best] = (loads[best] as number) + (demands[flow] as number);
  }
}

/** Savings below this part of the largest cost are roundings. */
const NEGLIGIBLE = 1e-12;

/**
 * Starts from an earlier division of the same flows and places: each flow keeps its shares where it still may go. What
 * cannot stay goes where it is cheapest at the prices that the rest makes.
 *
 * @returns false when that start is no good (too many cycles of moves that save something); nothing is placed then.
 */
export function startWarm(division: Division, paths: Paths, start: readonly (readonly number[])[]): boolean {
  for (let flow = 0; flow < division.flows; flow++) keepShares(division, flow, start[flow] ?? []);
  settleLoads(division);
  const grainMs = NEGLIGIBLE * largestCost(division);
  for (let left = 2 * division.places; ; left--) {
    const cycle = fitPrices(division, paths, grainMs);
    if (cycle.length === 0) break;
    if (left === 0) return clear(division);
    turnCycle(division, cycle);
  }
  for (let flow = 0; flow < division.flows; flow++) placeRest(division, paths, flow, missingOf(division, flow));
  settleLoads(division);
  return true;
}

/** Scales what the flow had at places that it may still use to its demand, as far as ceilings allow. */
function keepShares(division: Division, flow: number, row: readonly number[]): void {
  const { costs, ceilings, demands, places } = division;
  let kept = 0;
  for (let place = 0; place < places; place++)
    if (costs[flow * places + place] !== Infinity) kept += Math.max(0, row[place] ?? 0);
  if (!(kept > 0) || kept === Infinity) return;
  for (let place = 0; place < places; place++) {
    const pair = flow * places + place;
    const wanted = (Math.max(0, row[place] ?? 0) / kept) * (demands[flow] as number);
    if (wanted > 0 && costs[pair] !== Infinity)
      setAmount(division, flow, place, Math.min(wanted, ceilings?.[pair] ?? Infinity));
  }
}

function missingOf({ amounts, demands, places }: Division, flow: number): number {
  let missing = demands[flow] as number;
  for (let place = 0; place < places; place++) missing -= amounts[flow * places + place] as number;
  return missing;
}

/** Places what is left of a flow: at the cheapest place that may have more of it, then at the next. */
function placeRest(division: Division, { prices }: Paths, flow: number, wanted: number): void {
  const { amounts, ceilings, costs, demands, places } = division;
  let rest = wanted;
  while (rest > NEGLIGIBLE * (demands[flow] as number)) {
    let best = -1;
    let least = Infinity;
    for (let place = 0; place < places; place++) {
      const pair = flow * places + place;
      const cost = (costs[pair] as number) + (prices[place] as number);
      if (cost >= least || !((amounts[pair] as number) < (ceilings?.[pair] ?? Infinity))) continue;
      [best, least] = [place, cost];
    }
    if (best < 0) return;
    const pair = flow * places + best;
    const part = Math.min(rest, (ceilings?.[pair] ?? Infinity) - (amounts[pair] as number));
    setAmount(division, flow, best, (amounts[pair] as number) + part);
    rest -= part;
  }
}

function clear(division: Division): false {
  for (let flow = 0; flow < division.flows; flow++)
    for (let place = 0; place < division.places; place++) setAmount(division, flow, place, 0);
  settleLoads(division);
  return false;
}

/** The largest cost of a usable pair, ms. */
export function largestCost({ costs }: Division): number {
  let largest = 0;
  for (let pair = 0; pair < costs.length; pair++) {
    const cost = Math.abs(costs[pair] as number);
    if (cost > largest && cost !== Infinity) largest = cost;
  }
  return largest;
}
