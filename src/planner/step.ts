import type { DestinationKey, Split } from "../model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import type { ClusterId, ServiceId } from "../model/ids.ts";
import { distanceBetween, stepToward } from "./apportion.ts";
import { weightOf } from "./eligible.ts";

/**
 * A step that would have to be made smaller than this part of itself to be safe waits for room instead: otherwise a
 * destination that is nearly full makes endless tiny steps.
 */
const SAFE_PART_MIN = 0.05;

/** Tolerance of comparisons between loads, relative. */
const LOAD_NOISE = 1e-9;

/** One source on its way. */
export interface Move {
  readonly source: ClusterId;
  readonly demandRps: number;
  readonly now: Split;
  readonly target: Split;
  /** Most basis points that this step may move. */
  readonly maxStepWeight: number;
}

/** Loads that the step must live with. */
export interface Surroundings {
  readonly service: ServiceId;
  /** Requests per second on each destination now, all sources together. */
  readonly loadsNow: ReadonlyMap<DestinationKey, number>;
  /** The same once every source is at its target. */
  readonly loadsThen: ReadonlyMap<DestinationKey, number>;
  /** Requests per second each destination can serve at most; missing where nobody knows. */
  readonly capacities: ReadonlyMap<DestinationKey, number>;
}

/** What holds a step back, if anything. `no-safe-order`: no order of applying it is safe, so that it goes unhindered. */
export type StepBound = "none" | "step-limit" | "capacity" | "waits-for-room" | "no-safe-order";

/** One source's next split. */
export interface Step {
  readonly source: ClusterId;
  readonly split: Split;
  /** Basis points moved. */
  readonly moved: number;
  readonly bound: StepBound;
}

interface Stride {
  readonly move: Move;
  readonly moved: number;
  readonly bound: StepBound;
}

/**
 * The next step of every move, such that in whatever order the sources apply it no destination gets more than it can
 * serve: the load of a destination during a step is at most `sum_i max(old_i, new_i)`, and the largest safe part of a
 * step has a closed form (planning, section 10). A destination that ends above its capacity anyway may get that much.
 */
export function stepAll(moves: readonly Move[], surroundings: Surroundings): readonly Step[] {
  const strides = moves.map(limitedStride);
  return safeStrides(strides, surroundings).map((stride) => ({
    source: stride.move.source,
    split: splitAfter(stride, surroundings.service),
    moved: stride.moved,
    bound: stride.bound,
  }));
}

function limitedStride(move: Move): Stride {
  const distance = distanceBetween(move.now, move.target);
  const isLimited = distance > move.maxStepWeight;
  return { move, moved: isLimited ? move.maxStepWeight : distance, bound: isLimited ? "step-limit" : "none" };
}

function splitAfter({ move, moved }: Stride, service: ServiceId): Split {
  return stepToward({ from: move.now, to: move.target, moved }, service);
}

function safeStrides(strides: readonly Stride[], surroundings: Surroundings): readonly Stride[] {
  let open = strides;
  while (open.some(({ moved }) => moved > 0)) {
    const part = safePart(open, surroundings);
    if (part >= 1) return open;
    if (part >= SAFE_PART_MIN) return open.map((stride) => shortened(stride, part));
    const tight = tightDestinations(open, surroundings);
    open = open.map((stride) => (raisesAny(stride, tight, surroundings.service) ? waiting(stride) : stride));
  }
  // A full fleet that has to swap has no safe order; standing still for ever would be worse.
  return strides.map((stride) => (stride.moved > 0 ? { ...stride, bound: "no-safe-order" } : stride));
}

function shortened(stride: Stride, part: number): Stride {
  if (stride.moved === 0) return stride;
  return { ...stride, moved: Math.max(1, Math.floor(stride.moved * part)), bound: "capacity" };
}

function waiting(stride: Stride): Stride {
  return { ...stride, moved: 0, bound: "waits-for-room" };
}

/** What a step brings a destination on top of what it has, and how much it may get. */
interface Pressure {
  readonly slackRps: number;
  readonly risingRps: number;
  /** What rounding to basis points may add to a shortened step. */
  readonly roundingRps: number;
}

/** Largest part of the strides that is safe in any order; 1 or more when they are safe as they are. */
function safePart(strides: readonly Stride[], surroundings: Surroundings): number {
  const parts = [...pressures(strides, surroundings).values()].map(partOf);
  return Math.min(1, ...parts);
}

function partOf({ slackRps, risingRps, roundingRps }: Pressure): number {
  return risingRps === 0 || risingRps <= slackRps ? 1 : (slackRps - roundingRps) / risingRps;
}

function tightDestinations(strides: readonly Stride[], surroundings: Surroundings): ReadonlySet<DestinationKey> {
  const tight = [...pressures(strides, surroundings)].filter(([, pressure]) => partOf(pressure) < SAFE_PART_MIN);
  return new Set(tight.map(([key]) => key));
}

function pressures(
  strides: readonly Stride[],
  { service, loadsNow, loadsThen, capacities }: Surroundings,
): ReadonlyMap<DestinationKey, Pressure> {
  const found = new Map<DestinationKey, Pressure>();
  for (const stride of strides) {
    for (const [key, weight] of risesOf(stride, service)) {
      const capacityRps = capacities.get(key);
      if (capacityRps === undefined) continue;
      const limitRps = Math.max(capacityRps, loadsThen.get(key) ?? 0) * (1 + LOAD_NOISE);
      const before = found.get(key);
      found.set(key, {
        slackRps: limitRps - (loadsNow.get(key) ?? 0),
        risingRps: (before?.risingRps ?? 0) + (weight / WEIGHT_TOTAL) * stride.move.demandRps,
        roundingRps: (before?.roundingRps ?? 0) + stride.move.demandRps / WEIGHT_TOTAL,
      });
    }
  }
  return found;
}

function raisesAny(stride: Stride, tight: ReadonlySet<DestinationKey>, service: ServiceId): boolean {
  return risesOf(stride, service).some(([key]) => tight.has(key));
}

/** Destinations that a stride sends more, with how many basis points more. */
function risesOf(stride: Stride, service: ServiceId): readonly (readonly [DestinationKey, number])[] {
  const { now } = stride.move;
  return splitAfter(stride, service)
    .map(({ destination, weight }) => [keyOf(destination), weight - weightOf(now, destination)] as const)
    .filter(([, rise]) => rise > 0);
}
