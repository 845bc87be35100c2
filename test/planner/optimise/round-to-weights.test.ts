import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { optimise } from "../../../src/planner/optimise/optimise.ts";
import type { Place, TransportPlan, TransportProblem } from "../../../src/planner/optimise/problem.ts";
import { roundToWeights } from "../../../src/planner/optimise/round-to-weights.ts";
import { problems } from "./arbitrary-problem.ts";
import { SCENARIOS } from "./scenarios.ts";
import { loadsOf, valueOf } from "./slow-optimum.ts";

const EITHER = fc.oneof(
  problems({ flows: 8, places: 6, mostUsed: 0.9 }),
  problems({ flows: 6, places: 5, mostUsed: 0.9, hasCeilings: true }),
);

function amountsOf(problem: TransportProblem, weights: readonly (readonly number[])[], total: number) {
  return weights.map((row, flow) => row.map((weight) => (weight / total) * (problem.demandsRps[flow] ?? 0)));
}

function place(limitRps: number): Place {
  return { curve: { kind: "polynomial", baseMs: 10, coefficient: 0.01, exponent: 1 }, limitRps, fixedRps: 0 };
}

describe("roundToWeights", () => {
  it("gives whole weights that sum to the total, none to a forbidden pair", () => {
    fc.assert(
      fc.property(EITHER, fc.constantFrom(100, 10_000), (problem, total) => {
        const plan = optimise(problem);
        for (const [flow, row] of roundToWeights(problem, plan, total).entries()) {
          const sum = row.reduce((so, weight) => so + weight, 0);
          expect(sum).toBe(plan.unplaceable.includes(flow) ? 0 : total);
          for (const [place, weight] of row.entries()) {
            expect(Number.isInteger(weight) && weight >= 0).toBe(true);
            expect(problem.costsMs[flow]?.[place] === Infinity ? weight : 0).toBe(0);
          }
        }
      }),
    );
  });

  it("stays at most a unit of each flow from the plan where limits leave room", () => {
    fc.assert(
      fc.property(problems({ flows: 8, places: 6, mostUsed: 0.3 }), (problem) => {
        const unlimited = { ...problem, places: problem.places.map((found) => ({ ...found, limitRps: Infinity })) };
        const plan = optimise(unlimited);
        const amounts = amountsOf(unlimited, roundToWeights(unlimited, plan), 10_000);
        for (const [flow, row] of plan.amountsRps.entries()) {
          const unit = (unlimited.demandsRps[flow] ?? 0) / 10_000;
          for (const [at, amount] of row.entries())
            expect(Math.abs((amounts[flow]?.[at] ?? 0) - amount)).toBeLessThanOrEqual(unit * (1 + 1e-6));
        }
      }),
    );
  });

  it("exceeds no limit while another place has room for a unit", () => {
    const plan = optimise(problemOf([100, 100], [place(33.333), place(300)]));
    const problem = problemOf([100, 100], [place(33.333), place(300)]);
    const loads = loadsOf(problem, amountsOf(problem, roundToWeights(problem, plan), 10_000));
    expect(loads[0]).toBeLessThanOrEqual(33.333);
    expect(loads[0]).toBeGreaterThan(33.333 - 0.02);
  });

  it("exceeds full limits by no more than a unit when nothing has room", () => {
    const problem = problemOf([100], [place(33.3333), place(66.6667)]);
    const loads = loadsOf(problem, amountsOf(problem, roundToWeights(problem, optimise(problem)), 10_000));
    expect(Math.max((loads[0] ?? 0) - 33.3333, (loads[1] ?? 0) - 66.6667)).toBeLessThanOrEqual(0.01);
  });

  it("evens out over flows: a hundred flows with half a unit to give do not all give it to one place", () => {
    const alike = Array.from({ length: 100 }, () => [0, 0]);
    const problem = { demandsRps: alike.map(() => 1), costsMs: alike, places: [place(Infinity), place(Infinity)] };
    const amountsRps = problem.demandsRps.map(() => [0.50005, 0.49995]);
    const plan: TransportPlan = { ...optimise(problem), amountsRps };
    const loads = loadsOf(problem, amountsOf(problem, roundToWeights(problem, plan, 1_000), 1_000));
    expect(loads[0]).toBeCloseTo(50, 3);
  });

  it("sends a flow without demand where its first request costs least", () => {
    const problem = {
      ...problemOf([0, 50], [place(Infinity), place(Infinity)]),
      costsMs: [
        [3, 0],
        [0, 100],
      ],
    };
    expect(roundToWeights(problem, optimise(problem))).toEqual([
      [0, 10_000],
      [10_000, 0],
    ]);
    // With 300 rps the home of the second flow costs 6 ms more than rest.
    const busy = {
      ...problem,
      demandsRps: [0, 300],
      costsMs: [
        [0, 5],
        [0, 100],
      ],
    };
    expect(roundToWeights(busy, optimise(busy))[0]).toEqual([0, 10_000]);
  });

  it.each(SCENARIOS)("costs at most 1e-6 of the objective: $name", ({ problem }) => {
    const plan = optimise(problem, { gap: 1e-9 });
    const rounded = valueOf(problem, amountsOf(problem, roundToWeights(problem, plan), 10_000));
    expect(rounded / plan.objective - 1).toBeLessThan(1e-6);
    expect(rounded).toBeGreaterThanOrEqual(plan.bound * (1 - 1e-9));
  });
});

/** Every flow may go everywhere: nothing to pay at the first place, 1 ms at others. */
function problemOf(demandsRps: readonly number[], places: readonly Place[]): TransportProblem {
  return { demandsRps, places, costsMs: demandsRps.map(() => places.map((_, at) => (at === 0 ? 0 : 1))) };
}
