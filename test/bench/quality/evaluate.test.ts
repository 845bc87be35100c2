import { describe, expect, it } from "vitest";
import { aConstant, anInstance, aPool } from "./an-instance.ts";
import { evaluate } from "./evaluate.ts";

describe("evaluate", () => {
  it("adds the round trip to the time at the destination", () => {
    const instance = anInstance({ demandRps: [100, 100], curves: [aConstant(5), aConstant(20)] });
    const score = evaluate(instance, [
      [50, 50],
      [0, 100],
    ]);
    // 50 at home 5.5; 50 away 10 + 20; 100 at home 20.5.
    expect(score.meanMs).toBeCloseTo((50 * 5.5 + 50 * 30 + 100 * 20.5) / 200, 9);
    expect(score).toMatchObject({ successShare: 1, crossShare: 0.25, egressDollarsPerHour: 0, loadsRps: [50, 150] });
    expect(score.objectiveMs).toBe(score.meanMs);
  });

  it("takes the queue at the destination's whole load", () => {
    const instance = anInstance({ demandRps: [50, 40], curves: [aPool(1), aPool(1)] });
    const score = evaluate(instance, [
      [50, 0],
      [40, 0],
    ]);
    // M/M/1 at 90 rps of 100: 10 ms / 0.1.
    expect(score.meanMs).toBeCloseTo(100 + (50 * 0.5 + 40 * 10) / 90, 9);
    expect(score.utilisationMax).toBeCloseTo(0.9, 12);
  });

  it("sheds what is above 0.98 of the capacity, each for a second", () => {
    const instance = anInstance({ demandRps: [200, 0], curves: [aPool(1), aPool(1)] });
    const score = evaluate(instance, [
      [200, 0],
      [0, 0],
    ]);
    expect(score.successShare).toBeCloseTo(0.49, 12);
    expect(score.utilisationMax).toBeCloseTo(2, 12);
    expect(score.meanMs).toBeCloseTo(0.5 + 0.49 * 500 + 0.51 * 1_000, 6);
  });

  it("prices bytes between clusters and not what is shed", () => {
    const parts = { curves: [aConstant(5), aConstant(5, 50)], dollarsPerGb: 0.04, bytesPerRequest: 1_000_000 };
    const half = evaluate(anInstance({ demandRps: [100, 0], ...parts }), [
      [51, 49],
      [0, 0],
    ]);
    // 1 MB at $0.04/GB is $0.00004, worth 40 ms.
    expect(half.egressDollarsPerHour).toBeCloseTo(49 * 4e-5 * 3_600, 9);
    expect(half.objectiveMs - half.meanMs).toBeCloseTo(0.49 * 40, 9);
    const all = evaluate(anInstance({ demandRps: [100, 0], ...parts }), [
      [0, 100],
      [0, 0],
    ]);
    expect(all.egressDollarsPerHour).toBeCloseTo(49 * 4e-5 * 3_600, 9);
  });

  it("counts what a dead cluster gets, and what is placed nowhere, as failed", () => {
    const instance = anInstance({
      demandRps: [100, 0],
      curves: [aConstant(5), aConstant(5)],
      states: ["dead", "active"],
    });
    const score = evaluate(instance, [
      [20, 50],
      [0, 0],
    ]);
    expect(score.successShare).toBeCloseTo(0.5, 12);
    expect(score.meanMs).toBeCloseTo((20 * 1_000.5 + 50 * 15 + 30 * 1_000) / 100, 9);
    expect(score.utilisationMax).toBe(0);
  });
});
