import { costAt, costCurveOf, slopeAt } from "./curve.ts";
import type { CostCurve } from "./curve.ts";
import type { TransportPlan, TransportProblem } from "./problem.ts";

/** Basis points: the weights of one flow sum to this. */
const DEFAULT_TOTAL = 10_000;

/**
 * Integer weights, per flow and place, that sum to `total` for every flow that can be placed and to 0 for others. A flow
 * without demand goes where its first request would cost least.
 *
 * Largest remainders would round each flow alone; here every unit that is left over goes to the place, of those between two
 * whole weights, where it costs least with all that is rounded so far, large flows first. No place gets more than its limit
 * (as far as it had to rise for the plan) nor a pair more than its ceiling, if other places have room for a unit.
 */
export function roundToWeights(
  problem: TransportProblem,
  plan: TransportPlan,
  total = DEFAULT_TOTAL,
): readonly (readonly number[])[] {
  const rounding = wholeWeights(problem, plan, total);
  const { demandsRps } = problem;
  const largestFirst = [...demandsRps.keys()].toSorted(
    (a, b) => (demandsRps[b] as number) - (demandsRps[a] as number) || a - b,
  );
  for (const flow of largestFirst) placeRest(rounding, plan, flow);
  for (const place of problem.places.keys()) relievePlace(rounding, place);
  return rounding.weights;
}

interface Rounding {
  readonly problem: TransportProblem;
  readonly total: number;
  readonly curves: readonly CostCurve[];
  readonly weights: number[][];
  /** What each place gets by the weights so far, and may get. */
  readonly loads: number[];
  readonly limits: readonly number[];
}

/** A weight this near below a whole number is that number. */
const NEARLY = 1e-7;

/** What is whole of each weight. */
function wholeWeights(problem: TransportProblem, plan: TransportPlan, total: number): Rounding {
  const { places, demandsRps } = problem;
  const weights = plan.amountsRps.map((row) => {
    const sum = row.reduce((so, amount) => so + amount, 0);
    return row.map((amount) => (sum > 0 ? Math.floor((amount / sum) * total + NEARLY) : 0));
  });
  const loads = places.map(({ fixedRps }, place) =>
    weights.reduce((sum, row, flow) => sum + ((row[place] as number) / total) * (demandsRps[flow] as number), fixedRps),
  );
  const limits = places.map(({ limitRps, fixedRps }, place) =>
    Math.max(
      limitRps,
      plan.amountsRps.reduce((sum, row) => sum + (row[place] as number), fixedRps),
    ),
  );
  return { problem, total, curves: places.map(({ curve }) => costCurveOf(curve)), weights, loads, limits };
}

function placeRest(rounding: Rounding, plan: TransportPlan, flow: number): void {
  if (plan.unplaceable.includes(flow)) return;
  const { weights, total } = rounding;
  const row = weights[flow] as number[];
  const rest = total - row.reduce((sum, weight) => sum + weight, 0);
  // Without demand nothing was placed, and all of it goes to one place, whatever the remainders.
  const step = rest === total ? total : 1;
  for (let left = rest; left > 0; left -= step) {
    const place = placeForUnit(rounding, plan, flow);
    if (place < 0) return;
    addUnits(rounding, { flow, place, units: step });
  }
}

function addUnits({ weights, loads, problem, total }: Rounding, { flow, place, units }: Units): void {
  const row = weights[flow] as number[];
  row[place] = (row[place] as number) + units;
  loads[place] = (loads[place] as number) + (units / total) * (problem.demandsRps[flow] as number);
}

interface Units {
  readonly flow: number;
  readonly place: number;
  readonly units: number;
}

/** Where the next unit of a flow goes: by kind of place first, by cost among those of one kind, by excess where all are full. */
function placeForUnit(rounding: Rounding, plan: TransportPlan, flow: number): number {
  let [best, bestKind, least] = [-1, Infinity, Infinity];
  for (const place of rounding.limits.keys()) {
    const cost = costOfUnit(rounding, flow, place);
    if (cost === Infinity) continue;
    const kind = kindOf(rounding, plan, { flow, place, units: 1 });
    const value = kind === 2 ? excessWith(rounding, { flow, place, units: 1 }) : cost;
    if (kind < bestKind || (kind === bestKind && value < least)) [best, bestKind, least] = [place, kind, value];
  }
  return best;
}

/** Load of the place with these units, as part of its limit. */
function excessWith({ problem, loads, limits, total }: Rounding, { flow, place, units }: Units): number {
  const added = (units / total) * (problem.demandsRps[flow] as number);
  return ((loads[place] as number) + added) / (limits[place] as number);
}

/** 0: the unit completes what the plan gives the place. 1: the place has room for it. 2: neither limit nor ceiling holds it. */
function kindOf(rounding: Rounding, plan: TransportPlan, unit: Units): number {
  if (!hasRoom(rounding, unit)) return 2;
  const { problem, weights, total } = rounding;
  const planned = (plan.amountsRps[unit.flow]?.[unit.place] ?? 0) * total;
  const given = (weights[unit.flow]?.[unit.place] ?? 0) * (problem.demandsRps[unit.flow] as number);
  return planned > given || problem.demandsRps[unit.flow] === 0 ? 0 : 1;
}

function hasRoom({ problem, weights, loads, limits, total }: Rounding, { flow, place, units }: Units): boolean {
  const demand = problem.demandsRps[flow] as number;
  const added = (units / total) * demand;
  const ceiling = problem.ceilingsRps?.[flow]?.[place] ?? Infinity;
  const amount = ((weights[flow]?.[place] ?? 0) / total) * demand;
  const isWithinLimit = (loads[place] as number) + added <= (limits[place] as number) * (1 + 1e-9);
  return isWithinLimit && amount + added <= ceiling * (1 + 1e-9);
}

/** What a unit more costs for each of its requests, ms; Infinity where it may not go. */
function costOfUnit({ problem, curves, loads, total }: Rounding, flow: number, place: number): number {
  const cost = problem.costsMs[flow]?.[place] ?? Infinity;
  const added = (problem.demandsRps[flow] as number) / total;
  if (!((problem.places[place]?.limitRps ?? 0) > 0)) return Infinity;
  const [curve, load] = [curves[place] as CostCurve, loads[place] as number];
  if (added === 0) return cost + slopeAt(curve, load);
  if (!((problem.ceilingsRps?.[flow]?.[place] ?? Infinity) > 0)) return Infinity;
  return cost + (costAt(curve, load + added) - costAt(curve, load)) / added;
}

/** Moves units away from a place that got more than its limit, the cheapest first, as long as another has room for one. */
function relievePlace(rounding: Rounding, place: number): void {
  const { loads, limits } = rounding;
  while ((loads[place] as number) > (limits[place] as number) * (1 + 1e-9)) {
    const move = cheapestMove(rounding, place);
    if (move === undefined) return;
    addUnits(rounding, { flow: move.flow, place, units: -1 });
    addUnits(rounding, { ...move, units: 1 });
  }
}

function cheapestMove(rounding: Rounding, from: number): Omit<Units, "units"> | undefined {
  const { problem, weights, limits } = rounding;
  let best: Omit<Units, "units"> | undefined;
  let least = Infinity;
  for (const [flow, row] of weights.entries()) {
    const demand = problem.demandsRps[flow] as number;
    if (!((row[from] as number) > 0) || demand === 0) continue;
    for (const place of limits.keys()) {
      if (place === from || !hasRoom(rounding, { flow, place, units: 1 })) continue;
      const cost = (costOfUnit(rounding, flow, place) - (problem.costsMs[flow]?.[from] ?? 0)) * demand;
      if (cost < least) [best, least] = [{ flow, place }, cost];
    }
  }
  return best;
}
