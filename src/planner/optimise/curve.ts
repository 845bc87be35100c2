import type { LoadCurve } from "../../model/fleet-document.ts";
import { fullLoadOf } from "../../model/service.ts";
import type { QueueCurve } from "../../model/service.ts";

/**
 * What a load costs, `C(X) = X * latency(X)` in ms * requests per second (by Little's law 1 000 times the requests in
 * flight), in one form for every kind of curve. Up to `kneeRps`, with `u = X / unitRps`:
 * - queue (M/G/c by Sakasegawa): `C = base * X + scale * u^exponent / (1 - u)`, `exponent = sqrt(2 (c + 1))`;
 * - polynomial: `C = base * X + scale * u^exponent`.
 *
 * Beyond the knee C is continued by the parabola of equal value, slope and curvature, so that an overload stays finite,
 * convex and comparable with another.
 */
export interface CostCurve {
  readonly isQueue: boolean;
  readonly baseMs: number;
  readonly scale: number;
  readonly exponent: number;
  /** Load at which u is 1: for a queue its capacity. */
  readonly unitRps: number;
  /** Where the continuation begins; infinite: nowhere. */
  readonly kneeRps: number;
  readonly kneeCost: number;
  readonly kneeSlope: number;
  readonly kneeCurvature: number;
}

/** Utilisation up to which a queue's formula is taken at its word. */
const KNEE = 0.98;

/** Stands for a capacity of nothing, which would be divided by. */
const LEAST_CAPACITY_RPS = 1e-9;

/** A load curve as cost. */
export function costCurveOf(curve: LoadCurve): CostCurve {
  return withKnee(curve.kind === "queue" ? queueOf(curve) : polynomialOf(curve));
}

interface Formula {
  readonly isQueue: boolean;
  readonly baseMs: number;
  readonly scale: number;
  readonly exponent: number;
  readonly unitRps: number;
  readonly kneeRps: number;
}

function queueOf(curve: QueueCurve): Formula {
  const { servers, meanWorkMs, squaredVariation } = curve;
  const capacityRps = Math.max(LEAST_CAPACITY_RPS, fullLoadOf(curve));
  return {
    isQueue: true,
    baseMs: meanWorkMs,
    scale: (1_000 * (1 + squaredVariation)) / 2,
    // Sakasegawa's formula is meant for whole servers; below one its curvature at no load would be infinite.
    exponent: Math.sqrt(2 * (Math.max(1, servers) + 1)),
    unitRps: capacityRps,
    kneeRps: KNEE * capacityRps,
  };
}

function polynomialOf(curve: Extract<LoadCurve, { kind: "polynomial" }>): Formula {
  const { baseMs, coefficient, exponent, capacityRps } = curve;
  return {
    isQueue: false,
    baseMs,
    scale: coefficient,
    exponent: exponent + 1,
    unitRps: 1,
    kneeRps: capacityRps === undefined ? Infinity : KNEE * Math.max(LEAST_CAPACITY_RPS, capacityRps),
  };
}

function withKnee({ isQueue, baseMs, scale, exponent, unitRps, kneeRps }: Formula): CostCurve {
  const bare = {
    isQueue,
    baseMs,
    scale,
    exponent,
    unitRps,
    kneeRps: Infinity,
    kneeCost: 0,
    kneeSlope: 0,
    kneeCurvature: 0,
  };
  if (kneeRps === Infinity) return bare;
  const kneeSlope = slopeAt(bare, kneeRps);
  const kneeCurvature = curvatureOf(bare, kneeRps, kneeSlope);
  const kneeCost = costAt(bare, kneeRps);
  return { isQueue, baseMs, scale, exponent, unitRps, kneeRps, kneeCost, kneeSlope, kneeCurvature };
}

/** C(X), ms * requests per second. */
export function costAt(curve: CostCurve, loadRps: number): number {
  if (loadRps > curve.kneeRps) {
    const over = loadRps - curve.kneeRps;
    return curve.kneeCost + over * (curve.kneeSlope + (over * curve.kneeCurvature) / 2);
  }
  const used = loadRps / curve.unitRps;
  const power = curve.scale * used ** curve.exponent;
  return curve.baseMs * loadRps + (curve.isQueue ? power / (1 - used) : power);
}

/** C'(X): what one more request per second costs there, ms. */
export function slopeAt(curve: CostCurve, loadRps: number): number {
  if (loadRps > curve.kneeRps) return curve.kneeSlope + (loadRps - curve.kneeRps) * curve.kneeCurvature;
  const { exponent } = curve;
  const used = loadRps / curve.unitRps;
  const power = (curve.scale / curve.unitRps) * used ** (exponent - 1);
  if (!curve.isQueue) return curve.baseMs + exponent * power;
  const free = 1 - used;
  return curve.baseMs + (power * (exponent * free + used)) / (free * free);
}

/** C(X) from `slope = C'(X)`: costs no further power. */
export function costFromSlope(curve: CostCurve, loadRps: number, slope: number): number {
  if (loadRps > curve.kneeRps) return costAt(curve, loadRps);
  const { exponent, baseMs } = curve;
  const queueing = (slope - baseMs) * loadRps;
  if (!curve.isQueue) return baseMs * loadRps + queueing / exponent;
  const used = loadRps / curve.unitRps;
  const free = 1 - used;
  return baseMs * loadRps + (queueing * free) / (exponent * free + used);
}

/** C''(X), ms per request per second, from `slope = C'(X)`: costs no further power. */
export function curvatureOf(curve: CostCurve, loadRps: number, slope: number): number {
  if (loadRps > curve.kneeRps) return curve.kneeCurvature;
  if (loadRps <= 0) return curvatureAtRest(curve);
  const { exponent } = curve;
  if (!curve.isQueue) return ((slope - curve.baseMs) * (exponent - 1)) / loadRps;
  const used = loadRps / curve.unitRps;
  const free = 1 - used;
  const bend = exponent * (exponent - 1) * free * free + 2 * exponent * used * free + 2 * used * used;
  return ((slope - curve.baseMs) * bend) / (loadRps * free * (exponent * free + used));
}

function curvatureAtRest({ exponent, scale, unitRps }: CostCurve): number {
  return exponent > 2 ? 0 : (2 * scale) / (unitRps * unitRps);
}

/** Enough for Newton's method from any start within its bracket; it takes 3 or 4 from near. */
const MOST_STEPS = 60;

/**
 * The load at which C' is `slope`; 0 below C'(0), Infinity where C' never gets there. Newton's method kept in a bracket.
 *
 * @param guessRps - a load near which the answer may be.
 */
export function loadAtSlope(curve: CostCurve, slope: number, guessRps: number): number {
  if (slope <= curve.baseMs) return 0;
  if (slope >= curve.kneeSlope && curve.kneeRps < Infinity)
    return curve.kneeCurvature > 0 ? curve.kneeRps + (slope - curve.kneeSlope) / curve.kneeCurvature : Infinity;
  if (!curve.isQueue) {
    const power = (slope - curve.baseMs) / (curve.exponent * curve.scale);
    return power === Infinity ? Infinity : power ** (1 / (curve.exponent - 1));
  }
  return queueLoadAtSlope(curve, slope, guessRps);
}

function queueLoadAtSlope(curve: CostCurve, slope: number, guessRps: number): number {
  let low = 0;
  let high = curve.kneeRps;
  let load = guessRps > low && guessRps < high ? guessRps : high / 2;
  for (let step = 0; step < MOST_STEPS; step++) {
    const found = slopeAt(curve, load);
    if (found > slope) high = load;
    else low = load;
    const next = load - (found - slope) / curvatureOf(curve, load, found);
    // The error after a step goes with the square of the step.
    if (Math.abs(next - load) <= 1e-9 * load) return next;
    // Newton's step from the flat part leaves the bracket (or is no number): halve it instead.
    load = next > low && next < high ? next : (low + high) / 2;
  }
  return load;
}
