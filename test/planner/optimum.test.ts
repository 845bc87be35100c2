import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DestinationKey } from "../../src/model/destination.ts";
import { keyOf } from "../../src/model/destination.ts";
import type { ClusterId, ServiceId, Version } from "../../src/model/ids.ts";
import { waterfall } from "../../src/planner/allocate.ts";
import type { Allocation, Problem, Source } from "../../src/planner/allocate.ts";
import type { Offer } from "../../src/planner/eligible.ts";
import { costAt, costCurveOf } from "../../src/planner/optimise/curve.ts";
import { optimum } from "../../src/planner/optimum.ts";
import { destination } from "./planning-fleet.ts";

const V1 = "v1" as Version;

function offer(key: string, given: Partial<Offer> = {}): Offer {
  const place = destination(key);
  const standing = { ceilingWeight: given.ceilingWeight ?? 10_000 };
  const unbound = { isDraining: false, isStandby: false, ...standing, standing };
  return { destination: place, key: keyOf(place), ...unbound, rttMs: 0, egressDollarsPerGb: 0, ...given };
}

/** Servers whose work is exponential and takes 20 ms. */
function queue(servers: number): Pick<Offer, "curve" | "capacityRps"> {
  const capacityRps = servers * 50;
  return { curve: { kind: "queue", servers, meanWorkMs: 20, squaredVariation: 1 }, capacityRps };
}

function source(cluster: string, demandRps: number, ...offers: readonly Offer[]): Source {
  return { cluster: cluster as ClusterId, demandRps, offers, kept: new Map() };
}

function problem(sources: readonly Source[], given: Partial<Problem> = {}): Problem {
  const flows = sources.map(({ cluster }) => ({ source: cluster, version: V1, weight: 10_000 }));
  const service = "shop/checkout" as ServiceId;
  return { service, stableVersion: V1, sources, flows, utilisationMax: 0.9, ...given };
}

/** Weight by source and destination, rounded. */
function weights({ placements }: Allocation): Readonly<Record<string, Readonly<Record<string, number>>>> {
  const found: Record<string, Record<string, number>> = {};
  for (const { flow, destination: place, weight } of placements) {
    const row = (found[flow.source] ??= {});
    row[keyOf(place)] = Math.round((row[keyOf(place)] ?? 0) + weight);
  }
  return found;
}

describe("the optimum", () => {
  it("stays at home where nothing is gained elsewhere", () => {
    const near = [offer("east/v1", queue(40)), offer("west/v1", { ...queue(40), rttMs: 60 })];
    expect(weights(optimum.allocate(problem([source("east", 1_000, ...near)])))).toEqual({
      east: { "east/v1": 10_000 },
    });
  });

  it("sends away what one more request at home would cost more for, and leaves both at one price", () => {
    const offers = [offer("east/v1", queue(40)), offer("west/v1", { ...queue(40), rttMs: 10 })];
    const { placements } = optimum.allocate(problem([source("east", 2_200, ...offers)]));
    const [home, away] = placements;
    expect(placements.map(({ manner }) => manner)).toEqual(["local", "balanced"]);
    expect((home?.weight ?? 0) + (away?.weight ?? 0)).toBeCloseTo(10_000, 6);
    expect(away?.weighed?.hereMs).toBeCloseTo(home?.weighed?.hereMs ?? 0, 2);
    expect(away?.weighed?.elsewhere?.costMs).toBeCloseTo(home?.weighed?.hereMs ?? 0, 2);
  });

  it("lets the source nearer to the way out go, not the one that comes first", () => {
    const east = source(
      "east",
      1_700,
      offer("mid/v1", { ...queue(40), rttMs: 5 }),
      offer("far/v1", { ...queue(80), rttMs: 90 }),
    );
    const west = source(
      "west",
      1_700,
      offer("mid/v1", { ...queue(40), rttMs: 5 }),
      offer("far/v1", { ...queue(80), rttMs: 20 }),
    );
    const found = weights(optimum.allocate(problem([east, west])));
    expect(found["east"]).toEqual({ "mid/v1": 10_000 });
    expect(found["west"]?.["far/v1"]).toBeGreaterThan(8_000);
  });

  it("takes the farther one where the nearer one's bytes cost more than its way saves", () => {
    const offers = [
      offer("near/v1", { ...queue(40), rttMs: 10, egressDollarsPerGb: 0.09 }),
      offer("far/v1", { ...queue(40), rttMs: 30, egressDollarsPerGb: 0.02 }),
    ];
    const valuation = { bytesPerRequest: 1_000_000, dollarsPerRequestMs: 1e-6 };
    const east = [source("east", 500, ...offers)];
    expect(weights(optimum.allocate(problem(east, { valuation })))).toEqual({ east: { "far/v1": 10_000 } });
    const latency = { ...valuation, dollarsPerRequestMs: Infinity };
    expect(weights(optimum.allocate(problem(east, { valuation: latency })))).toEqual({ east: { "near/v1": 10_000 } });
  });

  it("keeps to the limit of a capacity, to ceilings, and to what others keep there", () => {
    const kept = new Map([["west/v1" as DestinationKey, 10_000]]);
    const offers = [
      offer("east/v1", { capacityRps: 100 }),
      offer("west/v1", { capacityRps: 200, rttMs: 1 }),
      offer("north/v1", { capacityRps: 1_000, rttMs: 80, ceilingWeight: 2_000 }),
      offer("south/v1", { capacityRps: 1_000, rttMs: 90 }),
    ];
    const sources = [source("east", 400, ...offers), { ...source("west", 120, ...offers), kept }];
    const flows = [{ source: "east" as ClusterId, version: V1, weight: 10_000 }];
    const found = weights(optimum.allocate(problem(sources, { flows })))["east"] ?? {};
    expect(found["east/v1"]).toBeLessThanOrEqual(2_250);
    expect(found["west/v1"]).toBeLessThanOrEqual(1_500);
    expect(found["north/v1"]).toBe(2_000);
    expect(found["south/v1"]).toBeGreaterThan(4_000);
  });

  it("gives a draining destination nothing while others serve, and everything when none does", () => {
    const draining = offer("east/v1", { ...queue(40), isDraining: true });
    const two = source("east", 100, draining, offer("west/v1", { ...queue(40), rttMs: 90 }));
    expect(weights(optimum.allocate(problem([two])))).toEqual({ east: { "west/v1": 10_000 } });
    const { placements } = optimum.allocate(problem([source("east", 100, draining)]));
    expect(placements).toMatchObject([{ weight: 10_000, manner: "last-resort" }]);
  });

  it("raises limits alike where demand exceeds everything, and places all of it", () => {
    const offers = [offer("east/v1", { capacityRps: 100 }), offer("west/v1", { capacityRps: 300, rttMs: 5 })];
    const found = weights(optimum.allocate(problem([source("east", 800, ...offers)])));
    expect(found).toEqual({ east: { "east/v1": 2_500, "west/v1": 7_500 } });
  });

  it("places a source that nobody knows the demand of nearest first, as the waterfall does", () => {
    const offers = [offer("east/v1", queue(1)), offer("west/v1", { ...queue(90), rttMs: 1 })];
    const unknown = problem([source("east", 0, ...offers)]);
    expect(optimum.allocate(unknown)).toEqual(waterfall.allocate(unknown));
  });

  it("does not depend on the order of anything", () => {
    const offers = [
      offer("east/v1", queue(10)),
      offer("west/v1", { ...queue(12), rttMs: 7 }),
      offer("mid/v1", { ...queue(9), rttMs: 4 }),
    ];
    const sources = ["east", "west", "mid"].map((name, index) => source(name, 300 + index * 40, ...offers));
    const turned = [...sources].toReversed().map((one) => ({ ...one, offers: one.offers.toReversed() }));
    const [straight, reverse] = [problem(sources), problem(turned)].map((given) => optimum.allocate(given));
    expect(reverse).toEqual(straight);
  });
});

const NAMES = ["east", "mid", "north", "west"];

/** Sources and destinations in four clusters with room for everybody. */
const roomyProblems = fc
  .record({
    servers: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 4, maxLength: 4 }),
    rttsMs: fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 16, maxLength: 16 }),
    parts: fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 4, maxLength: 4 }),
    used: fc.double({ min: 0.05, max: 0.85, noNaN: true }),
  })
  .map(({ servers, rttsMs, parts, used }) => {
    const totalRps = servers.reduce((sum, count) => sum + count * 50, 0) * used;
    const sum = Math.max(
      1,
      parts.reduce((so, part) => so + part, 0),
    );
    const sources = NAMES.map((name, row) => {
      const offers = NAMES.map((other, column) =>
        offer(`${other}/v1`, {
          ...queue(servers[column] ?? 1),
          rttMs: row === column ? 0 : (rttsMs[row * 4 + column] ?? 1),
        }),
      );
      return source(name, ((parts[row] ?? 0) / sum) * totalRps, ...offers);
    });
    return problem(sources);
  });

/** Milliseconds that all callers together spend per second, by the declared curves. */
function costOf(given: Problem, { placements }: Allocation): number {
  const loads = new Map<DestinationKey, number>();
  let ways = 0;
  const offers = new Map<DestinationKey, Offer>();
  for (const { flow, destination: place, weight } of placements) {
    const from = given.sources.find(({ cluster }) => cluster === flow.source);
    const its = from?.offers.find(({ key }) => key === keyOf(place));
    if (from === undefined || its === undefined) throw new Error("placed where nothing was offered");
    const rps = (weight / 10_000) * from.demandRps;
    loads.set(its.key, (loads.get(its.key) ?? 0) + rps);
    offers.set(its.key, its);
    ways += rps * its.rttMs;
  }
  const queues = [...loads].map(([key, load]) => {
    const curve = offers.get(key)?.curve;
    if (curve === undefined) throw new Error("every offer of this test has a curve");
    return costAt(costCurveOf(curve), load);
  });
  return queues.reduce((sum, cost) => sum + cost, ways);
}

describe("whatever the fleet", () => {
  it("costs callers no more than the waterfall, places everything, and fills nothing above its limit", () => {
    fc.assert(
      fc.property(roomyProblems, (given) => {
        const [best, poured] = [optimum.allocate(given), waterfall.allocate(given)];
        expect(costOf(given, best)).toBeLessThanOrEqual(costOf(given, poured) * 1.0002 + 1e-6);
        for (const { cluster } of given.sources) {
          const placed = best.placements.filter(({ flow }) => flow.source === cluster);
          expect(placed.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(10_000, 5);
        }
        const loads = Map.groupBy(best.placements, ({ destination: place }) => keyOf(place));
        for (const [key, placed] of loads) {
          const load = placed.reduce(
            (sum, { flow, weight }) =>
              sum + (weight / 10_000) * (given.sources.find(({ cluster }) => cluster === flow.source)?.demandRps ?? 0),
            0,
          );
          const capacity = given.sources[0]?.offers.find((its) => its.key === key)?.capacityRps ?? 0;
          expect(load).toBeLessThanOrEqual(capacity * 0.9 * (1 + 1e-9) + 1e-9);
        }
      }),
      { numRuns: 300 },
    );
  });
});
