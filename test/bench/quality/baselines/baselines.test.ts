import { describe, expect, it } from "vitest";
import { aConstant, anInstance, aPool } from "../an-instance.ts";
import { evaluate } from "../evaluate.ts";
import { envoyPriority, priorityLoads } from "./envoy-priority.ts";
import { evenSpray } from "./even-spray.ts";
import { loadAwareLocality } from "./load-aware-locality.ts";
import { localityFailover } from "./locality-failover.ts";
import { waterfall } from "./waterfall.ts";

const three = [aPool(1), aPool(2), aPool(1)];

describe("locality failover", () => {
  it("stays at home whatever the load, and goes to the nearest where the service is dead at home", () => {
    const instance = anInstance({ demandRps: [500, 10, 10], curves: three, states: ["active", "active", "dead"] });
    expect(localityFailover(instance)).toEqual([
      [500, 0, 0],
      [0, 10, 0],
      [0, 10, 0],
    ]);
  });

  it("sends a released version's share to the nearest place of that version", () => {
    const release = { at: [2], curve: aPool(1), share: 0.1, maxSourceShare: 1 };
    const instance = anInstance({ demandRps: [100, 0, 0], curves: three, release });
    expect(localityFailover(instance)[0]).toEqual([90, 0, 0, 10]);
  });
});

describe("Envoy's priority spill-over", () => {
  it.each([
    [
      [1, 1],
      [100, 0],
    ],
    [
      [0.72, 1],
      [100, 0],
    ],
    [
      [0.5, 1],
      [70, 30],
    ],
    [
      [0.6, 1, 1],
      [84, 16, 0],
    ],
    [
      [0, 1],
      [0, 100],
    ],
    [
      [0.2, 0.2],
      [50, 50],
    ],
    [
      [0.25, 0.25, 1],
      [35, 35, 30],
    ],
  ])("gives levels of health %o the percents %o", (healthy, loads) => {
    expect(priorityLoads(healthy)).toEqual(loads);
  });

  it("sends away only what the lost hosts took", () => {
    const labels = [{ "healthy-hosts-percent": "60" }, {}, {}];
    const instance = anInstance({ demandRps: [100, 0, 40], curves: three, labels });
    expect(envoyPriority(instance)).toEqual([
      [84, 16, 0],
      [0, 0, 0],
      [0, 0, 40],
    ]);
  });
});

describe("Waterfall", () => {
  it("keeps what fits at home, then fills the nearest in the order of the document", () => {
    // Thresholds 80, 160, 80.
    expect(waterfall(anInstance({ demandRps: [150, 100, 10], curves: three }))).toEqual([
      [80, 60, 10],
      [0, 100, 0],
      [0, 0, 10],
    ]);
  });

  it("takes the thresholds that an operator has given", () => {
    const labels = [{ "waterfall-rps": "30" }, { "waterfall-rps": "500" }, {}];
    expect(waterfall(anInstance({ demandRps: [100, 0, 0], curves: three, labels }))[0]).toEqual([30, 70, 0]);
  });

  it("raises the thresholds alike when they are too low together", () => {
    // 360 of 320: every threshold times 1.125.
    const [home, next, far] = waterfall(anInstance({ demandRps: [360, 0, 0], curves: three }))[0] ?? [];
    expect([home, next, far]).toEqual([90, 180, 90].map((rps) => expect.closeTo(rps, 9)));
  });
});

describe("even spray", () => {
  it("divides by capacity, without regard to distance", () => {
    expect(evenSpray(anInstance({ demandRps: [100, 40, 0], curves: three }))).toEqual([
      [25, 50, 25],
      [10, 20, 10],
      [0, 0, 0],
    ]);
  });

  it("counts destinations alike when one has no end", () => {
    expect(evenSpray(anInstance({ demandRps: [90, 0, 0], curves: [aConstant(5), aPool(9), aPool(1)] }))[0]).toEqual([
      30, 30, 30,
    ]);
  });
});

describe("Envoy's load-aware locality", () => {
  it("keeps all but the probes at home while home is no busier than the others", () => {
    const [division] = loadAwareLocality(anInstance({ demandRps: [50, 100, 50], curves: three }));
    expect(division?.[0]?.[0]).toBeCloseTo(50 * 0.97, 9);
    expect(division?.[1]?.[1]).toBeCloseTo(100 * 0.97, 9);
  });

  it("levels the utilisation when home is the only busy place", () => {
    const instance = anInstance({ demandRps: [98, 0, 0], curves: three });
    const scores = loadAwareLocality(instance).map((division) => evaluate(instance, division));
    const mean = scores.reduce((sum, { loadsRps }) => sum + (loadsRps[0] ?? 0), 0) / scores.length;
    // About 0.1 above the others is tolerated: the loop swings around that.
    expect(mean).toBeGreaterThan(25);
    expect(mean).toBeLessThan(60);
  });

  it("counts hosts once everything is full", () => {
    const [division] = loadAwareLocality(anInstance({ demandRps: [400, 400, 400], curves: three }));
    expect(division?.[0]).toEqual([100, 200, 100]);
  });
});
