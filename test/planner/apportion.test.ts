import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WEIGHT_TOTAL } from "../../src/model/destination.ts";
import type { ServiceId } from "../../src/model/ids.ts";
import { apportion, distanceBetween, stepToward } from "../../src/planner/apportion.ts";
import { weightOf } from "../../src/planner/eligible.ts";
import { CHECKOUT, destination, split, textOf } from "./planning-fleet.ts";

const KEYS = ["a/v1", "b/v1", "c/v1", "c/v2", "d/v1"] as const;

function shares(amounts: readonly number[]) {
  return amounts.map((amount, index) => ({ destination: destination(KEYS[index] ?? "a/v1"), amount }));
}

const amounts = fc
  .array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: KEYS.length })
  .filter((found) => found.some((amount) => amount > 1e-3));

const anySplit = amounts.map((found) => apportion(shares(found), CHECKOUT));

describe("apportion", () => {
  it("keeps the total when shares do not divide evenly", () => {
    const found = Object.values(textOf(apportion(shares([1, 1, 1]), CHECKOUT)));
    expect(found.toSorted((a, b) => a - b)).toEqual([3_333, 3_333, 3_334]);
  });

  it("gives the odd basis point to the largest remainder", () => {
    expect(textOf(apportion(shares([0.33336, 0.33334, 0.3333]), CHECKOUT))).toEqual({
      "a/v1": 3_334,
      "b/v1": 3_333,
      "c/v1": 3_333,
    });
  });

  it("spreads odd basis points over destinations, by service", () => {
    const winners = Array.from({ length: 60 }, (_, index) => {
      const found = textOf(apportion(shares([1, 1, 1]), `shop/s${index}` as ServiceId));
      return Object.keys(found).find((key) => found[key] === 3_334);
    });
    expect(new Set(winners)).toEqual(new Set(["a/v1", "b/v1", "c/v1"]));
  });

  it("leaves out what has no weight and adds up what is named twice", () => {
    const twice = [...shares([1, 0]), ...shares([1])];
    expect(textOf(apportion(twice, CHECKOUT))).toEqual({ "a/v1": 10_000 });
  });

  it("stays within one basis point of every share, and sums to the whole", () => {
    fc.assert(
      fc.property(amounts, (found) => {
        const sum = found.reduce((so, amount) => so + amount, 0);
        const result = apportion(shares(found), CHECKOUT);
        expect(result.reduce((so, { weight }) => so + weight, 0)).toBe(WEIGHT_TOTAL);
        for (const share of shares(found)) {
          const exact = (share.amount / sum) * WEIGHT_TOTAL;
          expect(Math.abs(weightOf(result, share.destination) - exact)).toBeLessThan(1 + 1e-6);
        }
      }),
    );
  });
});

describe("a step", () => {
  it("moves exactly as much as it is told, never past a target", () => {
    fc.assert(
      fc.property(anySplit, anySplit, fc.double({ min: 0, max: 1, noNaN: true }), (from, to, part) => {
        const distance = distanceBetween(from, to);
        const moved = Math.floor(distance * part);
        const found = stepToward({ from, to, moved }, CHECKOUT);
        expect(distanceBetween(from, found)).toBe(moved);
        expect(distanceBetween(found, to)).toBe(distance - moved);
        expect(found.reduce((sum, { weight }) => sum + weight, 0)).toBe(WEIGHT_TOTAL);
      }),
    );
  });

  it("takes from each loser in proportion to what it is to lose", () => {
    const from = split({ "a/v1": 6_000, "b/v1": 4_000 });
    const to = split({ "a/v1": 2_000, "b/v1": 2_000, "c/v1": 6_000 });
    expect(textOf(stepToward({ from, to, moved: 3_000 }, CHECKOUT))).toEqual({
      "a/v1": 4_000,
      "b/v1": 3_000,
      "c/v1": 3_000,
    });
  });
});
