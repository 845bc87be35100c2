import type { Instance } from "../instance.ts";
import { slopeAt } from "./convex-costs.ts";
import type { Vertex } from "./vertex.ts";

/** A convex combination of vertices. */
export interface Mixture {
  readonly vertices: readonly Vertex[];
  /** One for each vertex, each above 0 (a new vertex: 0), with sum 1. */
  readonly weights: readonly number[];
}

/** What a mixture is optimised against. */
export interface Bounds {
  readonly limitsRps: readonly number[];
  /** Weight of the barrier at the limits, ms * rps. */
  readonly barrier: number;
  /** What the best vertex may still promise by the linear model, ms * rps. */
  readonly tolerance: number;
}

/** A weight below this is a rounding error. */
const WEIGHT_MIN = 1e-12;

/** Far shorter than `WEIGHT_MIN`: emptying a vertex that is nearly empty is progress, for it makes way for the next worst. */
const SHORTEST_STEP = 1e-18;

/** Loads of a mixture, rps. */
export function mixedLoads(instance: Instance, { vertices, weights }: Mixture): readonly number[] {
  return instance.backends.map((_, b) =>
    vertices.reduce((sum, { loadsRps }, k) => sum + (weights[k] ?? 0) * (loadsRps[b] ?? 0), 0),
  );
}

/** Network and price of a mixture, ms * rps. */
export function mixedWay({ vertices, weights }: Mixture): number {
  return vertices.reduce((sum, { wayMs }, k) => sum + (weights[k] ?? 0) * wayMs, 0);
}

/**
 * The best weights for the vertices (the master problem of simplicial decomposition, von Hohenbalken 1977): Newton steps on
 * the vertices in use. Next to a limit the barrier makes them inexact, so that each is followed by a step that cannot fail,
 * from the worst vertex in use to the best. A vertex that a step empties is dropped.
 */
export function bestMixture(instance: Instance, start: Mixture, bounds: Bounds): Mixture {
  let mixture = start;
  for (let round = 0; round < 100; round += 1) {
    const local = localAt(instance, mixture, bounds);
    if (gapOf(mixture, local.gradient) <= bounds.tolerance) break;
    mixture = stepAlong(instance, { mixture, direction: newtonDirection(mixture, local), bounds });
    const { gradient } = localAt(instance, mixture, bounds);
    if (gapOf(mixture, gradient) <= bounds.tolerance) break;
    mixture = stepAlong(instance, { mixture, direction: pairDirection(mixture, gradient), bounds });
  }
  return inUse(mixture);
}

/** The objective around a mixture. */
interface Local {
  /** Slope along each vertex's weight. */
  readonly gradient: readonly number[];
  /** Bend of each backend's cost. */
  readonly bends: readonly number[];
}

function localAt(instance: Instance, { vertices, weights }: Mixture, bounds: Bounds): Local {
  const loads = mixedLoads(instance, { vertices, weights });
  const slopes = instance.backends.map((_, b) =>
    slopeAt(instance, b, { loadRps: loads[b] ?? 0, limitRps: bounds.limitsRps[b] ?? 0, barrier: bounds.barrier }),
  );
  return {
    gradient: vertices.map(({ loadsRps, wayMs }) =>
      loadsRps.reduce((sum, rps, b) => sum + rps * (slopes[b]?.first ?? 0), wayMs),
    ),
    bends: slopes.map(({ second }) => second),
  };
}

/** What the best vertex promises by the linear model, ms * rps: nothing at the best mixture. */
function gapOf({ weights }: Mixture, gradient: readonly number[]): number {
  const best = Math.min(...gradient);
  return gradient.reduce((sum, slope, k) => sum + (weights[k] ?? 0) * (slope - best), 0);
}

function inUse({ vertices, weights }: Mixture): Mixture {
  return {
    vertices: vertices.filter((_, k) => (weights[k] ?? 0) > 0),
    weights: weights.filter((weight) => weight > 0),
  };
}

function pairDirection({ weights }: Mixture, gradient: readonly number[]): readonly number[] {
  const best = gradient.indexOf(Math.min(...gradient));
  const worst = gradient.indexOf(Math.max(...gradient.filter((_, k) => (weights[k] ?? 0) > 0)));
  return gradient.map((_, k) => Number(k === best) - Number(k === worst));
}

function newtonDirection({ vertices, weights }: Mixture, { gradient, bends }: Local): readonly number[] {
  // The heaviest vertex gives what the others take, so that the sum stays.
  const giver = weights.indexOf(Math.max(...weights));
  const base = vertices[giver];
  const takers = vertices.flatMap((vertex, k) =>
    k === giver || base === undefined ? [] : [{ k, change: differenceOf(vertex, base) }],
  );
  const slopes = takers.map(({ k }) => (gradient[giver] ?? 0) - (gradient[k] ?? 0));
  const hessian = takers.map(({ change: left }) =>
    takers.map(({ change: right }) => left.reduce((sum, rps, b) => sum + rps * (bends[b] ?? 0) * (right[b] ?? 0), 0)),
  );
  const taken = solveSymmetric(hessian, slopes);
  const direction = vertices.map(() => 0);
  for (const [position, { k }] of takers.entries()) {
    direction[k] = taken[position] ?? 0;
    direction[giver] = (direction[giver] ?? 0) - (taken[position] ?? 0);
  }
  return direction;
}

function differenceOf(a: Vertex, b: Vertex): readonly number[] {
  return a.loadsRps.map((rps, at) => rps - (b.loadsRps[at] ?? 0));
}

/** Solves `matrix * x = right` by Cholesky; the small ridge makes a step along a flat direction long instead of undefined. */
function solveSymmetric(matrix: readonly (readonly number[])[], right: readonly number[]): readonly number[] {
  const size = right.length;
  const ridges = matrix.map((row, k) => Math.max(1e-12 * (row[k] ?? 0), Number.MIN_VALUE));
  const lower = matrix.map((row) => row.map(() => 0));
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let rest = (matrix[i]?.[j] ?? 0) + (i === j ? (ridges[i] ?? 0) : 0);
      for (let k = 0; k < j; k += 1) rest -= (lower[i]?.[k] ?? 0) * (lower[j]?.[k] ?? 0);
      const row = lower[i];
      if (row !== undefined) row[j] = i === j ? Math.sqrt(Math.max(rest, ridges[i] ?? 0)) : rest / (lower[j]?.[j] ?? 1);
    }
  }
  const half: number[] = [];
  for (let i = 0; i < size; i += 1) {
    const rest = half.reduce((sum, value, k) => sum - (lower[i]?.[k] ?? 0) * value, right[i] ?? 0);
    half.push(rest / (lower[i]?.[i] ?? 1));
  }
  const solution = right.map(() => 0);
  for (let i = size - 1; i >= 0; i -= 1) {
    let rest = half[i] ?? 0;
    for (let k = i + 1; k < size; k += 1) rest -= (lower[k]?.[i] ?? 0) * (solution[k] ?? 0);
    solution[i] = rest / (lower[i]?.[i] ?? 1);
  }
  return solution;
}

interface Walk {
  readonly mixture: Mixture;
  readonly direction: readonly number[];
  readonly bounds: Bounds;
}

function stepAlong(instance: Instance, { mixture, direction, bounds }: Walk): Mixture {
  const { vertices, weights } = mixture;
  const longest = Math.min(
    ...direction.map((change, k) => (change < 0 ? -(weights[k] ?? 0) / change : Number.POSITIVE_INFINITY)),
  );
  // Weights are rounded to a sum of 1 again, which may lift a load that lies next to its limit onto it.
  for (
    let length = bestLength(instance, { mixture, direction, bounds }, longest);
    length > SHORTEST_STEP;
    length /= 2
  ) {
    const moved = weights.map((weight, k) => weight + length * (direction[k] ?? 0));
    const next = normalised(vertices, moved);
    if (mixedLoads(instance, next).every((rps, b) => rps < (bounds.limitsRps[b] ?? 0))) return next;
  }
  return mixture;
}

function normalised(vertices: readonly Vertex[], weights: readonly number[]): Mixture {
  const kept = vertices.flatMap((vertex, k) => {
    const weight = weights[k] ?? 0;
    return weight > WEIGHT_MIN ? [{ vertex, weight }] : [];
  });
  const total = kept.reduce((sum, { weight }) => sum + weight, 0);
  return { vertices: kept.map(({ vertex }) => vertex), weights: kept.map(({ weight }) => weight / total) };
}

/** Where along a direction the objective is least: its slope is bisected, for it is convex. */
function bestLength(instance: Instance, { mixture, direction, bounds }: Walk, longest: number): number {
  const from = mixedLoads(instance, mixture);
  const change = mixedLoads(instance, { vertices: mixture.vertices, weights: direction });
  const way = mixedWay({ vertices: mixture.vertices, weights: direction });
  const slope = (length: number): number =>
    change.reduce((sum, rps, b) => {
      if (rps === 0) return sum;
      const loadRps = (from[b] ?? 0) + length * rps;
      const at = slopeAt(instance, b, { loadRps, limitRps: bounds.limitsRps[b] ?? 0, barrier: bounds.barrier });
      // Beyond a limit the objective is infinite: whichever way the load moves there, the step was too long.
      return sum + (at.first === Number.POSITIVE_INFINITY ? at.first : rps * at.first);
    }, way);
  if (slope(longest) <= 0) return longest;
  let low = 0;
  let high = longest;
  if (slope(Math.min(1, longest)) <= 0) low = Math.min(1, longest);
  else high = Math.min(1, longest);
  for (let round = 0; round < 50 && high - low > 1e-9 * high; round += 1) {
    const middle = (low + high) / 2;
    if (slope(middle) > 0) high = middle;
    else low = middle;
  }
  return low;
}
