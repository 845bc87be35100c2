import * as fc from "fast-check";
import type { LoadCurve } from "../../../src/model/fleet-document.ts";
import type { Place, TransportProblem } from "../../../src/planner/optimise/problem.ts";

/** Numbers from that range; nothing else that is too small to be told from 0 in a sum. */
function between(min: number, max: number): fc.Arbitrary<number> {
  return fc.double({ min, max, noNaN: true }).map((number) => (number < 1e-9 * max ? min : number));
}

const queues: fc.Arbitrary<LoadCurve> = fc.record({
  kind: fc.constant("queue" as const),
  servers: fc.integer({ min: 1, max: 100 }),
  meanWorkMs: between(1, 100),
  squaredVariation: between(0, 4),
});

const polynomials: fc.Arbitrary<LoadCurve> = fc
  .record({
    baseMs: between(1, 50),
    topMs: between(0, 100),
    capacityRps: between(50, 5_000),
    exponent: fc.constantFrom(1, 2, 4),
    isEndless: fc.boolean(),
  })
  .map(({ baseMs, topMs, capacityRps, exponent, isEndless }) => ({
    kind: "polynomial" as const,
    baseMs,
    coefficient: topMs / capacityRps ** exponent,
    exponent,
    ...(isEndless ? {} : { capacityRps }),
  }));

/** A size of the place, rps, whatever its curve. */
export function sizeOf(curve: LoadCurve): number {
  if (curve.kind === "queue") return (1_000 * curve.servers) / curve.meanWorkMs;
  return curve.capacityRps ?? 1_000;
}

function placesOf(curves: fc.Arbitrary<LoadCurve>, isUnlimited: boolean): fc.Arbitrary<Place> {
  const limits = isUnlimited ? fc.constant(Infinity) : fc.oneof(between(0.3, 0.95), fc.constant(Infinity));
  const fixed = fc.oneof(fc.constant(0), between(0, 0.3));
  return fc.tuple(curves, limits, fixed).map(([curve, limit, fixed]) => ({
    curve,
    limitRps: limit === Infinity && curve.kind === "queue" ? 0.95 * sizeOf(curve) : limit * sizeOf(curve),
    fixedRps: fixed * sizeOf(curve),
  }));
}

/** What kind of problems to make. */
export interface ProblemBounds {
  readonly flows: number;
  readonly places: number;
  /** Most of all places' sizes that is wanted. */
  readonly mostUsed: number;
  readonly hasCeilings?: boolean;
  readonly onlyPolynomials?: boolean;
}

/** Problems of up to that size: mixed curves, forbidden pairs, places without limits, load that is there already. */
export function problems(bounds: ProblemBounds): fc.Arbitrary<TransportProblem> {
  const curves = bounds.onlyPolynomials === true ? polynomials : fc.oneof(queues, polynomials);
  const places = fc.array(placesOf(curves, false), { minLength: 1, maxLength: bounds.places });
  const costs = fc.oneof({ weight: 5, arbitrary: between(0, 200) }, { weight: 1, arbitrary: fc.constant(Infinity) });
  return fc
    .record({
      places,
      flows: fc.integer({ min: 1, max: bounds.flows }),
      used: between(0.05, bounds.mostUsed),
    })
    .chain(({ places, flows, used }) => {
      const all = used * places.reduce((sum, { curve }) => sum + sizeOf(curve), 0);
      const row = fc.array(costs, { minLength: places.length, maxLength: places.length });
      const lines = { minLength: flows, maxLength: flows };
      return fc
        .record({
          shares: fc.array(fc.oneof({ weight: 6, arbitrary: between(0.01, 1) }, fc.constant(0)), lines),
          costsMs: fc.array(row, lines),
          mostShares: fc.array(between(0.3, 1), lines),
        })
        .map(({ shares, costsMs, mostShares }) => {
          const sum = shares.reduce((so, share) => so + share, 0) || 1;
          const demandsRps = shares.map((share) => (all * share) / sum);
          const ceilingsRps = costsMs.map((line, flow) =>
            line.map(() => (mostShares[flow] ?? 1) * (demandsRps[flow] ?? 0)),
          );
          return { demandsRps, places, costsMs, ...(bounds.hasCeilings === true ? { ceilingsRps } : {}) };
        });
    });
}
