import { describe, expect, it } from "vitest";
import { expectedDemand, followDemand, SUSPECT_MS } from "../../../src/planner/learn/demand.ts";
import type { DemandTrend } from "../../../src/planner/learn/demand.ts";
import { seededRandom } from "../../scenarios/seeded-random.ts";

const LENGTH_MS = 10_000;

/** Demand after windows of these rates, each 10 s long. */
function after(rates: readonly number[]): { readonly trend: DemandTrend; readonly nowMs: number } {
  let trend: DemandTrend | undefined;
  let nowMs = 0;
  for (const rps of rates) {
    nowMs += LENGTH_MS;
    trend = followDemand(trend, { requests: (rps * LENGTH_MS) / 1_000, lengthMs: LENGTH_MS, endMs: nowMs });
  }
  if (trend === undefined) throw new Error("there is a window");
  return { trend, nowMs };
}

function expected(rates: readonly number[]): number {
  const { trend, nowMs } = after(rates);
  return expectedDemand(trend, nowMs);
}

describe("demand", () => {
  it("is the first window's where there is no other", () => {
    expect(expected([700])).toBe(700);
  });

  it("is not moved by one odd window, up or down", () => {
    expect(expected([1_000, 1_000, 5_000])).toBe(1_000);
    expect(expected([1_000, 1_000, 0, 1_000])).toBe(1_000);
  });

  it("follows a surge with the second window that shows it", () => {
    expect(expected([1_000, 1_000, 3_000, 3_100])).toBe(3_050);
  });

  it("follows requests that end, though no further window comes", () => {
    const { trend, nowMs } = after([1_000, 1_000, 0]);
    expect(expectedDemand(trend, nowMs)).toBe(1_000);
    expect(expectedDemand(trend, nowMs + SUSPECT_MS)).toBe(0);
  });

  it("of a source that never sends alike is somewhere in the middle, not what it was at first", () => {
    const found = expected([1_000, 100, 3_000, 100, 3_000, 100, 3_000]);
    expect(found).toBeGreaterThan(100);
    expect(found).toBeLessThan(3_000);
    expect(found).not.toBe(1_000);
  });

  it("goes ahead of a steady rise by at most a tenth, and does not rely on a fall", () => {
    const rising = Array.from({ length: 60 }, (_, at) => 1_000 * (1 + at * 0.01));
    const last = rising.at(-1) ?? 0;
    expect(expected(rising)).toBeGreaterThan(last);
    expect(expected(rising)).toBeLessThan(last * 1.1 + 1);
    const falling = rising.toReversed();
    expect(expected(falling)).toBeGreaterThanOrEqual((falling.at(-1) ?? 0) * 0.999);
  });

  it("is smoother than its windows", () => {
    const random = seededRandom(3);
    const rates = Array.from({ length: 400 }, () => 400 * (1 + 0.05 * random.normal()));
    const errors = rates.slice(100).map((_, at) => expected(rates.slice(0, 100 + at)) - 400);
    const deviation = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length);
    expect(deviation).toBeLessThan(20);
  });
});
