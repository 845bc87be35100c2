import { curvatureOf, slopeAt } from "./curve.ts";
import type { CostCurve } from "./curve.ts";
import { roomOf, roomOfPair, setAmount, setLoad } from "./division.ts";
import type { Division } from "./division.ts";
import type { Paths } from "./paths.ts";

/** One hop of a way: the flow gives up something at one place and gets it at another. */
interface Hop {
  readonly flow: number;
  readonly from: number;
  readonly to: number;
}

/** A way from a source of load to a place with room. */
interface Way {
  readonly source: number;
  readonly target: number;
  readonly hops: readonly Hop[];
  /** What a request per second more on this way costs, ms, places' own slopes aside. */
  readonly costMs: number;
}

/**
 * Moves load along the cheapest way that was found to a place: as much as pays (exact line search on the convex cost of
 * both ends), as the flows on the way have and as there is room for.
 *
 * @param grainMs - a gain up to this is a rounding.
 * @returns whether anything moved; not when the way is gone since it was found or does not pay any more.
 */
export function pushTo(division: Division, paths: Paths, target: number, grainMs: number): boolean {
  const way = wayTo(division, paths, target, grainMs);
  if (way === undefined) return false;
  const gain = (division.slopes[way.source] as number) - (division.slopes[target] as number) - way.costMs;
  if (gain <= grainMs) return false;
  const most = Math.min(mostOf(division, way.hops), roomOf(division, target));
  if (most <= 0) return false;
  moveAlong(division, way, worthMoving(division, way, most));
  return true;
}

/** Moves up to so much load along the cheapest way to a place, whether it pays or not. Returns what was moved. */
export function pushAnyway(
  division: Division,
  paths: Paths,
  { target, wantedRps, grainMs }: { readonly target: number; readonly wantedRps: number; readonly grainMs: number },
): number {
  const way = wayTo(division, paths, target, grainMs);
  if (way === undefined) return 0;
  const amount = Math.min(wantedRps, mostOf(division, way.hops), roomOf(division, target));
  if (amount > 0) moveAlong(division, way, amount);
  return amount;
}

/** The source from which the way that was found to a place begins. */
export function sourceOf({ parents }: Paths, target: number): number {
  let place = target;
  while ((parents[place] as number) >= 0) place = parents[place] as number;
  return place;
}

/** The way that was found, if all of it is still there at its price. */
function wayTo(division: Division, paths: Paths, target: number, grainMs: number): Way | undefined {
  const { moveCosts, movers, places } = division;
  const { parents, prices } = paths;
  const hops: Hop[] = [];
  let costMs = 0;
  let place = target;
  for (let from = parents[place] as number; from >= 0; from = parents[place] as number) {
    const cost = moveCosts[from * places + place] as number;
    if (!(cost + (prices[place] as number) - (prices[from] as number) <= grainMs)) return undefined;
    costMs += cost;
    const flow = movers[from * places + place] as number;
    const onward = hops.at(-1);
    // A flow that would only pass through a place goes there directly.
    if (onward?.flow === flow) hops[hops.length - 1] = { flow, from, to: onward.to };
    else hops.push({ flow, from, to: place });
    place = from;
  }
  return hops.length === 0 ? undefined : { source: place, target, hops, costMs };
}

function mostOf(division: Division, hops: readonly Hop[]): number {
  const { amounts, places } = division;
  let most = Infinity;
  for (const { flow, from, to } of hops)
    most = Math.min(most, amounts[flow * places + from] as number, roomOfPair(division, flow, to));
  return most;
}

function moveAlong(division: Division, { source, target, hops }: Way, amount: number): void {
  const { amounts, places, limits, loads } = division;
  for (const { flow, from, to } of hops) {
    setAmount(division, flow, from, (amounts[flow * places + from] as number) - amount);
    setAmount(division, flow, to, (amounts[flow * places + to] as number) + amount);
  }
  setLoad(division, source, (loads[source] as number) - amount);
  // A place that was filled is full, not full but for a rounding.
  const isFilled = amount >= roomOf(division, target);
  setLoad(division, target, isFilled ? (limits[target] as number) : (loads[target] as number) + amount);
}

/** Moves a cycle of moves round, all loads staying as they are, until a flow on it has nothing left to move. */
export function turnCycle(division: Division, cycle: readonly number[]): void {
  const { movers, amounts, places } = division;
  const hops = cycle.map((to, index): Hop => {
    const from = cycle[(index + 1) % cycle.length] as number;
    return { flow: movers[from * places + to] as number, from, to };
  });
  const most = mostOf(division, hops);
  for (const { flow, from, to } of hops) {
    setAmount(division, flow, to, (amounts[flow * places + to] as number) + most);
    setAmount(division, flow, from, (amounts[flow * places + from] as number) - most);
  }
}

const MOST_STEPS = 60;

/**
 * How much of `most` pays: where the slope at the target plus the way comes up to the slope at the source. Newton's
 * method kept in a bracket.
 */
function worthMoving(division: Division, { source, target, costMs }: Way, most: number): number {
  const { curves, loads } = division;
  const [give, take] = [curves[source] as CostCurve, curves[target] as CostCurve];
  const [giving, taking] = [loads[source] as number, loads[target] as number];
  if (slopeAt(take, taking + most) + costMs <= slopeAt(give, giving - most)) return most;
  let low = 0;
  let high = most;
  let amount = most / 2;
  for (let step = 0; step < MOST_STEPS && high - low > 1e-14 * giving; step++) {
    const [up, down] = [slopeAt(take, taking + amount), slopeAt(give, giving - amount)];
    const excess = up + costMs - down;
    if (excess === 0) return amount;
    if (excess > 0) high = amount;
    else low = amount;
    const bend = curvatureOf(take, taking + amount, up) + curvatureOf(give, giving - amount, down);
    const next = amount - excess / bend;
    // The error after a step goes with the square of the step.
    if (Math.abs(next - amount) <= 1e-8 * amount) return Math.min(high, Math.max(low, next));
    amount = next > low && next < high ? next : (low + high) / 2;
  }
  return amount;
}
