import { curvatureOf, loadAtSlope } from "./curve.ts";
import type { CostCurve } from "./curve.ts";
import type { Division } from "./division.ts";

/** Places between which load can be moved freely. Arrays by position in `places`, but `prices` by place. */
export interface Levelling {
  readonly places: readonly number[];
  /** A place's level is its slope less its price here. */
  readonly prices: Float64Array;
  /** Between which loads each place can get; what it carries lies between. */
  readonly least: Float64Array;
  readonly most: Float64Array;
  /** Places whose levels differ by no more than this are on one level, ms. */
  readonly grainMs: number;
}

/** A level and what the places carry there. */
interface Filling {
  readonly level: number;
  readonly loads: Float64Array;
  /** Undefined: the loads are bounds, not yet what the level makes. */
  readonly sum: number | undefined;
}

const MOST_STEPS = 80;

/**
 * The loads, summing to what there is, at which all places lie on one level; undefined when they do already. Newton's
 * method on the level, kept in a bracket.
 */
export function loadsOnOneLevel(division: Division, levelling: Levelling): Float64Array | undefined {
  const { places, prices, least, most, grainMs } = levelling;
  const levels = places.map((place) => (division.slopes[place] as number) - (prices[place] as number));
  const here = Float64Array.from(places, (place) => division.loads[place] as number);
  const total = here.reduce((sum, load) => sum + load, 0);
  let low: Filling = { level: Math.min(...levels), loads: least, sum: undefined };
  let high: Filling = { level: Math.max(...levels), loads: most, sum: undefined };
  if (!(high.level - low.level > grainMs)) return undefined;
  let level = firstGuess(division, levelling, levels);
  let guesses: Float64Array = here;
  for (let step = 0; step < MOST_STEPS && high.level - low.level > 1e-15 * Math.abs(high.level); step++) {
    if (!(level > low.level && level < high.level)) level = (low.level + high.level) / 2;
    const found = fill(division, levelling, { level, guesses, least: low.loads, most: high.loads });
    if (Math.abs(found.sum - total) <= 1e-14 * total) return found.loads;
    if (found.sum < total) low = found;
    else high = found;
    guesses = found.loads;
    level += (total - found.sum) / found.growth;
  }
  const lower = low.sum === undefined ? fill(division, levelling, { ...low, guesses: here, least, most: here }) : low;
  const upper =
    high.sum === undefined ? fill(division, levelling, { ...high, guesses: here, least: here, most }) : high;
  return between(lower, upper, total);
}

/** Where slopes are flat, a whole range of loads lies on one level: the point between two ends that has the right sum will do. */
function between(low: Filling, high: Filling, total: number): Float64Array {
  const [least, most] = [low.sum ?? 0, high.sum ?? 0];
  const part = most > least ? Math.min(1, Math.max(0, (total - least) / (most - least))) : 0;
  return low.loads.map((load, index) => load + part * ((high.loads[index] as number) - load));
}

/** The level on which the places would meet if their slopes grew in straight lines. */
function firstGuess({ curves, loads, slopes }: Division, { places }: Levelling, levels: readonly number[]): number {
  let [sum, weight] = [0, 0];
  for (let index = 0; index < places.length; index++) {
    const place = places[index] as number;
    const growth = 1 / curvatureOf(curves[place] as CostCurve, loads[place] as number, slopes[place] as number);
    sum += growth * (levels[index] as number);
    weight += growth;
  }
  return sum / weight;
}

interface Trial {
  readonly level: number;
  /** Loads near which the answers may be. */
  readonly guesses: Float64Array;
  readonly least: Float64Array;
  readonly most: Float64Array;
}

/**
 * What the places carry at a level, and by how much it grows with the level. Each load is kept within what lower and
 * higher levels gave: where slopes are flat, their inverse is not exact.
 */
function fill(
  { curves }: Division,
  { places, prices }: Levelling,
  { level, guesses, least, most }: Trial,
): Filling & { readonly sum: number; readonly growth: number } {
  const loads = new Float64Array(places.length);
  let [sum, growth] = [0, 0];
  for (let index = 0; index < places.length; index++) {
    const place = places[index] as number;
    const curve = curves[place] as CostCurve;
    const slope = level + (prices[place] as number);
    const free = loadAtSlope(curve, slope, guesses[index] as number);
    const load = Math.min(most[index] as number, Math.max(least[index] as number, free));
    if (load === free) growth += 1 / curvatureOf(curve, load, slope);
    loads[index] = load;
    sum += load;
  }
  return { level, loads, sum, growth };
}
