import type { DestinationKey, Split } from "../model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import type { ClusterId, ServiceId } from "../model/ids.ts";
import { distanceBetween, stepToward } from "./apportion.ts";
import { weightOf } from "./eligible.ts";
import { leastMoved, narrowStep } from "./narrow-step.ts";

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
  /** Most destinations that the source's mesh takes in one route; undefined: as many as there are. */
  readonly destinationsMax?: number;
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
  /** Share of a capacity that is given away at most while the step is under way, 0 to 1. */
  readonly utilisationMax: number;
  /** Share of its capacity by which a destination's load may grow in this step; undefined: as it may. */
  readonly onloadMax?: number;
}

/**
 * What holds a step back, if anything. `onload`: a destination may take so much more at a time. `relief`: it goes as far as
 * relieves somebody who has too much. `relief-first`: it waits until that is done. `no-safe-order`: no order of applying it is
 * safe, so that it goes unhindered.
 */
export type StepBound =
  | "none"
  | "step-limit"
  | "onload"
  | "capacity"
  | "waits-for-room"
  | "relief"
  | "relief-first"
  | "no-safe-order";

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
 * The next step of every move, such that in whatever order the sources apply it no destination gets more than
 * `utilisationMax` of what it can serve: the load of a destination during a step is at most `sum_i max(old_i, new_i)`, and the
 * largest safe part of a step has a closed form (planning, section 10), taken here for each source from the destinations that
 * it raises. Where that leaves no way at all, whole capacities are the limit. A destination that ends above its limit anyway
 * may get that much.
 */
export function stepAll(moves: readonly Move[], surroundings: Surroundings): readonly Step[] {
  const strides = moves.map(limitedStride);
  const safe =
    safeStrides(strides, surroundings) ??
    safeStrides(strides, { ...surroundings, utilisationMax: 1 }) ??
    // A full fleet that has to swap has no safe order; standing still for ever would be worse.
    strides.map((stride) => (stride.moved > 0 ? { ...stride, bound: "no-safe-order" as const } : stride));
  return safe.map((stride) => ({
    source: stride.move.source,
    split: splitAfter(stride, surroundings.service),
    moved: stride.moved,
    bound: stride.bound,
  }));
}

function limitedStride(move: Move): Stride {
  const { now, target, destinationsMax } = move;
  const distance = distanceBetween(now, target);
  const least = destinationsMax === undefined ? 0 : leastMoved({ from: now, to: target, destinationsMax });
  // Who is to move nothing moves nothing; who may move is not kept from it by the number of its destinations.
  const most = move.maxStepWeight === 0 ? 0 : Math.max(move.maxStepWeight, least);
  const isLimited = distance > most;
  return { move, moved: isLimited ? most : distance, bound: isLimited ? "step-limit" : "none" };
}

function splitAfter({ move, moved }: Stride, service: ServiceId): Split {
  const { now, target, destinationsMax, maxStepWeight } = move;
  if (destinationsMax === undefined) return stepToward({ from: now, to: target, moved }, service);
  return narrowStep({ from: now, to: target, moved, maxStepWeight, destinationsMax }, service);
}

/** Undefined when everybody would have to wait for everybody. */
function safeStrides(strides: readonly Stride[], surroundings: Surroundings): readonly Stride[] | undefined {
  let open = strides;
  for (;;) {
    const pressures = pressuresOf(open, surroundings);
    const tight = new Set([...pressures].filter(([, found]) => partOf(found) < SAFE_PART_MIN).map(([key]) => key));
    if (tight.size === 0) return open.map((stride) => shortened(stride, pressures, surroundings));
    open = open.map((stride) => (raisesAny(stride, tight, surroundings.service) ? waiting(stride) : stride));
    if (open.every(({ moved }) => moved === 0)) return undefined;
  }
}

/** A stride as short as the tightest destination that it raises makes it. */
function shortened(
  stride: Stride,
  pressures: ReadonlyMap<DestinationKey, Pressure>,
  { service }: Surroundings,
): Stride {
  let [part, bound]: [number, StepBound] = [1, stride.bound];
  for (const [key] of risesOf(stride, service)) {
    const pressure = pressures.get(key);
    if (pressure === undefined || partOf(pressure) >= part) continue;
    [part, bound] = [partOf(pressure), pressure.onloadRps < pressure.slackRps ? "onload" : "capacity"];
  }
  return part === 1 ? stride : { ...stride, moved: Math.max(1, Math.floor(stride.moved * part)), bound };
}

function waiting(stride: Stride): Stride {
  return stride.moved === 0 ? stride : { ...stride, moved: 0, bound: "waits-for-room" };
}

/** What a step brings a destination on top of what it has, and how much it may get. */
interface Pressure {
  readonly slackRps: number;
  /** Most that it may grow by at a time. */
  readonly onloadRps: number;
  readonly risingRps: number;
  /** What rounding to basis points may add to a shortened step. */
  readonly roundingRps: number;
}

/** Largest part of the strides that raise a destination that is safe in any order; 1 when they are safe as they are. */
function partOf({ slackRps, onloadRps, risingRps, roundingRps }: Pressure): number {
  const mostRps = Math.min(slackRps, onloadRps);
  return risingRps <= mostRps ? 1 : (mostRps - roundingRps) / risingRps;
}

function pressuresOf(
  strides: readonly Stride[],
  { service, loadsNow, loadsThen, capacities, utilisationMax, onloadMax = Infinity }: Surroundings,
): ReadonlyMap<DestinationKey, Pressure> {
  const found = new Map<DestinationKey, Pressure>();
  for (const stride of strides) {
    const { demandRps } = stride.move;
    for (const [key, weight] of demandRps === 0 ? [] : risesOf(stride, service)) {
      const capacityRps = capacities.get(key);
      if (capacityRps === undefined) continue;
      const thenRps = loadsThen.get(key) ?? 0;
      const before = found.get(key);
      found.set(key, {
        slackRps: Math.max(capacityRps * utilisationMax, thenRps) * (1 + LOAD_NOISE) - (loadsNow.get(key) ?? 0),
        onloadRps: onloadMax * Math.max(capacityRps, thenRps),
        risingRps: (before?.risingRps ?? 0) + (weight / WEIGHT_TOTAL) * demandRps,
        roundingRps: (before?.roundingRps ?? 0) + demandRps / WEIGHT_TOTAL,
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
