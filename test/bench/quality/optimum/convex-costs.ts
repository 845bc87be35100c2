import { costAt } from "../curve.ts";
import type { Instance } from "../instance.ts";
import { SHED_ABOVE } from "../evaluate.ts";

/** First and second derivative of one backend's cost. */
export interface Slope {
  readonly first: number;
  readonly second: number;
}

/** Most load of each backend at a utilisation limit, rps; never more than what is served without shedding. */
export function limitsRps(instance: Instance, utilisationMax: number): readonly number[] {
  return instance.backends.map(({ capacityRps }) => Math.min(utilisationMax, SHED_ABOVE) * capacityRps);
}

/**
 * Slope of a backend's cost plus a logarithmic barrier `-weight * ln(limit - load)`, which keeps every iterate within the
 * limits; infinite at the limit and beyond.
 */
export function slopeAt(
  instance: Instance,
  b: number,
  point: { readonly loadRps: number; readonly limitRps: number; readonly barrier: number },
): Slope {
  const backend = instance.backends[b];
  const { loadRps, limitRps, barrier } = point;
  if (backend === undefined || loadRps >= limitRps) return { first: Number.POSITIVE_INFINITY, second: 1 };
  const { first, second } = costAt(backend.curve, loadRps);
  if (limitRps === Number.POSITIVE_INFINITY) return { first, second };
  const free = limitRps - loadRps;
  return { first: first + barrier / free, second: second + barrier / free ** 2 };
}

/** The least of `cost(load) - priceMs * load` for a load from 0 to the limit: what a backend earns at most at a price. */
export function leastAt(
  instance: Instance,
  b: number,
  at: { readonly priceMs: number; readonly limitRps: number },
): number {
  const curve = instance.backends[b]?.curve;
  if (curve === undefined) return 0;
  const slope = (load: number): number => costAt(curve, load).first - at.priceMs;
  let low = 0;
  let high = Number.isFinite(at.limitRps) ? at.limitRps : 2 * instance.totalRps;
  if (slope(0) >= 0) return 0;
  if (slope(high) > 0) {
    for (let round = 0; round < 60; round += 1) {
      const middle = (low + high) / 2;
      if (slope(middle) > 0) high = middle;
      else low = middle;
    }
    // The tangent at any point between lies below the least value, so that rounding cannot lift the bound above it.
    const middle = (low + high) / 2;
    const { value, first } = costAt(curve, middle);
    const rest = first - at.priceMs;
    return value - at.priceMs * middle - Math.abs(rest) * (high - low);
  }
  return costAt(curve, high).value - at.priceMs * high;
}
