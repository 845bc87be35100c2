import { DEFAULT_MEAN_WORK_MS, DEFAULT_SQUARED_VARIATION, serversFor } from "../../model/fleet-document.ts";
import type { LearnedWork } from "../../model/learned.ts";
import { costAt, costCurveOf } from "../optimise/curve.ts";

/** A latency that callers saw at a load. */
export interface Point {
  readonly loadRps: number;
  readonly latencyMs: number;
  /** Its standard error, as a share. */
  readonly error: number;
}

/** Squared variations that are tried, and the largest that is taken for possible: heavier tails are a change, not a queue. */
const VARIATIONS = [0.25, 0.5, 1, 1.5, 2, 3, 4, 6] as const;
export const VARIATION_MAX = 6;

/** No mean latency is taken to be surer than this, nor the capacity that it is read by, as shares. */
const LATENCY_ERROR = 0.02;
const CAPACITY_ERROR = 0.03;

/** How far work and waiting may be from what is usual, in logs of their factors: one deviation. */
const WORK_DEVIATION = 1;
const WAITING_DEVIATION = 0.5;

/** Fullest at which the queue's formula is taken at its word; beyond, latencies go on as the optimiser has them. */
const FULLEST = 0.98;

/**
 * Mean latency of a request, ms, where a destination of this capacity has this load: the optimiser's curve (M/G/c by
 * Sakasegawa), without laying it out.
 */
export function latencyAt(work: LearnedWork, capacityRps: number, loadRps: number): number {
  const { meanWorkMs, squaredVariation } = work;
  const servers = serversFor(capacityRps, meanWorkMs);
  const used = loadRps / capacityRps;
  if (used > FULLEST) {
    const curve = { kind: "queue", servers, meanWorkMs, squaredVariation } as const;
    return costAt(costCurveOf(curve), loadRps) / loadRps;
  }
  const exponent = Math.sqrt(2 * (Math.max(1, servers) + 1));
  return meanWorkMs + (500 * (1 + squaredVariation) * used ** exponent) / ((1 - used) * loadRps);
}

/** The likeliest work at a capacity, and what speaks against it: squares of deviations, of the points and from what is usual. */
export interface Fit {
  readonly work: LearnedWork;
  readonly misfit: number;
}

/** Works that are tried at first, from so small a share of the shortest latency up to the longest; then finer around the best. */
const WORKS = 16;
const WORK_SHARE_MIN = 0.03;
const REFINEMENTS = 3;
const REFINED_WORKS = 5;

/**
 * The likeliest work and variation where a destination of this capacity showed these latencies to its callers. One point does
 * not tell long work from long waiting, nor does a full queue, where the least error of the capacity is worth many ms: then
 * what is usual decides (work about `DEFAULT_MEAN_WORK_MS`, exponential). The more the loads of the points differ, the more
 * they say. Undefined without a point.
 */
export function fitWork(points: readonly Point[], capacityRps: number): Fit | undefined {
  const usable = points.filter(({ loadRps, latencyMs }) => loadRps > 0 && latencyMs > 0);
  if (usable.length === 0 || !(capacityRps > 0)) return undefined;
  const latencies = usable.map(({ latencyMs }) => latencyMs);
  let [low, high] = [Math.min(...latencies) * WORK_SHARE_MIN, Math.max(...latencies)];
  let best: Fit = bestAmong(spaced(low, high, WORKS), usable, capacityRps);
  for (let refinement = 0, works: number = WORKS; refinement < REFINEMENTS; refinement += 1, works = REFINED_WORKS) {
    const step = (high / low) ** (1 / (works - 1));
    [low, high] = [best.work.meanWorkMs / step, best.work.meanWorkMs * step];
    best = bestAmong(spaced(low, high, REFINED_WORKS), usable, capacityRps);
  }
  return best;
}

/** Values in equal ratios, both ends included. */
function spaced(low: number, high: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => low * (high / low) ** (at / (count - 1)));
}

function bestAmong(works: readonly number[], points: readonly Point[], capacityRps: number): Fit {
  let best: Fit = { work: { meanWorkMs: 0, squaredVariation: DEFAULT_SQUARED_VARIATION }, misfit: Infinity };
  for (const meanWorkMs of works) {
    for (const squaredVariation of VARIATIONS) {
      const work = { meanWorkMs, squaredVariation };
      const misfit = unusualness(work) + misfitOf(work, points, capacityRps);
      if (misfit < best.misfit) best = { work, misfit };
    }
  }
  return best;
}

function unusualness({ meanWorkMs, squaredVariation }: LearnedWork): number {
  const work = Math.log(meanWorkMs / DEFAULT_MEAN_WORK_MS) / WORK_DEVIATION;
  const waiting = Math.log((1 + squaredVariation) / (1 + DEFAULT_SQUARED_VARIATION)) / WAITING_DEVIATION;
  return work * work + waiting * waiting;
}

/** Squares of what the points are off by, in terms of how sure they can be. */
function misfitOf(work: LearnedWork, points: readonly Point[], capacityRps: number): number {
  return points.reduce((sum, { loadRps, latencyMs, error }) => {
    const [smaller, larger] = [1 - CAPACITY_ERROR, 1 + CAPACITY_ERROR].map((share) =>
      latencyAt(work, share * capacityRps, loadRps),
    );
    const slope = Math.log((smaller ?? 1) / (larger ?? 1)) / 2;
    const off = Math.log(latencyAt(work, capacityRps, loadRps) / latencyMs);
    return sum + (off * off) / (LATENCY_ERROR * LATENCY_ERROR + error * error + slope * slope);
  }, 0);
}

/** One word is believed against another when the waits are less likely under the other by this much: one in twenty. */
const DECIDED = 6;

/**
 * Which of two capacities callers' waits speak for, whatever anybody claims; undefined while they look alike under both, as
 * they do far from full, and at one load.
 */
export function waitsSpeakFor(
  points: readonly Point[],
  [a, b]: readonly [number, number],
  fit: typeof fitWork = fitWork,
): number | undefined {
  const [ofA, ofB] = [fit(points, a)?.misfit ?? 0, fit(points, b)?.misfit ?? 0];
  if (Math.abs(ofA - ofB) < DECIDED) return undefined;
  return ofA < ofB ? a : b;
}

const HALVINGS = 40;

/**
 * The capacity at which this work shows this latency at this load: what callers' waiting says, whatever anybody claims. Fuller
 * than `FULLEST` every capacity looks alike.
 */
export function capacityByLatency(work: LearnedWork, { loadRps, latencyMs }: Omit<Point, "error">): number {
  let [low, high] = [0, FULLEST];
  for (let halving = 0; halving < HALVINGS; halving += 1) {
    const used = (low + high) / 2;
    if (latencyAt(work, loadRps / used, loadRps) > latencyMs) high = used;
    else low = used;
  }
  return loadRps / high;
}
