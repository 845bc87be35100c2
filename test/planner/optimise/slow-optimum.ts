import type { LoadCurve } from "../../../src/model/fleet-document.ts";
import type { Place, TransportProblem } from "../../../src/planner/optimise/problem.ts";

/**
 * Requests that wait or are served at a place, times 1 000: its cost. Written down from the textbook, apart from the code under test, and
 * only good below 98 % of a capacity.
 */
function cost(curve: LoadCurve, load: number): number {
  if (curve.kind === "polynomial") return load * (curve.baseMs + curve.coefficient * load ** curve.exponent);
  const offered = (load * curve.meanWorkMs) / 1_000;
  const used = offered / curve.servers;
  const variability = (1 + curve.squaredVariation) / 2;
  const waiting = (variability * used ** Math.sqrt(2 * (curve.servers + 1))) / (1 - used);
  return 1_000 * (offered + waiting);
}

/** Slope of the cost by a central difference; steep where the textbook ends, so that no optimum lies there. */
function slope(curve: LoadCurve, load: number): number {
  const used = curve.kind === "queue" ? (load * curve.meanWorkMs) / 1_000 / curve.servers : 0;
  if (used > 0.98) return 1e7 * used;
  const width = 1e-5 * (1 + load);
  const from = Math.max(0, load - width);
  return (cost(curve, load + width) - cost(curve, from)) / (load + width - from);
}

/** Loads of places under a division. */
export function loadsOf({ places }: TransportProblem, amounts: readonly (readonly number[])[]): readonly number[] {
  return places.map(({ fixedRps }, place) => amounts.reduce((sum, row) => sum + (row[place] ?? 0), fixedRps));
}

/** The value of a division: what is in flight at its places and what its ways cost. */
export function valueOf(problem: TransportProblem, amounts: readonly (readonly number[])[]): number {
  const loads = loadsOf(problem, amounts);
  const atPlaces = problem.places.reduce((sum, { curve }, place) => sum + cost(curve, loads[place] ?? 0), 0);
  const onTheWay = amounts.flatMap((row, flow) =>
    row.map((amount, place) => (amount > 0 ? amount * (problem.costsMs[flow]?.[place] ?? 0) : 0)),
  );
  return onTheWay.reduce((sum, part) => sum + part, atPlaces);
}

/**
 * The optimum of a small problem without ceilings, by a method that has nothing in common with the one under test: each
 * flow is shifted between two places at a time by bisection, sweep after sweep, under an augmented Lagrangian for limits.
 * Slow, and good to about 1e-5.
 */
export function slowOptimum(problem: TransportProblem): readonly (readonly number[])[] {
  const amounts = problem.demandsRps.map((demand, flow) => spreadEvenly(demand, problem.costsMs[flow] ?? []));
  const multipliers = problem.places.map(() => 0);
  for (let change = Infinity, round = 0; change > 1e-6 && round < 200; round++) {
    for (let sweep = 0; sweep < 60 && shiftAll(problem, amounts, multipliers) > 1e-7; sweep++);
    const loads = loadsOf(problem, amounts);
    const next = problem.places.map(({ limitRps }, place) =>
      penalty(multipliers[place] ?? 0, (loads[place] ?? 0) - limitRps),
    );
    change = Math.max(...next.map((multiplier, place) => Math.abs(multiplier - (multipliers[place] ?? 0))));
    multipliers.splice(0, multipliers.length, ...next);
  }
  return amounts;
}

function spreadEvenly(demand: number, costs: readonly number[]): number[] {
  const allowed = costs.filter((found) => found < Infinity).length;
  return costs.map((found) => (found < Infinity ? demand / allowed : 0));
}

/** What it costs to be further beyond a limit, ms. */
function penalty(multiplier: number, beyondRps: number): number {
  return Math.max(0, multiplier + beyondRps);
}

/** Shifts every flow between every two of its places; returns the largest part of a flow that was shifted. */
function shiftAll(problem: TransportProblem, amounts: number[][], multipliers: readonly number[]): number {
  const loads = [...loadsOf(problem, amounts)];
  let largest = 0;
  const priceOf = (place: number, change: number) => {
    const { curve, limitRps } = problem.places[place] as Place;
    const load = Math.max(0, (loads[place] ?? 0) + change);
    return slope(curve, load) + penalty(multipliers[place] ?? 0, load - limitRps);
  };
  for (const [flow, row] of amounts.entries()) {
    for (const [a, b] of pairsOf(problem.costsMs[flow] ?? [])) {
      const way = (problem.costsMs[flow]?.[b] ?? 0) - (problem.costsMs[flow]?.[a] ?? 0);
      let [low, high] = [-(row[b] ?? 0), row[a] ?? 0];
      for (let step = 0; step < 45; step++) {
        const middle = (low + high) / 2;
        if (priceOf(b, middle) + way < priceOf(a, -middle)) low = middle;
        else high = middle;
      }
      row[a] = (row[a] ?? 0) - high;
      row[b] = (row[b] ?? 0) + high;
      loads[a] = (loads[a] ?? 0) - high;
      loads[b] = (loads[b] ?? 0) + high;
      largest = Math.max(largest, Math.abs(high) / (problem.demandsRps[flow] || 1));
    }
  }
  return largest;
}

function pairsOf(costs: readonly number[]): readonly (readonly [number, number])[] {
  const allowed = [...costs.keys()].filter((place) => (costs[place] ?? Infinity) < Infinity);
  return allowed.flatMap((a, index) => allowed.slice(index + 1).map((b) => [a, b] as const));
}
