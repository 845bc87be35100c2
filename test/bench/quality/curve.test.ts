import { describe, expect, it } from "vitest";
import { capacityOf, costAt, latencyMs } from "./curve.ts";

/** Mean wait of M/M/c by Erlang's C formula, in units of the mean work. */
function erlangWait(servers: number, utilisation: number): number {
  const offered = servers * utilisation;
  let blocking = 1;
  for (let k = 1; k <= servers; k += 1) blocking = (offered * blocking) / (k + offered * blocking);
  const waiting = blocking / (1 - utilisation * (1 - blocking));
  return waiting / (servers * (1 - utilisation));
}

function pool(
  servers: number,
  squaredVariation = 1,
): { kind: "queue"; servers: number; meanWorkMs: number; squaredVariation: number } {
  return { kind: "queue", servers, meanWorkMs: 10, squaredVariation };
}

function waitMs(servers: number, utilisation: number, squaredVariation = 1): number {
  const curve = pool(servers, squaredVariation);
  return latencyMs(curve, utilisation * capacityOf(curve)) - 10;
}

describe("the queue's curve", () => {
  it("is exact for one server: work / (1 - utilisation)", () => {
    expect(waitMs(1, 0.5)).toBeCloseTo(10, 9);
    expect(waitMs(1, 0.9)).toBeCloseTo(90, 9);
  });

  it("scales with the variation of the work, as Pollaczek and Khinchine have it", () => {
    expect(waitMs(1, 0.8, 0)).toBeCloseTo(20, 9);
    expect(waitMs(1, 0.8, 4)).toBeCloseTo(100, 9);
  });

  // C(2, 1.5) = 0.642857 and C(10, 8) = 0.409180 are in every table of Erlang's C.
  it("is checked against tabulated values", () => {
    expect(erlangWait(2, 0.75) * 2 * 0.25).toBeCloseTo(0.642857, 6);
    expect(erlangWait(10, 0.8) * 10 * 0.2).toBeCloseTo(0.40918, 5);
  });

  it.each([2, 4, 10, 20, 40, 100])("is near Erlang's C for %d servers", (servers) => {
    const exactMs = (utilisation: number): number => 10 * erlangWait(servers, utilisation);
    for (const utilisation of [0.5, 0.8, 0.9, 0.95, 0.98]) {
      expect(Math.abs((10 + waitMs(servers, utilisation)) / (10 + exactMs(utilisation)) - 1)).toBeLessThan(0.03);
    }
    // Where there is anything to wait for, the wait itself.
    expect(Math.abs(waitMs(servers, 0.98) / exactMs(0.98) - 1)).toBeLessThan(0.1);
  });

  it("has no wait without load", () => {
    expect(latencyMs(pool(4), 0)).toBe(10);
    expect(costAt(pool(1), 0)).toEqual({ value: 0, first: 10, second: 20 * 10 * 0.001 * 0.5 * 2 * 10 * 0.1 });
  });

  it.each([pool(1), pool(4, 4), pool(40), { kind: "polynomial", baseMs: 27, coefficient: 1e-9, exponent: 4 } as const])(
    "grows as its derivatives say: %o",
    (curve) => {
      const capacity = Math.min(capacityOf(curve), 1_000);
      for (const share of [0.2, 0.6, 0.9]) {
        const load = share * capacity;
        const step = 1e-4 * capacity;
        const [below, here, above] = [costAt(curve, load - step), costAt(curve, load), costAt(curve, load + step)];
        expect((above.value - below.value) / (2 * step) / here.first).toBeCloseTo(1, 4);
        expect((above.first - below.first) / (2 * step) / here.second).toBeCloseTo(1, 2);
      }
    },
  );
});

describe("the polynomial curve", () => {
  it("is base + coefficient * load^exponent", () => {
    const curve = { kind: "polynomial", baseMs: 20, coefficient: 2e-3, exponent: 2 } as const;
    expect(latencyMs(curve, 100)).toBeCloseTo(40, 9);
    expect(capacityOf(curve)).toBe(Number.POSITIVE_INFINITY);
  });
});
