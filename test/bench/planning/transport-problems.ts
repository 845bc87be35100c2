import type { TransportProblem } from "../../../src/planner/optimise/problem.ts";
import type { Instance } from "../quality/instance.ts";
import { limitsRps } from "../quality/optimum/convex-costs.ts";

/** An instance as the optimiser takes it: sources without requests left out. */
export function problemOf(instance: Instance, utilisationMax: number): TransportProblem {
  const limits = limitsRps(instance, utilisationMax);
  const sources = instance.demandRps.flatMap((rps, source) => (rps > 0 ? [source] : []));
  return {
    demandsRps: sources.map((source) => instance.demandRps[source] ?? 0),
    places: instance.backends.map(({ curve }, b) => ({ curve, limitRps: limits[b] ?? 0, fixedRps: 0 })),
    costsMs: sources.map((source) => instance.costMs[source] ?? []),
  };
}

/** The same problem without one of its places. */
export function without(problem: TransportProblem, place: number): TransportProblem {
  return { ...problem, costsMs: problem.costsMs.map((row) => row.with(place, Number.POSITIVE_INFINITY)) };
}
