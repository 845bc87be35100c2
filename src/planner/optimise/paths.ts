import { assert } from "../../model/result.ts";
import type { Division } from "./division.ts";

/**
 * Cheapest ways of moving load over the residual graph, and the prices that prove them so.
 *
 * `prices` (ms) fit the division when no move is worth it at them: `moveCost(a, b) + price(b) >= price(a)` for every pair
 * of places. Such prices exist exactly when no round of moves that leaves all loads as they are (a cycle) saves anything,
 * and they let Dijkstra's algorithm work on lengths that are not negative (Johnson).
 */
export interface Paths {
  readonly prices: Float64Array;
  /** The place before each on the cheapest way to it; -1: the way begins there. */
  readonly parents: Int32Array;
  readonly keys: Float64Array;
  readonly isDone: Uint8Array;
}

/** Prices of nothing: they fit when every flow is where it is cheapest. */
export function noPaths(places: number): Paths {
  return {
    prices: new Float64Array(places),
    parents: new Int32Array(places).fill(-1),
    keys: new Float64Array(places),
    isDone: new Uint8Array(places),
  };
}

/**
 * Finds for every place the source of load from which moving there saves the most, by Dijkstra's algorithm from all
 * sources at once in O(places^2). Afterwards the price of a place that was reached is what the best source is worth
 * minus the way (what it is worth itself at least, if it is a source), and prices fit still.
 *
 * @param worthMs - what it is worth to move load away from each place; -Infinity: it is no source.
 */
export function findPaths(division: Division, paths: Paths, worthMs: Float64Array): void {
  const { places } = division;
  const { prices, parents, keys, isDone } = paths;
  for (let place = 0; place < places; place++) keys[place] = (prices[place] as number) - (worthMs[place] as number);
  parents.fill(-1);
  isDone.fill(0);
  let last = -Infinity;
  for (;;) {
    const next = nearest(paths);
    if (next < 0) break;
    isDone[next] = 1;
    last = keys[next] as number;
    relax(division, paths, next);
  }
  // What was not reached keeps its place behind all that was, so that prices fit between the two as well.
  for (let place = 0; place < places; place++)
    prices[place] = (prices[place] as number) - Math.min(keys[place] as number, last);
}

function nearest({ keys, isDone }: Paths): number {
  let next = -1;
  let least = Infinity;
  for (let place = 0; place < keys.length; place++) {
    const key = keys[place] as number;
    if (key < least && isDone[place] === 0) {
      least = key;
      next = place;
    }
  }
  return next;
}

function relax({ places, moveCosts }: Division, { prices, parents, keys, isDone }: Paths, from: number): void {
  const key = keys[from] as number;
  const price = prices[from] as number;
  for (let to = 0; to < places; to++) {
    if (isDone[to] === 1) continue;
    const length = (moveCosts[from * places + to] as number) + (prices[to] as number) - price;
    const reached = key + Math.max(0, length);
    if (reached < (keys[to] as number)) {
      keys[to] = reached;
      parents[to] = from;
    }
  }
}

/**
 * Prices that fit a division of unknown origin, by the algorithm of Bellman and Ford, or a cycle of moves that saves
 * something.
 *
 * @param grainMs - savings up to this are roundings.
 * @returns the places of the cycle, each after the one that it gives to; empty when prices were found.
 */
export function fitPrices(
  { places, moveCosts, slopes }: Division,
  { prices, parents }: Paths,
  grainMs: number,
): readonly number[] {
  prices.set(slopes);
  parents.fill(-1);
  let changed = -1;
  for (let round = 0; round <= places; round++) {
    changed = -1;
    for (let from = 0; from < places; from++) {
      const price = prices[from] as number;
      for (let to = 0; to < places; to++) {
        const reached = price - (moveCosts[from * places + to] as number);
        if (reached > (prices[to] as number) + grainMs) {
          prices[to] = reached;
          parents[to] = from;
          changed = to;
        }
      }
    }
    if (changed < 0) return [];
  }
  return cycleFrom(parents, changed);
}

/** The cycle that the parents of a place end in, which they do when prices go on rising. */
function cycleFrom(parents: Int32Array, start: number): readonly number[] {
  const way: number[] = [];
  let place = start;
  while (!way.includes(place)) {
    assert(place >= 0, "prices that go on rising have a cycle behind them");
    way.push(place);
    place = parents[place] as number;
  }
  return way.slice(way.indexOf(place));
}
