import { curvatureOf, loadAtSlope, slopeAt } from "./curve.ts";
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
  readonly nearMs: number;
}

/** A level and what the places carry there. */
interface Filling {
  readonly level: number;
  readonly loads: Float64Array;
  /** Undefined: the loads are bounds, not yet what the level makes. */
  readonly sum: number | undefined;
}

const MOST_STEPS = 80;

/** The loads, summing to what there is, at which all places lie on one level; undefined when they do already. */
export function loadsOnOneLevel(division: Division, levelling: Levelling): Float64Array | undefined {
  const { places, prices, nearMs } = levelling;
  let [low, high] = [Infinity, -Infinity];
  for (let index = 0; index < places.length; index++) {
    const place = places[index] as number;
    const level = (division.slopes[place] as number) - (prices[place] as number);
    if (level < low) low = level;
    if (level > high) high = level;
  }
  if (!(high - low > nearMs)) return undefined;
  return loadsAtOnce(division, levelling) ?? loadsInBracket(division, levelling);
}

/** It takes 3 or 4; where it takes more it may take for ever. */
const MOST_JOINT_STEPS = 24;

/** Slopes that grow by less than this part of themselves are as good as straight. */
const NEARLY_STRAIGHT = 0.25;

/** Loads on their way to one level. Arrays by position. */
interface Joint {
  readonly loads: Float64Array;
  readonly slopes: Float64Array;
  readonly bends: Float64Array;
  /** -1: held at the least that it may carry, 1: at the most, 0: free. */
  readonly holds: Int8Array;
}

/**
 * Newton's method on all loads and their level at once: one power a place and step. Where a slope has far to go its
 * logarithm is followed, which is nearly straight in the load's. Undefined where that does not settle.
 */
function loadsAtOnce(division: Division, levelling: Levelling): Float64Array | undefined {
  const { places, nearMs } = levelling;
  const joint: Joint = {
    loads: new Float64Array(places.length),
    slopes: new Float64Array(places.length),
    bends: new Float64Array(places.length),
    holds: new Int8Array(places.length),
  };
  let total = 0;
  for (let index = 0; index < places.length; index++) {
    const load = division.loads[places[index] as number] as number;
    joint.loads[index] = load;
    joint.slopes[index] = division.slopes[places[index] as number] as number;
    total += load;
  }
  for (let step = 0; step < MOST_JOINT_STEPS; step++) {
    const level = straightLevel(division, levelling, joint, total);
    if (level === undefined) return undefined;
    if (hold(levelling, joint, level)) continue;
    if (spreadAt(levelling, joint, level) <= nearMs && finish(levelling, joint, { level, total })) return joint.loads;
    follow(division, levelling, joint, level);
  }
  return undefined;
}

/** The level at which straight slopes would have the right sum. Undefined where a slope does not grow. */
function straightLevel(
  { curves }: Division,
  { places, prices }: Levelling,
  joint: Joint,
  total: number,
): number | undefined {
  const { loads, slopes, bends, holds } = joint;
  // Counted from the level of the flattest, whose load moves most for a rounding of it.
  let [missing, base, flattest] = [total, 0, Infinity];
  for (let index = 0; index < places.length; index++) {
    const place = places[index] as number;
    const [load, slope] = [loads[index] as number, slopes[index] as number];
    missing -= load;
    if (holds[index] !== 0) continue;
    const bend = curvatureOf(curves[place] as CostCurve, load, slope);
    if (!(bend > 0)) return undefined;
    bends[index] = bend;
    if (bend < flattest) [flattest, base] = [bend, slope - (prices[place] as number)];
  }
  if (flattest === Infinity) return undefined;
  let growth = 0;
  for (let index = 0; index < places.length; index++) {
    if (holds[index] !== 0) continue;
    const bend = bends[index] as number;
    growth += 1 / bend;
    missing += ((slopes[index] as number) - (prices[places[index] as number] as number) - base) / bend;
  }
  return base + missing / growth;
}

/** Holds who wants beyond a bound it stands at, and lets go who wants back. Returns whether anything changed. */
function hold({ places, prices, least, most }: Levelling, { loads, slopes, holds }: Joint, level: number): boolean {
  let isChanged = false;
  for (let index = 0; index < places.length; index++) {
    const missing = level + (prices[places[index] as number] as number) - (slopes[index] as number);
    const load = loads[index] as number;
    const held =
      missing < 0 && load <= (least[index] as number) ? -1 : missing > 0 && load >= (most[index] as number) ? 1 : 0;
    if (held === holds[index]) continue;
    holds[index] = held;
    isChanged = true;
  }
  return isChanged;
}

function spreadAt({ places, prices }: Levelling, { slopes, holds }: Joint, level: number): number {
  let spread = 0;
  for (let index = 0; index < places.length; index++) {
    if (holds[index] !== 0) continue;
    const missing = level + (prices[places[index] as number] as number) - (slopes[index] as number);
    spread = Math.max(spread, Math.abs(missing));
  }
  return spread;
}

/** A sum is right up to this part of it: what is missing would be lost by the flows. */
const EXACT = 1e-13;

/** Takes the last, straight step, so that the sum is right; not if it is not, or a step leads beyond a bound. */
function finish(
  { places, prices, least, most }: Levelling,
  joint: Joint,
  { level, total }: { readonly level: number; readonly total: number },
): boolean {
  const { loads, slopes, bends, holds } = joint;
  const ends = loads.slice();
  let rest = total;
  for (let index = 0; index < places.length; index++) {
    if (holds[index] !== 0) rest -= loads[index] as number;
    if (holds[index] !== 0) continue;
    const missing = level + (prices[places[index] as number] as number) - (slopes[index] as number);
    const end = (loads[index] as number) + missing / (bends[index] as number);
    if (!(end >= (least[index] as number) && end <= (most[index] as number))) return false;
    ends[index] = end;
    rest -= end;
  }
  if (!(Math.abs(rest) <= EXACT * total)) return false;
  loads.set(ends);
  return true;
}

function follow({ curves }: Division, levelling: Levelling, joint: Joint, level: number): void {
  const { places, prices, least, most } = levelling;
  const { loads, slopes, bends, holds } = joint;
  for (let index = 0; index < places.length; index++) {
    if (holds[index] !== 0) continue;
    const place = places[index] as number;
    const curve = curves[place] as CostCurve;
    const far = {
      load: loads[index] as number,
      slope: slopes[index] as number,
      bend: bends[index] as number,
      wanted: level + (prices[place] as number),
    };
    const load = Math.min(most[index] as number, Math.max(least[index] as number, nextLoad(curve, far)));
    loads[index] = load;
    slopes[index] = slopeAt(curve, load);
  }
}

interface Far {
  readonly load: number;
  readonly slope: number;
  readonly bend: number;
  /** Slope to come to. */
  readonly wanted: number;
}

function nextLoad(curve: CostCurve, { load, slope, bend, wanted }: Far): number {
  const { baseMs, kneeRps, kneeSlope } = curve;
  const [from, to] = [slope - baseMs, wanted - baseMs];
  if (!(to > 0 && from > 0) || load > kneeRps) return load + (wanted - slope) / bend;
  if (wanted > kneeSlope && kneeRps < Infinity) return kneeRps + (wanted - kneeSlope) / curve.kneeCurvature;
  const ratio = to / from;
  if (Math.abs(ratio - 1) < NEARLY_STRAIGHT) return load + (wanted - slope) / bend;
  return Math.min(kneeRps, load * ratio ** (from / (bend * load)));
}

/** Newton's method on the level, kept in a bracket. */
function loadsInBracket(division: Division, levelling: Levelling): Float64Array {
  const { places, prices, least, most } = levelling;
  const levels = places.map((place) => (division.slopes[place] as number) - (prices[place] as number));
  const here = Float64Array.from(places, (place) => division.loads[place] as number);
  const total = here.reduce((sum, load) => sum + load, 0);
  let low: Filling = { level: Math.min(...levels), loads: least, sum: undefined };
  let high: Filling = { level: Math.max(...levels), loads: most, sum: undefined };
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
