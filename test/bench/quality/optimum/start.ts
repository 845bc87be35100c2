import type { Instance } from "../instance.ts";
import { byWeights } from "../stream.ts";
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

/**
 * Every stream divided by the room of the backends that its sources may use. Where all sources may use all backends this
 * also finds the lowest rise of the limits at which everything fits: demand over room.
 */
export function startWithin(instance: Instance, limitsRps: readonly number[]): Start {
  const finite = limitsRps.every(Number.isFinite);
  const weightOf = (b: number): number => (finite ? (limitsRps[b] ?? 0) : 1);
  const division = byWeights(
    instance,
    (stream, source) =>
      new Map(stream.backends.filter((b) => instance.mayUse[source]?.[b] === true).map((b) => [b, weightOf(b)])),
  );
  const vertex = vertexOf(instance, division);
  const fullest = Math.max(...vertex.loadsRps.map((rps, b) => rps / (limitsRps[b] ?? Number.NaN)));
  const rise = Math.max(1, fullest * (1 + INTERIOR));
  return { vertex, limitsRps: limitsRps.map((rps) => rps * rise), rise };
}
