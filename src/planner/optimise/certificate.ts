import { costAt, costFromSlope, loadAtSlope } from "./curve.ts";
import type { CostCurve } from "./curve.ts";
import { roomOf } from "./division.ts";
import type { Division } from "./division.ts";

/** The division's value, ms * requests per second. */
export function objectiveOf({ places, members, amounts, costs, curves, loads, slopes }: Division): number {
  let sum = 0;
  for (let place = 0; place < places; place++) {
    sum += costFromSlope(curves[place] as CostCurve, loads[place] as number, slopes[place] as number);
    const flows = members[place] as number[];
    for (let index = 0; index < flows.length; index++) {
      const pair = (flows[index] as number) * places + place;
      sum += (amounts[pair] as number) * (costs[pair] as number);
    }
  }
  return sum;
}

/**
 * Whether a division that fits its prices is worse than the best by no more than `allowed`, ms * requests per second, in
 * O(places): the flows lie as at these prices, so only places whose load is not what its price would make it lose something.
 */
export function isWithin(allowed: number, division: Division, prices: Float64Array): boolean {
  const { places } = division;
  const negligible = (NEGLIGIBLE * allowed) / places;
  let excess = 0;
  for (let place = 0; place < places && excess <= allowed; place++) {
    const price = prices[place] as number;
    const loss = lossAtMost(division, place, price);
    if (loss <= negligible) excess += loss;
    else excess += Math.max(0, costHere(division, place, price) - leastCost(division, place, price));
  }
  return excess <= allowed;
}

/** Part of what is asked for that is not worth finding out more exactly. */
const NEGLIGIBLE = 0.01;

/** `C(X) - price * moving load` at the load that the place has. */
function costHere({ curves, loads, slopes, fixed }: Division, place: number, price: number): number {
  const load = loads[place] as number;
  const cost = costFromSlope(curves[place] as CostCurve, load, slopes[place] as number);
  return cost - price * (load - (fixed[place] as number));
}

/** By how much at most another load than the place has would lower that, by the tangent: C is convex. */
function lossAtMost({ fixed, limits, reaches, loads, slopes }: Division, place: number, price: number): number {
  const load = loads[place] as number;
  const gain = price - (slopes[place] as number);
  const other = gain > 0 ? Math.min(limits[place] as number, reaches[place] as number) : (fixed[place] as number);
  return Math.max(0, gain * (other - load));
}

/** The least of `C(X) - price * moving load` over all loads that the place may have and the flows can make. */
function leastCost(division: Division, place: number, price: number): number {
  const { curves, fixed, limits, reaches, loads } = division;
  const [curve, rest] = [curves[place] as CostCurve, fixed[place] as number];
  const wanted = loadAtSlope(curve, price, loads[place] as number);
  const load = Math.max(rest, Math.min(wanted, limits[place] as number, reaches[place] as number));
  return costAt(curve, load) - price * (load - rest);
}

/** The least of all that, or by so much less where the load is as good as the best. */
function leastCostBound(division: Division, place: number, price: number, negligible: number): number {
  const loss = lossAtMost(division, place, price);
  return loss <= negligible ? costHere(division, place, price) - loss : leastCost(division, place, price);
}

/**
 * Lagrangian bound: what the flows and the places would cost if each chose freely at these prices. No division within the
 * limits and ceilings costs less, whatever the prices.
 *
 * @param allowed - a hundredth of this is not worth finding out more exactly, ms * requests per second.
 */
export function dualBound(division: Division, prices: Float64Array, allowed: number): number {
  const negligible = (NEGLIGIBLE * allowed) / division.places;
  let bound = 0;
  for (let place = 0; place < division.places; place++)
    bound += leastCostBound(division, place, prices[place] as number, negligible);
  for (let flow = 0; flow < division.flows; flow++)
    bound += division.ceilings === undefined ? cheapest(division, prices, flow) : cheapestFill(division, prices, flow);
  return bound;
}

/** What the flow costs at its cheapest place; nothing when it has none. */
function cheapest({ costs, demands, places }: Division, prices: Float64Array, flow: number): number {
  let least = Infinity;
  for (let place = 0; place < places; place++)
    least = Math.min(least, (costs[flow * places + place] as number) + (prices[place] as number));
  return least === Infinity ? 0 : least * (demands[flow] as number);
}

/** What the flow costs when it fills the cheapest places up to its ceilings. */
function cheapestFill({ costs, ceilings, demands, places }: Division, prices: Float64Array, flow: number): number {
  const costOf = (place: number) => (costs[flow * places + place] as number) + (prices[place] as number);
  const order = Array.from(prices.keys())
    .filter((place) => costOf(place) !== Infinity)
    .toSorted((a, b) => costOf(a) - costOf(b));
  let [rest, sum] = [demands[flow] as number, 0];
  for (const place of order) {
    const part = Math.min(rest, ceilings?.[flow * places + place] ?? Infinity);
    sum += part * costOf(place);
    rest -= part;
  }
  return sum;
}

/** Less room than this part of a limit is no room for one more request: raised limits keep a spare for roundings. */
const SPARE_ROOM = 1e-10;

/** What one more request costs at each place, ms: its slope, and what its limit is worth where that binds. */
export function marginalPrices(division: Division, prices: Float64Array): Float64Array {
  return prices.map((price, place) => {
    const room = roomOf(division, place);
    const hasRoom = room === Infinity || room > SPARE_ROOM * (division.limits[place] as number);
    return hasRoom ? (division.slopes[place] as number) : price;
  });
}
