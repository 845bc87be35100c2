import type { Division, Instance } from "../instance.ts";
import { byWeights } from "../stream.ts";
import { placeWithin } from "./placement.ts";
import { vertexOf } from "./vertex.ts";
import type { Vertex } from "./vertex.ts";

/** A division strictly within limits that everything fits into. */
export interface Start {
  readonly vertex: Vertex;
  readonly limitsRps: readonly number[];
  /** Factor by which the limits had to rise, 1 where there was room. */
  readonly rise: number;
}

/** How much of its limit a start leaves free at least: a barrier has no value on the limit itself. */
const INTERIOR = 1e-5;

/** Halvings in search of the lowest limits: to a millionth. */
const HALVINGS = 24;

/**
 * Every stream divided by the room of the backends that its sources may use: where all sources may use all backends nothing
 * fills the fullest less. Where policies keep sources apart and that does not fit, what does under the lowest limits.
 */
export function startWithin(instance: Instance, limitsRps: readonly number[]): Start {
  const spread = spreadByRoom(instance, limitsRps);
  const spreadFilling = fillingOf(instance, spread, limitsRps);
  const isLeast = spreadFilling < 1 - INTERIOR || isUnbound(instance);
  const division = isLeast ? spread : leastFilling(instance, { limitsRps, spread, spreadFilling });
  const rise = Math.max(1, fillingOf(instance, division, limitsRps) * (1 + INTERIOR));
  return { vertex: vertexOf(instance, division), limitsRps: limitsRps.map((rps) => rps * rise), rise };
}

function spreadByRoom(instance: Instance, limitsRps: readonly number[]): Division {
  const finite = limitsRps.every(Number.isFinite);
  return byWeights(
    instance,
    (stream, source) =>
      new Map(
        stream.backends
          .filter((b) => instance.mayUse[source]?.[b] === true)
          .map((b) => [b, finite ? (limitsRps[b] ?? 0) : 1]),
      ),
  );
}

/** Whether every source may use what any source may use, as much of it as it likes. */
function isUnbound({ mayUse, maxShare, demandRps }: Instance): boolean {
  const rows = mayUse.filter((_, source) => (demandRps[source] ?? 0) > 0);
  return maxShare === 1 && rows.every((row) => row.every((may, b) => may === rows[0]?.[b]));
}

function fillingOf(instance: Instance, division: Division, limitsRps: readonly number[]): number {
  return Math.max(
    ...vertexOf(instance, division).loadsRps.map((rps, b) => (rps === 0 ? 0 : rps / (limitsRps[b] ?? 0))),
  );
}

interface Spread {
  readonly limitsRps: readonly number[];
  readonly spread: Division;
  readonly spreadFilling: number;
}

function leastFilling(instance: Instance, { limitsRps, spread, spreadFilling }: Spread): Division {
  let [low, high, best] = [0, spreadFilling, spread];
  for (let halving = 0; halving < HALVINGS; halving += 1) {
    const middle = (low + high) / 2;
    const found = placeWithin(
      instance,
      limitsRps.map((rps) => rps * middle),
    );
    if (found === undefined) low = middle;
    else [high, best] = [middle, found];
  }
  return best;
}
