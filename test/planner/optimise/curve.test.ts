import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LoadCurve } from "../../../src/model/fleet-document.ts";
import { costAt, costCurveOf, curvatureOf, loadAtSlope, slopeAt } from "../../../src/planner/optimise/curve.ts";
import { problems } from "./arbitrary-problem.ts";

function queue(servers: number, meanWorkMs: number, squaredVariation = 1): LoadCurve {
  return { kind: "queue", servers, meanWorkMs, squaredVariation };
}

/** Requests that wait in M/M/c, by Erlang's second formula (through the recursion of his first). */
function waitingInMmc(servers: number, utilisation: number): number {
  const offered = servers * utilisation;
  let blocked = 1;
  for (let count = 1; count <= servers; count++) blocked = (offered * blocked) / (count + offered * blocked);
  const delayed = blocked / (1 - utilisation * (1 - blocked));
  return (delayed * utilisation) / (1 - utilisation);
}

/** Requests that wait by the curve: its cost is 1 000 times the requests in flight, of which `offered` are in service. */
function waiting(servers: number, utilisation: number, squaredVariation = 1): number {
  const meanWorkMs = 20;
  const rps = (1_000 * servers * utilisation) / meanWorkMs;
  return costAt(costCurveOf(queue(servers, meanWorkMs, squaredVariation)), rps) / 1_000 - servers * utilisation;
}

describe("the cost of a queue", () => {
  it("is in ms * requests per second: 100 rps that take 50 ms each cost 5 000", () => {
    // M/M/1 with 40 ms of work at 20 % takes 40 / (1 - 0.2) = 50 ms, so 5 rps cost 250.
    expect(costAt(costCurveOf(queue(1, 40)), 5)).toBeCloseTo(250, 9);
    // Many servers hardly queue at 10 %: 100 rps of 50 ms.
    expect(costAt(costCurveOf(queue(50, 50)), 100)).toBeCloseTo(5_000, 3);
  });

  it("is exact for one server: Pollaczek and Khinchine", () => {
    for (const used of [0.1, 0.5, 0.9, 0.97])
      for (const variation of [0, 1, 4])
        expect(waiting(1, used, variation)).toBeCloseTo((used ** 2 * (1 + variation)) / 2 / (1 - used), 9);
  });

  // Requests waiting in M/M/c as tables of Erlang's formula have them, and how far Sakasegawa's approximation is off.
  it.each([
    [2, 0.5, 0.3333, 0.1],
    [2, 0.9, 7.6737, 0.01],
    [5, 0.8, 2.2165, 0.05],
    [10, 0.9, 6.0186, 0.02],
    [20, 0.8, 1.0243, 0.15],
  ])("of %i servers at %d: %d wait, within %d", (servers, used, published, error) => {
    const exact = waitingInMmc(servers, used);
    expect(Math.abs(exact / published - 1)).toBeLessThan(2e-4);
    expect(Math.abs(waiting(servers, used) / exact - 1)).toBeLessThan(error);
  });

  it("errs by at most 3 % of the latency of M/M/c, for 1 to 100 servers at 30 to 97 %", () => {
    let worst = 0;
    for (let servers = 1; servers <= 100; servers++) {
      for (const used of [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97]) {
        const exact = servers * used + waitingInMmc(servers, used);
        worst = Math.max(worst, Math.abs((servers * used + waiting(servers, used)) / exact - 1));
      }
    }
    expect(worst).toBeLessThan(0.03);
  });

  it("goes on as a parabola beyond 98 % of the capacity, without a jump in value, slope or curvature", () => {
    const curve = costCurveOf(queue(40, 20));
    const [under, over] = [1_960 - 1e-7, 1_960 + 1e-7];
    expect(costAt(curve, over) / costAt(curve, under)).toBeCloseTo(1, 7);
    expect(slopeAt(curve, over) / slopeAt(curve, under)).toBeCloseTo(1, 6);
    const bends = [under, over].map((rps) => curvatureOf(curve, rps, slopeAt(curve, rps)));
    expect((bends[1] ?? 0) / (bends[0] ?? 0)).toBeCloseTo(1, 5);
    expect(curvatureOf(curve, 9_000, slopeAt(curve, 9_000))).toBe(curvatureOf(curve, over, slopeAt(curve, over)));
    expect(costAt(curve, 9_000)).toBeLessThan(Infinity);
  });
});

describe("the cost of a polynomial", () => {
  it("is load times latency", () => {
    const curve = costCurveOf({ kind: "polynomial", baseMs: 21.3, coefficient: 3.43e-4, exponent: 2 });
    expect(costAt(curve, 400)).toBeCloseTo(400 * (21.3 + 3.43e-4 * 400 ** 2), 6);
    // The slope of b x + a x^3.
    expect(slopeAt(curve, 400)).toBeCloseTo(21.3 + 3 * 3.43e-4 * 400 ** 2, 9);
  });

  it("goes on as a parabola beyond 98 % of its capacity", () => {
    const bare = { kind: "polynomial", baseMs: 10, coefficient: 1e-9, exponent: 4 } as const;
    const [endless, ending] = [costCurveOf(bare), costCurveOf({ ...bare, capacityRps: 100 })];
    expect(costAt(ending, 97)).toBe(costAt(endless, 97));
    const [slope, bend] = [slopeAt(endless, 98), curvatureOf(endless, 98, slopeAt(endless, 98))];
    expect(slopeAt(ending, 108)).toBeCloseTo(slope + 10 * bend, 12);
  });
});

describe("slope, curvature and their inverse", () => {
  const curves = problems({ flows: 1, places: 1, mostUsed: 1 }).map(({ places }) => places[0]?.curve);
  const loads = fc.double({ min: 0.001, max: 1.3, noNaN: true });
  const size = (curve: LoadCurve) =>
    curve.kind === "queue" ? (1_000 * curve.servers) / curve.meanWorkMs : (curve.capacityRps ?? 1_000);

  it("are those of the cost: central differences", () => {
    fc.assert(
      fc.property(curves, loads, (found, used) => {
        fc.pre(found !== undefined && Math.abs(used - 0.98) > 0.001);
        const curve = costCurveOf(found);
        const [load, width] = [used * size(found), 1e-4 * used * size(found)];
        const [up, down] = [load + width, load - width];
        const slope = (costAt(curve, up) - costAt(curve, down)) / (2 * width);
        const bend = (slopeAt(curve, up) - slopeAt(curve, down)) / (2 * width);
        expect(Math.abs(slopeAt(curve, load) / slope - 1)).toBeLessThan(1e-3);
        expect(Math.abs(curvatureOf(curve, load, slopeAt(curve, load)) - bend)).toBeLessThan(1e-3 * bend + 1e-9);
      }),
    );
  });

  it("grow with load, so that costs are convex", () => {
    fc.assert(
      fc.property(curves, loads, loads, (found, one, other) => {
        fc.pre(found !== undefined);
        const curve = costCurveOf(found);
        const [low, high] = [Math.min(one, other) * size(found), Math.max(one, other) * size(found)];
        expect(slopeAt(curve, high)).toBeGreaterThanOrEqual(slopeAt(curve, low) * (1 - 1e-12));
      }),
    );
  });

  it("give back the load, from any guess", () => {
    fc.assert(
      fc.property(curves, loads, loads, (found, used, guess) => {
        fc.pre(found !== undefined);
        const curve = costCurveOf(found);
        const slope = slopeAt(curve, used * size(found));
        const load = loadAtSlope(curve, slope, guess * size(found));
        const isFlat = curvatureOf(curve, used * size(found), slope) === 0;
        const error = Math.abs(slopeAt(curve, load) - slope) / slope;
        expect(load === Infinity ? isFlat : error <= 1e-9).toBe(true);
      }),
    );
  });

  it("give no load to a slope below that of the first request", () => {
    expect(loadAtSlope(costCurveOf(queue(4, 20)), 19, 100)).toBe(0);
    expect(loadAtSlope(costCurveOf(queue(4, 20)), 20, 100)).toBe(0);
  });
});
