import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PROOF_FACTOR } from "../../../src/planner/learn/trust.ts";
import { seededRandom } from "../../scenarios/seeded-random.ts";
import { ADestination, FILLED, SERVED_MAX } from "./a-destination.ts";
import type { Truth, Word } from "./a-destination.ts";

const TRUTH: Truth = { capacityRps: 1_000, meanWorkMs: 20, squaredVariation: 1 };

function honest(destination: ADestination, claimedRps: number, offeredRps?: number): Word {
  const word = { utilisation: 0, claimedRps, readyEndpoints: 10 };
  const loadRps = offeredRps ?? FILLED * (destination.trusted(word) ?? 0);
  return { ...word, utilisation: destination.busyAt(loadRps) };
}

/** Rounds in which an honest cluster with a wrong claim is filled as far as it is trusted. */
function learnedFrom(claimedRps: number, rounds: number, truth = TRUTH): number {
  const destination = new ADestination(truth, claimedRps);
  for (let round = 0; round < rounds; round += 1) destination.round(honest(destination, claimedRps));
  return destination.trusted(honest(destination, claimedRps)) ?? Number.NaN;
}

describe("learning a capacity", () => {
  it("goes down at once to what load and utilisation say", () => {
    expect(learnedFrom(1_250, 1) / 1_000).toBeCloseTo(1, 2);
  });

  it("goes up in steps, and comes to within 4 % of a claim that is 20 % too low in three rounds", () => {
    expect(learnedFrom(800, 1)).toBeCloseTo(800 * 1.08, 6);
    expect(Math.abs(learnedFrom(800, 3) / 1_000 - 1)).toBeLessThan(0.04);
  });

  it("comes to the true capacity from claims of half to double, whatever the work", () => {
    const truths = fc.record({
      capacityRps: fc.integer({ min: 100, max: 5_000 }),
      meanWorkMs: fc.integer({ min: 5, max: 35 }),
      squaredVariation: fc.double({ min: 1, max: 4, noNaN: true }),
    });
    fc.assert(
      fc.property(truths, fc.double({ min: 0.5, max: 2, noNaN: true }), (truth, wrong) => {
        // Below a few servers a queue at 90 % is as long as a full one of a larger place: nothing tells them apart.
        fc.pre((truth.capacityRps * truth.meanWorkMs) / 1_000 >= 4);
        const ratio = learnedFrom(wrong * truth.capacityRps, 14, truth) / truth.capacityRps;
        expect(ratio).toBeGreaterThan(0.93);
        expect(ratio).toBeLessThan(1.06);
      }),
    );
  });

  it("is believed after two rounds where nobody claims anything", () => {
    const destination = new ADestination(TRUTH);
    const word = { utilisation: 0.5, readyEndpoints: 10 };
    destination.round(word, 500);
    expect(destination.trusted(word)).toBeUndefined();
    destination.round(word, 500);
    expect(destination.trusted(word)).toBeCloseTo(1_000, 6);
    expect(destination.learned?.anchorRps).toBeCloseTo(1_000, 6);
  });

  it("moves with the endpoints: half of them serve half, at once", () => {
    const destination = new ADestination(TRUTH);
    for (let round = 0; round < 2; round += 1) destination.round({ utilisation: 0.5, readyEndpoints: 10 }, 500);
    expect(destination.trusted({ utilisation: 0, readyEndpoints: 5 })).toBeCloseTo(500, 6);
    // More of them are believed as far as callers' experience goes.
    expect(destination.trusted({ utilisation: 0, readyEndpoints: 40 })).toBeCloseTo(1_000, 6);
  });
});

describe("a capacity that was learned from nonsense", () => {
  it("is given up once the place is full by it and says that it is hardly busy", () => {
    const destination = new ADestination(TRUTH, 1_000);
    const stuck: Word = { utilisation: 1, claimedRps: 1_000, readyEndpoints: 10 };
    destination.round(stuck, 20);
    expect(destination.trusted(stuck)).toBe(20);
    const mended: Word = { ...stuck, utilisation: 0.018 };
    destination.round(mended, 18);
    expect(destination.trusted(mended)).toBe(1_000);
  });

  it("is not raised by what its cluster claims after it was refuted", () => {
    const destination = new ADestination(TRUTH, 1_000);
    const lie = (claimedRps: number): Word => ({ ...honest(destination, claimedRps), utilisation: 0.3 });
    for (let round = 0; round < 30 && destination.learned?.doubt === undefined; round += 1)
      destination.round(lie(1_000));
    const caught = destination.trusted(lie(1_000)) ?? 0;
    expect(destination.learned?.doubt).toBeDefined();
    expect(destination.trusted(lie(50_000))).toBeLessThanOrEqual(caught);
  });
});

describe("nonsense", () => {
  it.each<[string, number]>([
    ["a utilisation of 0 under load", 0],
    ["one below 5 %", 0.049],
    ["no number", Number.NaN],
    ["more than everything", 1.7],
    ["less than nothing", -0.3],
    ["infinity", Infinity],
  ])("%s teaches nothing", (_what, utilisation) => {
    const destination = new ADestination(TRUTH, 1_000);
    const word = { utilisation, claimedRps: 1_000, readyEndpoints: 10 };
    for (let round = 0; round < 5; round += 1) destination.round(word);
    expect(destination.learned?.capacity).toBeUndefined();
    expect(destination.trusted(word)).toBe(1_000);
  });

  it("a single odd look of five changes nothing", () => {
    const destination = new ADestination(TRUTH, 1_000);
    const word = honest(destination, 1_000);
    destination.round(word, undefined, [0, 0, -0.9, 0, 0]);
    expect(destination.trusted(word)).toBe(1_000);
  });

  it("a fast answer from a full place does not make it smaller than what it served", () => {
    const destination = new ADestination(TRUTH, 1_000);
    destination.round({ utilisation: 1, claimedRps: 1_000, readyEndpoints: 10 }, 300);
    expect(destination.trusted({ utilisation: 1, claimedRps: 1_000, readyEndpoints: 10 })).toBeGreaterThanOrEqual(300);
  });
});

/** Whatever a cluster can say in a round; a claim may jump by any factor. */
const words = fc.array(
  fc.record({
    utilisation: fc.oneof(
      fc.double({ min: 0.05, max: 1, noNaN: true }),
      fc.constantFrom(0, Number.NaN, -1, 2, 0.05, 0.051, Infinity),
    ),
    claimedRps: fc.oneof(fc.constant(1_000), fc.double({ min: 0, max: 1e9, noNaN: true })),
    readyEndpoints: fc.oneof(fc.constant(10), fc.integer({ min: 0, max: 100_000 })),
  }),
  { minLength: 1, maxLength: 30 },
);

describe("a cluster that lies", () => {
  it(`is never taken for more than ${PROOF_FACTOR} times what callers were served, or what it first claimed`, () => {
    fc.assert(
      fc.property(words, fc.double({ min: 0.1, max: 3, noNaN: true }), (said, first) => {
        const destination = new ADestination(TRUTH, first * TRUTH.capacityRps);
        for (const word of said) {
          const most = Math.max(first * TRUTH.capacityRps, PROOF_FACTOR * destination.servedRpsMax);
          expect(destination.trusted(word) ?? 0).toBeLessThanOrEqual(most * (1 + 1e-9));
          destination.round(word);
        }
      }),
    );
  });

  it("and has claimed no more than it has is overfilled by its utilisation by no more than 8 %, and found out", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.05, max: 0.9, noNaN: true }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 5, max: 60 }),
        (shares, meanWorkMs) => {
          const destination = new ADestination({ ...TRUTH, meanWorkMs }, TRUTH.capacityRps);
          for (const share of shares) {
            const word = honest(destination, TRUTH.capacityRps);
            const offered = FILLED * (destination.trusted(word) ?? 0);
            expect(offered).toBeLessThanOrEqual(1.08 * TRUTH.capacityRps);
            destination.round({ ...word, utilisation: word.utilisation * share });
          }
        },
      ),
    );
  });

  it("and fills up is brought back to what it can serve, and not believed for ten minutes", () => {
    const destination = new ADestination(TRUTH, 1_000);
    const lie = (): Word => ({ ...honest(destination, 1_000), utilisation: 0.3 });
    while (destination.learned?.doubt === undefined && destination.atMs < 1e7) destination.round(lie());
    expect(destination.learned?.doubt?.times).toBe(1);
    expect(FILLED * (destination.trusted(lie()) ?? 0)).toBeLessThan(SERVED_MAX * TRUTH.capacityRps);
    const { atMs } = destination;
    const caught = destination.trusted(lie()) ?? 0;
    for (let round = 0; round < 9; round += 1) destination.round(lie());
    expect(destination.atMs).toBeLessThan((destination.learned?.doubt?.untilMs ?? 0) + 1);
    expect(destination.trusted(lie())).toBeLessThanOrEqual(caught);
    expect(destination.learned?.doubt?.untilMs).toBe(atMs + 600_000);
  });

  it("says it is idle and is slow: its capacity is not raised", () => {
    const destination = new ADestination(TRUTH, 1_000);
    for (let round = 0; round < 3; round += 1) destination.round(honest(destination, 1_000, 600), 600);
    const slow = new ADestination({ ...TRUTH, meanWorkMs: 400 }, 1_000);
    [slow.learned, slow.recalled] = [destination.learned, destination.recalled];
    const before = slow.trusted(honest(slow, 1_000)) ?? 0;
    for (let round = 0; round < 10; round += 1)
      slow.round({ utilisation: 0.1, claimedRps: 1_000, readyEndpoints: 10 }, 500);
    expect(slow.trusted(honest(slow, 1_000))).toBeLessThanOrEqual(before);
  });
});

describe("what is recorded", () => {
  it("of a steady destination under noise is little, however long it runs", () => {
    const random = seededRandom(7);
    const destination = new ADestination(TRUTH, 1_100);
    let records = 0;
    for (let round = 0; round < 2_000; round += 1) {
      const word = { ...honest(destination, 1_100, 700), utilisation: 0.7 };
      const noises = Array.from({ length: 5 }, () => 0.05 * random.normal());
      if (destination.round(word, 700, noises)) records += 1;
    }
    expect(records).toBeLessThan(40);
    expect(Math.abs((destination.trusted(honest(destination, 1_100)) ?? 0) / 1_000 - 1)).toBeLessThan(0.08);
  });

  it("does not swing where utilisation lies at the edge of a dead band", () => {
    const destination = new ADestination(TRUTH, 1_000);
    const taken: number[] = [];
    for (let round = 0; round < 60; round += 1) {
      const utilisation = 0.7 / (round % 2 === 0 ? 1.052 : 1.048);
      destination.round({ utilisation, claimedRps: 1_000, readyEndpoints: 10 }, 700);
      taken.push(destination.trusted({ utilisation, claimedRps: 1_000, readyEndpoints: 10 }) ?? 0);
    }
    expect(new Set(taken.map((rps) => Math.round(rps))).size).toBeLessThanOrEqual(3);
  });
});
