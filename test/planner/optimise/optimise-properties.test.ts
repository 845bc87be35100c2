import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { costCurveOf, slopeAt } from "../../../src/planner/optimise/curve.ts";
import { optimise } from "../../../src/planner/optimise/optimise.ts";
import type { TransportPlan, TransportProblem } from "../../../src/planner/optimise/problem.ts";
import { problems } from "./arbitrary-problem.ts";
import { loadsOf, slowOptimum, valueOf } from "./slow-optimum.ts";

const ANY = problems({ flows: 8, places: 6, mostUsed: 1.2 });
const WITH_CEILINGS = problems({ flows: 6, places: 5, mostUsed: 0.9, hasCeilings: true });
const EITHER = fc.oneof(ANY, WITH_CEILINGS);
const SMALL = problems({ flows: 3, places: 4, mostUsed: 0.5 });

/** Gap that is asked for where plans are compared with each other. */
const TIGHT = 1e-10;

const sum = (amounts: readonly number[]) => amounts.reduce((so, amount) => so + amount, 0);

function allowedPlaces({ costsMs }: TransportProblem, flow: number): readonly number[] {
  return [...(costsMs[flow] ?? []).entries()].filter(([, cost]) => cost < Infinity).map(([place]) => place);
}

/** How much more one value is than the other, relative to the first. */
function ratio(found: number, expected: number): number {
  return expected === 0 ? found : found / expected - 1;
}

describe("a division", () => {
  it("places every flow whole, nothing where it may not go", () => {
    fc.assert(
      fc.property(EITHER, (problem) => {
        const { amountsRps, unplaceable } = optimise(problem);
        for (const [flow, row] of amountsRps.entries()) {
          const allowed = allowedPlaces(problem, flow);
          expect(unplaceable.includes(flow)).toBe(allowed.length === 0);
          const demand = allowed.length === 0 ? 0 : (problem.demandsRps[flow] ?? 0);
          expect(Math.abs(sum(row) - demand)).toBeLessThanOrEqual(1e-9 * demand);
          expect(row.every((amount, place) => amount >= 0 && (amount === 0 || allowed.includes(place)))).toBe(true);
        }
      }),
    );
  });

  it("keeps every place within its limit, raised by the overload if there is one", () => {
    fc.assert(
      fc.property(EITHER, (problem) => {
        const { amountsRps, overload } = optimise(problem);
        const loads = loadsOf(problem, amountsRps);
        for (const [place, { limitRps, fixedRps }] of problem.places.entries())
          expect(loads[place]).toBeLessThanOrEqual(Math.max(limitRps * overload, fixedRps) * (1 + 1e-9));
        expect(overload).toBeGreaterThanOrEqual(1);
      }),
    );
  });

  it("keeps every pair under its ceiling, or exceeds all ceilings of a flow alike when they are too low together", () => {
    fc.assert(
      fc.property(WITH_CEILINGS, (problem) => {
        for (const [flow, row] of optimise(problem).amountsRps.entries()) {
          const ceiling = problem.ceilingsRps?.[flow]?.[0] ?? 0;
          const least = (problem.demandsRps[flow] ?? 0) / Math.max(1, allowedPlaces(problem, flow).length);
          expect(Math.max(...row)).toBeLessThanOrEqual(Math.max(ceiling, least) * (1 + 1e-9));
        }
      }),
    );
  });

  it("is certified to be within the gap that was asked for", () => {
    fc.assert(
      fc.property(EITHER, fc.constantFrom(1e-2, 1e-4, 1e-6, 1e-9), (problem, gap) => {
        const plan = optimise(problem, { gap });
        expect(plan.gap).toBeLessThanOrEqual(gap * (1 + 1e-3));
        expect(plan.bound).toBeLessThanOrEqual(plan.objective);
        expect(plan.gap).toBe(plan.objective > 0 ? (plan.objective - plan.bound) / plan.objective : 0);
      }),
      { numRuns: 400 },
    );
  });

  it("has a bound that no other division within the limits beats", () => {
    const wishes = fc.array(fc.double({ min: 0, max: 300, noNaN: true }), { minLength: 48, maxLength: 48 });
    fc.assert(
      fc.property(EITHER, wishes, (problem, wishes) => {
        const { bound, overload } = optimise(problem, { gap: 1e-3 });
        fc.pre(overload === 1);
        // A division that obeys the same limits, for other wishes.
        const costsMs = problem.costsMs.map((row, flow) =>
          row.map((cost, place) => (cost === Infinity ? Infinity : (wishes[flow * 6 + place] ?? 0))),
        );
        const other = optimise({ ...problem, costsMs });
        expect(bound).toBeLessThanOrEqual(valueOf(problem, other.amountsRps) * (1 + 1e-9));
      }),
    );
  });

  it("lies where each flow finds the least cost plus price, and prices are slopes where there is room (KKT)", () => {
    fc.assert(
      fc.property(EITHER, (problem) => {
        const plan = optimise(problem, { gap: 0 });
        const grain = 1e-6 * (1 + Math.max(...plan.pricesMs.map(Math.abs)));
        for (const { price, slope, hasRoom } of pricesOf(problem, plan)) {
          expect(price).toBeGreaterThanOrEqual(slope - grain);
          expect(hasRoom ? price : slope).toBeLessThanOrEqual(slope + grain);
        }
        expect(largestRegret(problem, plan)).toBeLessThanOrEqual(grain);
      }),
    );
  });
});

/** The price of each place beside its slope, and whether its limit leaves room. */
function pricesOf(problem: TransportProblem, { amountsRps, pricesMs }: TransportPlan) {
  const loads = loadsOf(problem, amountsRps);
  return problem.places.map(({ curve, limitRps }, place) => ({
    price: pricesMs[place] ?? 0,
    slope: slopeAt(costCurveOf(curve), loads[place] ?? 0),
    hasRoom: (loads[place] ?? 0) < limitRps * (1 - 1e-9),
  }));
}

/** By how much the worst request could go cheaper at the plan's prices, ms. */
function largestRegret(problem: TransportProblem, { amountsRps, pricesMs }: TransportPlan): number {
  const regrets = amountsRps.flatMap((row, flow) => {
    const costs = row.map((_, place) => (problem.costsMs[flow]?.[place] ?? 0) + (pricesMs[place] ?? 0));
    const demand = problem.demandsRps[flow] ?? 0;
    const ceiling = Math.max(
      problem.ceilingsRps?.[flow]?.[0] ?? Infinity,
      demand / allowedPlaces(problem, flow).length,
    );
    const open = costs.filter((_, place) => (row[place] ?? 0) < ceiling * (1 - 1e-9));
    const used = costs.filter((_, place) => (row[place] ?? 0) > 1e-9 * demand);
    return Math.max(...used) - Math.min(...open);
  });
  return Math.max(0, ...regrets);
}

/** True when no place is beyond what its formula is good for. */
function isByTheBook(problem: TransportProblem, { amountsRps }: TransportPlan): boolean {
  const loads = loadsOf(problem, amountsRps);
  return problem.places.every(({ curve, limitRps, fixedRps }, place) => {
    return fixedRps < limitRps && (loads[place] ?? 0) < costCurveOf(curve).kneeRps;
  });
}

/** What one more request per second of a place's limit would save, ms. */
function limitPriceOf({ price, slope, hasRoom }: ReturnType<typeof pricesOf>[number]): number {
  return hasRoom ? 0 : Math.max(0, price - slope);
}

/** By how much a place's load exceeds its limit, rps; negative: what is free. */
function roomTaken(problem: TransportProblem, amountsRps: readonly (readonly number[])[], place: number): number {
  const limitRps = problem.places[place]?.limitRps ?? Infinity;
  return limitRps === Infinity ? 0 : (loadsOf(problem, amountsRps)[place] ?? 0) - limitRps;
}

describe("the optimum", () => {
  it("is what a slow method of another kind finds", () => {
    const distances: number[] = [];
    fc.assert(
      fc.property(SMALL, (problem) => {
        const plan = optimise(problem, { gap: TIGHT });
        fc.pre(plan.overload === 1 && plan.unplaceable.length === 0 && isByTheBook(problem, plan));
        expect(Math.abs(ratio(valueOf(problem, plan.amountsRps), plan.objective))).toBeLessThan(1e-9);
        const slow = slowOptimum(problem);
        // It exceeds limits a little, which is worth no more than their prices say.
        const excess = sum(
          pricesOf(problem, plan).map((place, at) => limitPriceOf(place) * roomTaken(problem, slow, at)),
        );
        expect(ratio(valueOf(problem, slow) + excess, plan.objective)).toBeGreaterThan(-1e-9);
        distances.push(ratio(valueOf(problem, slow), plan.objective));
      }),
      { numRuns: 60 },
    );
    // It ends before it is there, here and there long before.
    const near = distances.filter((distance) => distance < 1e-3);
    expect(near.length).toBeGreaterThan(0.9 * distances.length);
  });

  it("does not depend on the order of flows and places", () => {
    fc.assert(
      fc.property(EITHER, fc.infiniteStream(fc.nat()), (problem, numbers) => {
        const flows = shuffled([...problem.demandsRps.keys()], numbers);
        const places = shuffled([...problem.places.keys()], numbers);
        const permuted = {
          demandsRps: flows.map((flow) => problem.demandsRps[flow] ?? 0),
          places: places.map((place) => problem.places[place]).filter((place) => place !== undefined),
          costsMs: permute(problem.costsMs, flows, places),
          ...(problem.ceilingsRps && { ceilingsRps: permute(problem.ceilingsRps, flows, places) }),
        };
        const [one, other] = [optimise(problem, { gap: TIGHT }), optimise(permuted, { gap: TIGHT })];
        expect(Math.abs(ratio(other.objective, one.objective))).toBeLessThan(1e-9);
        expect(Math.abs(ratio(other.overload, one.overload))).toBeLessThan(1e-9);
      }),
    );
  });

  it("grows with demand when places grow with it", () => {
    const polynomials = problems({ flows: 6, places: 5, mostUsed: 0.9, onlyPolynomials: true });
    fc.assert(
      fc.property(polynomials, fc.constantFrom(0.01, 0.3, 7, 1_000), (problem, factor) => {
        const [one, other] = [optimise(problem, { gap: TIGHT }), optimise(grown(problem, factor), { gap: TIGHT })];
        expect(Math.abs(ratio(other.objective, one.objective * factor))).toBeLessThan(1e-9);
      }),
    );
  });

  it("is the same from wherever the search starts", () => {
    const amounts = fc.array(
      fc.array(fc.oneof(fc.constant(0), fc.double({ min: -1, max: 1e4, noNaN: true })), { maxLength: 6 }),
      {
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(EITHER, amounts, (problem, start) => {
        const [cold, warm] = [optimise(problem, { gap: TIGHT }), optimise(problem, { gap: TIGHT, start })];
        expect(warm.gap).toBeLessThanOrEqual(1e-9);
        expect(Math.abs(ratio(warm.objective, cold.objective))).toBeLessThan(1e-9);
      }),
    );
  });

  it("is the same from a start that overfills a place a hundred times", () => {
    const queue = (servers: number, meanWorkMs: number) =>
      ({ kind: "queue", servers, meanWorkMs, squaredVariation: 0 }) as const;
    const problem = {
      demandsRps: [3_459.189952490488],
      places: [
        { curve: queue(54, 3.434748969056992), limitRps: 14_935.6, fixedRps: 0 },
        { curve: queue(45, 3.447598836823592), limitRps: 6_765.6, fixedRps: 0 },
        { curve: queue(4, 52.13979508152486), limitRps: 32.22564188248456, fixedRps: 0 },
      ],
      costsMs: [[0, 0, 2.0116567611694336e-7]],
    };
    const [cold, warm] = [optimise(problem), optimise(problem, { start: [[0, 0, 1]] })];
    expect(warm.gap).toBeLessThanOrEqual(1e-9);
    expect(Math.abs(ratio(warm.objective, cold.objective))).toBeLessThan(1e-9);
  });

  it("is the same from the plan before a place lost capacity", () => {
    fc.assert(
      fc.property(EITHER, fc.double({ min: 0.1, max: 1, noNaN: true }), (problem, left) => {
        const start = optimise(problem).amountsRps;
        const places = problem.places.map((place, index) =>
          index === 0 ? { ...place, limitRps: place.limitRps * left } : place,
        );
        const [cold, warm] = [{}, { start }].map((from) => optimise({ ...problem, places }, { gap: TIGHT, ...from }));
        expect(Math.abs(ratio(warm?.objective ?? 0, cold?.objective ?? 0))).toBeLessThan(1e-9);
      }),
    );
  });

  it("is the same bytes every time", () => {
    fc.assert(
      fc.property(EITHER, (problem) => {
        const copy = structuredClone(problem);
        expect(JSON.stringify(optimise(copy))).toBe(JSON.stringify(optimise(problem)));
        expect(copy).toEqual(problem);
      }),
    );
  });
});

function shuffled(numbers: readonly number[], chance: Stream): readonly number[] {
  return numbers
    .map((number) => ({ number, rank: chance.next().value ?? 0 }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ number }) => number);
}

interface Stream {
  next(): { readonly value?: number };
}

function permute(matrix: readonly (readonly number[])[], rows: readonly number[], columns: readonly number[]) {
  return rows.map((row) => columns.map((column) => matrix[row]?.[column] ?? 0));
}

function grown(problem: TransportProblem, factor: number): TransportProblem {
  const places = problem.places.map(({ curve, limitRps, fixedRps }) => {
    if (curve.kind === "queue") throw new Error("queues gain from size");
    const coefficient = curve.coefficient / factor ** curve.exponent;
    const capacityRps = curve.capacityRps === undefined ? {} : { capacityRps: curve.capacityRps * factor };
    return {
      curve: { ...curve, coefficient, ...capacityRps },
      limitRps: limitRps * factor,
      fixedRps: fixedRps * factor,
    };
  });
  return { ...problem, demandsRps: problem.demandsRps.map((demand) => demand * factor), places };
}
