import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DestinationKey } from "../../../src/model/destination.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import { DEFAULT_SETTINGS } from "../../../src/model/settings.ts";
import { Learner } from "../../../src/planner/learn/learner.ts";
import { measured } from "../../../src/planner/measure.ts";
import { deployedCapacity } from "../../../src/planner/readiness.ts";
import { outlookOf } from "../../../src/planner/outlook.ts";
import { rttBetween } from "../../../src/planner/round-trip.ts";
import { planOf } from "../planning-fleet.ts";
import { AWorld } from "./a-world.ts";
import type { Traffic } from "./a-world.ts";

const EAST = "east" as ClusterId;
const WEST = "west" as ClusterId;
const [EAST_V1, WEST_V1] = ["east/v1", "west/v1"].map((key) => key as DestinationKey);

const TRAFFIC: Traffic = {
  rps: { east: { east: 600, west: 100 }, west: { west: 300 } },
  truths: {
    east: { capacityRps: 1_000, meanWorkMs: 12, squaredVariation: 1 },
    west: { capacityRps: 800, meanWorkMs: 30, squaredVariation: 2 },
  },
  rttMs: 40,
  noise: 0.02,
};

/** Two clusters of which nobody declared anything. */
function undeclared(): AWorld {
  return new AWorld({ east: { versions: { v1: undefined } }, west: { versions: { v1: undefined } } });
}

function capacityOf(world: AWorld, cluster: ClusterId): number | undefined {
  return deployedCapacity(world.service, { cluster, version: world.service.spec.stableVersion });
}

describe("what reports teach", () => {
  it("is capacity, work and ways, and plans go by it", () => {
    const world = undeclared();
    world.play(TRAFFIC, 40);
    expect((capacityOf(world, EAST) ?? 0) / 1_000).toBeCloseTo(1, 1);
    expect((capacityOf(world, WEST) ?? 0) / 800).toBeCloseTo(1, 1);
    expect(Math.abs(rttBetween(world.state, EAST, WEST) - 40)).toBeLessThan(6);
    const offers = outlookOf(world.state, world.service).find(({ cluster }) => cluster === EAST)?.offers ?? [];
    const work = offers.map(({ curve }) => curve?.meanWorkMs ?? 0);
    expect(Math.abs((work[0] ?? 0) / 12 - 1)).toBeLessThan(0.15);
    expect(Math.abs((work[1] ?? 0) / 30 - 1)).toBeLessThan(0.15);
  });

  it("is told in the reasons of a plan, with its numbers", () => {
    const world = undeclared();
    world.play(TRAFFIC, 40);
    const texts = planOf(world.state, DEFAULT_SETTINGS).reasons.map(({ text }) => text);
    expect(texts.join("\n")).toMatch(
      /it takes [\d.]+ rps \(90 % of [\d.]+ rps, learned in \d+ rounds, last from [\d.]+ rps at [\d.]+ % busy\)/,
    );
  });

  it("gives way to what is declared", () => {
    const world = new AWorld({
      east: { versions: { v1: 5_000 }, rttMs: { west: 7 } },
      west: { versions: { v1: undefined } },
    });
    world.play(TRAFFIC, 40);
    expect(capacityOf(world, EAST)).toBe(5_000);
    expect(world.service.learned?.[EAST_V1 ?? ("" as DestinationKey)]?.capacity).toBeUndefined();
    expect(rttBetween(world.state, EAST, WEST)).toBe(7);
    expect(world.state.clusters.get(EAST)?.learnedRttMs).toBeUndefined();
  });

  it("is nothing while a caller that was told to send is not heard", () => {
    const released = { east: { "east/v1": 8_000, "west/v1": 2_000 }, west: { "west/v1": 10_000 } };
    const clusters = {
      east: { demandRps: 700, versions: { v1: undefined } },
      west: { demandRps: 300, versions: { v1: undefined } },
    };
    const world = new AWorld(clusters, { released });
    world.play({ ...TRAFFIC, silent: ["east"] }, 40);
    expect(world.service.learned?.[WEST_V1 ?? ("" as DestinationKey)]?.capacity).toBeUndefined();
  });

  it("does not grow from a cluster that says it is idle", () => {
    const world = undeclared();
    world.play(TRAFFIC, 40);
    const before = capacityOf(world, WEST) ?? 0;
    world.play({ ...TRAFFIC, said: { west: 0 } }, 80);
    expect(capacityOf(world, WEST)).toBeLessThanOrEqual(before);
  });

  it("is forgotten of the work of a place that nobody has used for ten minutes", () => {
    const world = undeclared();
    const slow = { ...TRAFFIC.truths, west: { capacityRps: 800, meanWorkMs: 900, squaredVariation: 1 } };
    world.play({ ...TRAFFIC, truths: slow }, 20);
    const key = WEST_V1 ?? ("" as DestinationKey);
    expect(world.service.learned?.[key]?.work?.meanWorkMs).toBeGreaterThan(300);
    const elsewhere = { east: { east: 700 }, west: { east: 100 } };
    world.play({ ...TRAFFIC, truths: slow, rps: elsewhere }, 60);
    expect(world.service.learned?.[key]?.work).toBeUndefined();
  });

  it("is remembered by a new leader, who records nothing anew while nothing changes", () => {
    const world = undeclared();
    world.play({ ...TRAFFIC, noise: 0 }, 60);
    const { length } = world.records;
    world.learner = new Learner();
    world.play({ ...TRAFFIC, noise: 0 }, 60);
    expect(world.records.length).toBe(length);
  });
});

describe("a way", () => {
  it("is not taken for short because the other side says that it is slow itself", () => {
    const world = undeclared();
    const lying = { ...TRAFFIC, noise: 0 };
    for (let window = 0; window < 40; window += 1) {
      world.atMs += 15_000;
      const reports = new Map(world.reports(lying));
      const west = reports.get(WEST);
      if (west === undefined) throw new Error("west reports");
      reports.set(WEST, { ...west, traffic: west.traffic.map((row) => ({ ...row, latencyMeanMs: 10_000 })) });
      world.take(reports);
    }
    // East sees 40 ms of way and some 30 ms of work.
    expect(rttBetween(world.state, EAST, WEST)).toBeGreaterThan(0.25 * 70);
  });
});

describe("the log", () => {
  it("does not grow with noise", () => {
    const world = undeclared();
    world.play({ ...TRAFFIC, noise: 0.03 }, 80);
    const settled = world.records.length;
    expect(settled).toBeLessThan(30);
    // Eight hours more.
    world.play({ ...TRAFFIC, noise: 0.03 }, 8 * 240);
    expect(world.records.length - settled).toBeLessThan(40);
  });

  it("says the same whatever the order of reports and rows", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), (turn) => {
        const [plain, turned] = [undeclared(), undeclared()];
        for (let window = 0; window < 12; window += 1) {
          plain.atMs += 15_000;
          const reports = plain.reports(TRAFFIC);
          plain.take(reports);
          turned.take(
            new Map(
              [...reports].toReversed().map(([name, report], at) => [
                name,
                {
                  ...report,
                  traffic: (turn + at) % 2 === 0 ? report.traffic.toReversed() : report.traffic,
                  workloads: report.workloads.toReversed(),
                },
              ]),
            ),
          );
        }
        expect(JSON.stringify(turned.records)).toBe(JSON.stringify(plain.records));
      }),
      { numRuns: 20 },
    );
  });

  it("gets every destination looked at in turn where one turn makes few fits", () => {
    const world = undeclared();
    const learner = new Learner();
    const seen = new Set<string>();
    for (let window = 0; window < 12; window += 1) {
      world.atMs += 15_000;
      const found = measured(world.state, world.reports({ ...TRAFFIC, noise: 0 }), {
        settings: DEFAULT_SETTINGS,
        learner,
        fitsMax: 1,
      });
      for (const rows of Object.values(found?.learned ?? {})) for (const key of Object.keys(rows)) seen.add(key);
    }
    expect([...seen].toSorted()).toEqual(["east/v1", "west/v1"]);
  });
});
