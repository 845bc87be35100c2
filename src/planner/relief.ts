import type { DestinationKey, Split } from "../model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import { distanceBetween } from "./apportion.ts";
import { weightOf } from "./eligible.ts";
import { stepAll } from "./step.ts";
import type { Move, Step, StepBound, Surroundings } from "./step.ts";

/** Tolerance of comparisons between loads, relative. */
const LOAD_NOISE = 1e-6;

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
  const parts = partsNeeded(moves, orderly, surroundings);
  if (parts.size === 0) return undefined;
  const urgent = moves.map((move) => ({ ...move, maxStepWeight: weightNeeded(move, parts) }));
  const { onloadMax: _cold, ...whole } = surroundings;
  const steps = stepAll(urgent, { ...whole, utilisationMax: 1 });
  if (steps.every(({ moved }, index) => moved <= (orderly[index]?.moved ?? 0))) return undefined;
  return steps.map((step, index) => ({ ...step, bound: boundOf(step, urgent[index]) }));
}

function boundOf({ bound }: Step, move: Move | undefined): StepBound {
  if (bound !== "step-limit") return bound;
  return move?.maxStepWeight === 0 ? "relief-first" : "relief";
}

/** Part of the moves away from each overloaded destination that brings it down to its limit, or as far as they go. */
function partsNeeded(
  moves: readonly Move[],
  orderly: readonly Step[],
  { loadsNow, loadsThen, capacities, utilisationMax }: Surroundings,
): ReadonlyMap<DestinationKey, number> {
  const leaving = rpsLeaving(moves, moves);
  const left = rpsLeaving(moves, orderly);
  const parts = new Map<DestinationKey, number>();
  for (const [key, leavingRps] of leaving) {
    const nowRps = loadsNow.get(key) ?? 0;
    const mostRps = Math.max((capacities.get(key) ?? Infinity) * utilisationMax, loadsThen.get(key) ?? 0);
    if (nowRps - (left.get(key) ?? 0) <= mostRps * (1 + LOAD_NOISE)) continue;
    parts.set(key, Math.min(1, (nowRps - mostRps) / leavingRps));
  }
  return parts;
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
