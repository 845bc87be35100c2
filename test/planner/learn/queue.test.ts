import { describe, expect, it } from "vitest";
import { seededRandom } from "../../scenarios/seeded-random.ts";
import type { SeededRandom } from "../../scenarios/seeded-random.ts";
import { capacityByLatency, fitWork, latencyAt, waitsSpeakFor } from "../../../src/planner/learn/work.ts";
import type { Point } from "../../../src/planner/learn/work.ts";

interface Pool {
  readonly servers: number;
  readonly meanWorkMs: number;
  readonly squaredVariation: number;
}

/** Work that is exponential in stages (Erlang), or now and then much longer (two-phase hyperexponential), of this variation. */
function workOf(random: SeededRandom, { meanWorkMs, squaredVariation }: Pool): number {
  const exponential = (mean: number): number => -mean * Math.log(1 - random.even());
  if (squaredVariation <= 1) {
    const stages = Math.round(1 / squaredVariation);
    return Array.from({ length: stages }, () => exponential(meanWorkMs / stages)).reduce((sum, ms) => sum + ms, 0);
  }
  const p = (1 + Math.sqrt((squaredVariation - 1) / (squaredVariation + 1))) / 2;
  return random.even() < p ? exponential(meanWorkMs / (2 * p)) : exponential(meanWorkMs / (2 * (1 - p)));
}

/** Mean latency of requests that come at random to a pool with one queue, played request by request, ms. */
function played(pool: Pool, loadRps: number, requests = 150_000): number {
  const random = seededRandom(11);
  const freeAt = Array.from({ length: pool.servers }, () => 0);
  let now = 0;
  let sum = 0;
  for (let request = 0; request < requests; request += 1) {
    now += (-1_000 / loadRps) * Math.log(1 - random.even());
    let first = 0;
    for (let server = 1; server < freeAt.length; server += 1)
      if ((freeAt[server] ?? 0) < (freeAt[first] ?? 0)) first = server;
    const done = Math.max(now, freeAt[first] ?? 0) + workOf(random, pool);
    freeAt[first] = done;
    sum += done - now;
  }
  return sum / requests;
}

const POOLS: readonly Pool[] = [
  { servers: 4, meanWorkMs: 10, squaredVariation: 1 },
  { servers: 12, meanWorkMs: 25, squaredVariation: 0.5 },
  { servers: 20, meanWorkMs: 15, squaredVariation: 3 },
];

const SHARES = [0.4, 0.7, 0.9];

describe.each(POOLS)(
  "a queue of $servers servers with $meanWorkMs ms of work of variation $squaredVariation",
  (pool) => {
    const capacityRps = (1_000 * pool.servers) / pool.meanWorkMs;
    const points = SHARES.map((share): Point => ({
      loadRps: share * capacityRps,
      latencyMs: played(pool, share * capacityRps),
      error: 0.01,
    }));

    it("is told by what its callers saw at three loads: work, and latencies in between", () => {
      const work = fitWork(points, capacityRps)?.work;
      expect(work).toBeDefined();
      if (work === undefined) return;
      expect(Math.abs(work.meanWorkMs / pool.meanWorkMs - 1)).toBeLessThan(0.06);
      for (const share of [0.5, 0.8]) {
        const expected = played(pool, share * capacityRps);
        expect(Math.abs(latencyAt(work, capacityRps, share * capacityRps) / expected - 1)).toBeLessThan(0.1);
      }
    });

    it("shows its capacity by its waits, when it is nearly full", () => {
      const work = fitWork(points, capacityRps)?.work ?? pool;
      const [full] = points.toReversed();
      const shown = full === undefined ? Number.NaN : capacityByLatency(work, full);
      expect(Math.abs(shown / capacityRps - 1)).toBeLessThan(0.06);
    });

    it("speaks for its true capacity against one of half or double", () => {
      expect(waitsSpeakFor(points, [capacityRps, capacityRps * 2])).toBe(capacityRps);
    });
  },
);

describe("a single latency", () => {
  it("of a place that is not nearly full is taken for work", () => {
    const work = fitWork([{ loadRps: 300, latencyMs: 40, error: 0.01 }], 1_000)?.work;
    expect((work?.meanWorkMs ?? 0) / 40).toBeCloseTo(1, 1);
  });

  it("of a full place is not", () => {
    const work = fitWork([{ loadRps: 960, latencyMs: 120, error: 0.01 }], 1_000)?.work;
    expect(work?.meanWorkMs).toBeLessThan(80);
  });

  it("speaks for nobody", () => {
    expect(waitsSpeakFor([{ loadRps: 500, latencyMs: 30, error: 0.01 }], [1_000, 2_000])).toBeUndefined();
  });
});
