import { setAmount, settleLoads } from "./division.ts";
import type { Division } from "./division.ts";
import { fitPrices } from "./paths.ts";
import type { Paths } from "./paths.ts";
import { turnCycle } from "./push.ts";

/**
 * Places every flow where it is cheapest at the prices that nothing but what is there already makes. No cycle of moves
 * saves anything then, whatever the loads.
 */
export function startCold(division: Division, paths: Paths): void {
  paths.prices.set(division.slopes);
  for (let flow = 0; flow < division.flows; flow++) placeRest(division, paths, flow, division.demands[flow] as number);
  settleLoads(division);
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
    if (costs[pair] !== Infinity) setAmount(division, flow, place, Math.min(wanted, ceilings?.[pair] ?? Infinity));
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
  for (const cost of costs) if (cost !== Infinity) largest = Math.max(largest, Math.abs(cost));
  return largest;
}
