import { describe, expect, it } from "vitest";
import { optimise } from "../../../src/planner/optimise/optimise.ts";
import type { Place, TransportProblem } from "../../../src/planner/optimise/problem.ts";
import { queue, SCENARIOS } from "./scenarios.ts";

/** A place whose latency is 10 ms and 0.01 ms more for each rps, so that one more request costs 10 + 0.02 X. */
function straight(limitRps = Infinity, fixedRps = 0): Place {
  return { curve: { kind: "polynomial", baseMs: 10, coefficient: 0.01, exponent: 1 }, limitRps, fixedRps };
}

function problem(demandsRps: readonly number[], costsMs: readonly (readonly number[])[], places: readonly Place[]) {
  return { demandsRps, costsMs, places } satisfies TransportProblem;
}

const EXACT = { gap: 1e-12 };

/** To a millionth of a request per second. */
function rounded(amountsRps: readonly (readonly number[])[]): readonly (readonly number[])[] {
  return amountsRps.map((row) => row.map((amount) => Math.round(amount * 1e6) / 1e6));
}

describe("optimise", () => {
  it("makes one more request cost the same everywhere: 10 + 0.02 * 75 = 1 + 10 + 0.02 * 25", () => {
    const plan = optimise(problem([100], [[0, 1]], [straight(), straight()]), EXACT);
    expect(rounded(plan.amountsRps)).toEqual([[75, 25]]);
    expect(plan.pricesMs[0]).toBeCloseTo(11.5, 9);
    expect(plan.pricesMs[1]).toBeCloseTo(10.5, 9);
    // 75 * (10 + 0.75) + 25 * (10 + 0.25) + 25 * 1
    expect(plan.objective).toBeCloseTo(1_087.5, 9);
    expect(plan.bound).toBeCloseTo(1_087.5, 9);
    expect(plan).toMatchObject({ overload: 1, unplaceable: [] });
  });

  it("keeps all at home when the way costs more than the queue", () => {
    const plan = optimise(problem([100], [[0, 3]], [straight(), straight()]), EXACT);
    expect(rounded(plan.amountsRps)).toEqual([[100, 0]]);
    expect(plan.pricesMs).toEqual([12, 10]);
  });

  it("prefers the nearer of two equal places exactly as far as it is nearer", () => {
    const plan = optimise(problem([90], [[5, 0, 0.2]], [straight(), straight(), straight()]), EXACT);
    // 0.02 (X1 - X2) = 0.2: 10 rps more at the nearer one; nothing at the one that is 5 ms away.
    expect(rounded(plan.amountsRps)).toEqual([[0, 50, 40]]);
  });

  it("fills a place to its limit and no further, and says what the limit costs", () => {
    const plan = optimise(problem([100], [[0, 1]], [straight(60), straight()]), EXACT);
    expect(rounded(plan.amountsRps)).toEqual([[60, 40]]);
    expect(plan.amountsRps[0]?.[0]).toBeLessThanOrEqual(60);
    // Worth as much as a request at the other place: 1 + 10 + 0.02 * 40; its own slope is only 11.2.
    expect(plan.pricesMs[0]).toBeCloseTo(11.8, 9);
    expect(plan.gap).toBeLessThan(1e-12);
  });

  it("counts load that does not move", () => {
    const plan = optimise(problem([100], [[0, 0]], [straight(Infinity, 50), straight()]), EXACT);
    expect(rounded(plan.amountsRps)).toEqual([[25, 75]]);
    expect(plan.objective).toBeCloseTo(2 * 75 * 10.75, 9);
    const limited = optimise(problem([100], [[0, 0]], [straight(60, 50), straight()]), EXACT);
    expect(rounded(limited.amountsRps)).toEqual([[10, 90]]);
  });

  it("moves a neighbour on to make room at a full place", () => {
    // The first flow reaches only a and b, the second b and c: b is full, so what the first sends there drives the second to c.
    const costs = [
      [0, 1, Infinity],
      [Infinity, 0, 1],
    ];
    const plan = optimise(problem([150, 100], costs, [straight(100), straight(100), straight(100)]), EXACT);
    // b stays at 100, of which d come from a: 10 + 0.02 (150 - d) = 1 + 1 + 10 + 0.02 d, kept by a's limit at d = 50.
    expect(rounded(plan.amountsRps)).toEqual([
      [100, 50, 0],
      [0, 50, 50],
    ]);
    expect(plan.gap).toBeLessThan(1e-12);
    // A request at b is worth what it costs at c and the way there.
    expect(plan.pricesMs[1]).toBeCloseTo(12, 6);
  });

  it("gives the same shares to servers as to theirs: no queue is preferred among equals", () => {
    const plan = optimise(problem([600], [[1, 1, 1]], [queue(10, 20), queue(10, 20), queue(10, 20)]), EXACT);
    expect(rounded(plan.amountsRps)).toEqual([[200, 200, 200]]);
  });
});

describe("limits that are too low", () => {
  it("rise alike by the least factor that is enough", () => {
    const plan = optimise(problem([100], [[0, 50]], [straight(30), straight(50)]));
    expect(plan.overload).toBeCloseTo(1.25, 9);
    expect(rounded(plan.amountsRps)).toEqual([[37.5, 62.5]]);
  });

  it("rise only where the flows that are too large may go", () => {
    const costs = [
      [0, 1, Infinity],
      [Infinity, Infinity, 0],
    ];
    const plan = optimise(problem([90, 150], costs, [straight(20), straight(40), straight(100)]));
    // 90 / 60 for the first two; the third has a factor of its own, 150 / 100.
    expect(plan.overload).toBeCloseTo(1.5, 9);
    expect(rounded(plan.amountsRps)).toEqual([
      [30, 60, 0],
      [0, 0, 150],
    ]);
    const eased = optimise(problem([90, 50], costs, [straight(20), straight(40), straight(100)]));
    expect(eased.overload).toBeCloseTo(1.5, 9);
    const roomy = optimise(problem([50, 150], costs, [straight(20), straight(40), straight(100)]));
    expect(roomy.overload).toBeCloseTo(1.5, 9);
    expect(roomy.amountsRps[0]?.[0]).toBeLessThanOrEqual(20);
  });

  it("rise until roundings have room too, be one place a hundred-thousandth of the other", () => {
    const server = (servers: number, limitRps: number): Place => ({ ...queue(servers, 20, 1), limitRps, fixedRps: 0 });
    const places = [server(3.02, 120.80000000000001), server(0, 0.001)];
    const ceilingsRps = [
      [135, 135],
      [217, 217],
    ];
    const costs = [
      [0, 131],
      [140, 100],
    ];
    const plan = optimise({ ...problem([135, 217], costs, places), ceilingsRps });
    expect(plan.overload).toBeCloseTo(352 / 120.801, 9);
    expect(plan.amountsRps.flat().reduce((sum, rps) => sum + rps, 0)).toBeCloseTo(352, 9);
  });

  it("do not rise for load that is there anyway", () => {
    const plan = optimise(problem([30], [[0, 5]], [straight(50, 80), straight(50)]));
    expect(plan.overload).toBe(1);
    expect(rounded(plan.amountsRps)).toEqual([[0, 30]]);
  });

  it("are overcome by ways over several places before they rise", () => {
    const costs = [
      [0, 9, Infinity],
      [Infinity, 0, 9],
    ];
    const plan = optimise(problem([100, 60], costs, [straight(60), straight(60), straight(60)]));
    expect(plan.overload).toBe(1);
    expect(rounded(plan.amountsRps)).toEqual([
      [60, 40, 0],
      [0, 20, 40],
    ]);
  });
});

describe("flows", () => {
  it("without an allowed place are told, and cost nothing", () => {
    const costs = [[0], [Infinity]];
    const plan = optimise(problem([100, 50], costs, [straight()]));
    expect(plan.unplaceable).toEqual([1]);
    expect(plan.amountsRps).toEqual([[100], [0]]);
    expect(plan.objective).toBeCloseTo(1_100, 9);
  });

  it("have no place where there is no room at all", () => {
    const plan = optimise(problem([100], [[0, 20]], [straight(0), straight()]));
    expect(rounded(plan.amountsRps)).toEqual([[0, 100]]);
    expect(optimise(problem([100], [[0]], [straight(0)])).unplaceable).toEqual([0]);
  });

  it("keep under their ceilings", () => {
    const ceilingsRps = [[60, 100, 10]];
    const costs = [[0, 20, 10]];
    const places = [straight(), straight(), straight()];
    const plan = optimise({ ...problem([100], costs, places), ceilingsRps }, EXACT);
    expect(rounded(plan.amountsRps)).toEqual([[60, 30, 10]]);
    expect(plan.gap).toBeLessThan(1e-12);
  });

  it("whose ceilings are too low together exceed all of them alike", () => {
    const ceilingsRps = [[20, 30]];
    const plan = optimise({ ...problem([100], [[0, 0]], [straight(), straight()]), ceilingsRps });
    expect(rounded(plan.amountsRps)).toEqual([[40, 60]]);
  });

  it("without demand change nothing", () => {
    const ceilingsRps = [[0], [70]];
    const plan = optimise({ ...problem([0, 70], [[0], [0]], [straight()]), ceilingsRps });
    expect(plan).toMatchObject({ amountsRps: [[0], [70]], unplaceable: [] });
  });

  it("may be none, and places too", () => {
    expect(optimise(problem([], [], [straight()]))).toMatchObject({ amountsRps: [], objective: 0, gap: 0 });
    expect(optimise(problem([5], [[]], []))).toMatchObject({ amountsRps: [[]], unplaceable: [0], overload: 1 });
  });
});

describe("scenarios", () => {
  it.each(SCENARIOS)("$name: $latencyMs ms, certified to 1e-5", ({ problem: given, latencyMs }) => {
    const plan = optimise(given, { gap: 1e-5 });
    expect(plan.gap).toBeLessThanOrEqual(1e-5);
    const demand = given.demandsRps.reduce((sum, rps) => sum + rps, 0);
    // The known values are rounded to 0.1 ms.
    expect(Math.abs(plan.objective / demand - latencyMs)).toBeLessThan(0.06);
  });

  it.each(SCENARIOS)("$name: can be certified to 1e-12", ({ problem: given }) => {
    expect(optimise(given, EXACT).gap).toBeLessThanOrEqual(1e-12);
  });

  it.each(SCENARIOS)("$name: from its own plan, and from that with a weaker place", ({ problem: given }) => {
    const plan = optimise(given, EXACT);
    const again = optimise(given, { ...EXACT, start: plan.amountsRps });
    expect(again.objective / plan.objective).toBeCloseTo(1, 11);
    const places = given.places.map((place, index) =>
      index === 1 ? { ...place, limitRps: place.limitRps * 0.7 } : place,
    );
    const warm = optimise({ ...given, places }, { ...EXACT, start: plan.amountsRps });
    expect(warm.objective / optimise({ ...given, places }, EXACT).objective).toBeCloseTo(1, 11);
  });
});
