import type { DestinationKey, Split } from "../model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import { distanceBetween } from "./apportion.ts";
import { weightOf } from "./eligible.ts";
import { stepAll } from "./step.ts";
import type { Move, Step, StepBound, Surroundings } from "./step.ts";

/** What exceeds a limit by less than this part of it is left to the orderly step. */
const SLACK = 1e-3;

/** Relief that takes away less than this part of what the orderly step would leave is none: others make room first. */
const RELIEF_MIN = 0.5;

/**
 * The step to take at once where somebody has more now than a step may bring anybody, the moves would relieve it, and their
 * orderly step does not: who sends there goes as far on its way as brings it down to its limit, whatever its step limit, and
 * nobody else moves. Receivers may be filled to their capacity, in no order to more. Undefined where the orderly step will do.
 *
 * @param orderly - the moves' next step within all limits.
 */
export function reliefOf(
  moves: readonly Move[],
  orderly: readonly Step[],
  surroundings: Surroundings,
): readonly Step[] | undefined {
  const excess = excessAfter(moves, orderly, surroundings);
  if (excess.size === 0) return undefined;
  const parts = partsNeeded(moves, surroundings);
  const urgent = moves.map((move) => ({ ...move, maxStepWeight: weightNeeded(move, parts) }));
  const { onloadMax: _cold, ...whole } = surroundings;
  const steps = stepAll(urgent, { ...whole, utilisationMax: 1 });
  const left = excessAfter(moves, steps, surroundings);
  if (sumOf(left) > sumOf(excess) * (1 - RELIEF_MIN)) return undefined;
  return steps.map((step, index) => ({ ...step, bound: boundOf(step, urgent[index]) }));
}

function sumOf(excess: ReadonlyMap<DestinationKey, number>): number {
  return [...excess.values()].reduce((sum, rps) => sum + rps, 0);
}

function boundOf({ bound }: Step, move: Move | undefined): StepBound {
  if (bound !== "step-limit") return bound;
  return move?.maxStepWeight === 0 ? "relief-first" : "relief";
}

/** Most that a destination may have: what a step may bring it, or what it ends with anyway. */
function mostRps(key: DestinationKey, { loadsThen, capacities, utilisationMax }: Surroundings): number {
  return Math.max((capacities.get(key) ?? Infinity) * utilisationMax, loadsThen.get(key) ?? 0);
}

/** Requests per second beyond that on each destination that moves would relieve, once they have come to some ends. */
function excessAfter(
  moves: readonly Move[],
  ends: readonly Step[],
  surroundings: Surroundings,
): ReadonlyMap<DestinationKey, number> {
  const left = rpsLeaving(moves, ends);
  const excess = [...rpsLeaving(moves, moves).keys()].map((key): [DestinationKey, number] => {
    const stillRps = (surroundings.loadsNow.get(key) ?? 0) - (left.get(key) ?? 0);
    return [key, stillRps - mostRps(key, surroundings) * (1 + SLACK)];
  });
  return new Map(excess.filter(([, rps]) => rps > 0));
}

/** Part of the moves away from each overloaded destination that brings it down to its limit, or as far as they go. */
function partsNeeded(moves: readonly Move[], surroundings: Surroundings): ReadonlyMap<DestinationKey, number> {
  const parts = [...rpsLeaving(moves, moves)].map(([key, leavingRps]): [DestinationKey, number] => {
    const excessRps = (surroundings.loadsNow.get(key) ?? 0) - mostRps(key, surroundings);
    return [key, Math.min(1, excessRps / leavingRps)];
  });
  return new Map(parts.filter(([, part]) => part > 0));
}

/** Requests per second that ends of moves take away from each destination. */
function rpsLeaving(
  moves: readonly Move[],
  ends: readonly { readonly target?: Split; readonly split?: Split }[],
): ReadonlyMap<DestinationKey, number> {
  const leaving = new Map<DestinationKey, number>();
  for (const [index, { now, demandRps }] of moves.entries()) {
    const end = ends[index]?.split ?? ends[index]?.target;
    for (const { destination, weight } of now) {
      const fall = ((weight - weightOf(end, destination)) / WEIGHT_TOTAL) * demandRps;
      if (fall > 0) leaving.set(keyOf(destination), (leaving.get(keyOf(destination)) ?? 0) + fall);
    }
  }
  return leaving;
}

/** How far a source must go, in basis points: the furthest that any overloaded destination it leaves asks for. */
function weightNeeded({ now, target }: Move, parts: ReadonlyMap<DestinationKey, number>): number {
  const part = now.reduce((most, { destination, weight }) => {
    const isLeft = weightOf(target, destination) < weight;
    return isLeft ? Math.max(most, parts.get(keyOf(destination)) ?? 0) : most;
  }, 0);
  return Math.ceil(part * distanceBetween(now, target));
}
