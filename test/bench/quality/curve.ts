import type { LoadCurve } from "../../../src/model/fleet-document.ts";

/** Most that a destination serves, rps; what has no end is `Infinity`. */
export function capacityOf(curve: LoadCurve): number {
  if (curve.kind === "queue") return (1_000 * curve.servers) / curve.meanWorkMs;
  return curve.capacityRps ?? Number.POSITIVE_INFINITY;
}

/**
 * `load * latency(load)` of a destination and its derivatives, ms * rps. Without meaning at or above a queue's capacity.
 *
 * Queues by Sakasegawa's approximation of M/G/c (1977): `rho^sqrt(2(c+1)) / (1-rho)` requests wait, times `(1+cv^2)/2`.
 */
export interface Cost {
  readonly value: number;
  readonly first: number;
  readonly second: number;
}

/** What a destination's requests cost together at a load, and how that grows. */
export function costAt(curve: LoadCurve, loadRps: number): Cost {
  return curve.kind === "queue" ? queueCost(curve, loadRps) : polynomialCost(curve, loadRps);
}

type Queue = Extract<LoadCurve, { readonly kind: "queue" }>;
type Polynomial = Extract<LoadCurve, { readonly kind: "polynomial" }>;

function queueCost(curve: Queue, loadRps: number): Cost {
  const capacityRps = capacityOf(curve);
  const rho = loadRps / capacityRps;
  const power = Math.sqrt(2 * (curve.servers + 1));
  const free = 1 - rho;
  const scale = 500 * (1 + curve.squaredVariation);
  // power >= 2, so that nothing is divided by a load of 0.
  const top2 = rho ** (power - 2);
  const top1 = top2 * rho;
  const top = top1 * rho;
  const slope = (power * top1) / free + top / free ** 2;
  const bend = (power * (power - 1) * top2) / free + (2 * power * top1) / free ** 2 + (2 * top) / free ** 3;
  return {
    value: curve.meanWorkMs * loadRps + (scale * top) / free,
    first: curve.meanWorkMs + (scale * slope) / capacityRps,
    second: (scale * bend) / capacityRps ** 2,
  };
}

function polynomialCost({ baseMs, coefficient, exponent }: Polynomial, loadRps: number): Cost {
  const grown = coefficient * loadRps ** exponent;
  return {
    value: loadRps * (baseMs + grown),
    first: baseMs + (exponent + 1) * grown,
    second: loadRps === 0 ? 0 : (exponent * (exponent + 1) * grown) / loadRps,
  };
}

/** Mean latency of one request at a load, ms. */
export function latencyMs(curve: LoadCurve, loadRps: number): number {
  if (loadRps > 0) return costAt(curve, loadRps).value / loadRps;
  return curve.kind === "queue" ? curve.meanWorkMs : curve.baseMs;
}
