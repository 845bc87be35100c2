import { describe, expect, it } from "vitest";
import { BusyShare, WorkQueue } from "../../../deploy/demo/work-queue.ts";
import type { WorkQueueOptions } from "../../../deploy/demo/work-queue.ts";
import { seededRandom } from "../../scenarios/seeded-random.ts";

/** Two servers that take 10 ms for everything. */
function twoServers(more: Partial<WorkQueueOptions> = {}): WorkQueue {
  return new WorkQueue({ servers: 2, meanWorkMs: 10, work: "constant", ...more });
}

/** Mean time in the queue of `arrivals` Poisson arrivals, in ms. */
function meanWaitMs(options: WorkQueueOptions, load: { readonly rps: number; readonly arrivals: number }): number {
  const random = seededRandom(11);
  const queue = new WorkQueue({ ...options, work: "exponential" });
  let [nowMs, totalMs] = [0, 0];
  for (let arrival = 0; arrival < load.arrivals; arrival++) {
    nowMs += (-1_000 / load.rps) * Math.log(1 - random.even());
    totalMs += (queue.admit(nowMs) ?? Infinity) - nowMs;
  }
  return totalMs / load.arrivals - options.meanWorkMs;
}

/** Erlang's C: the mean wait in a queue of Poisson arrivals, exponential work and c servers, in ms. */
function erlangWaitMs({ servers, meanWorkMs }: WorkQueueOptions, rps: number): number {
  const offered = (rps * meanWorkMs) / 1_000;
  let blocking = 1;
  for (let n = 1; n <= servers; n++) blocking = (offered * blocking) / (n + offered * blocking);
  const waiting = blocking / (1 - (offered / servers) * (1 - blocking));
  return (waiting * meanWorkMs) / (servers - offered);
}

describe("a work queue", () => {
  it("works on as many at once as it has servers, and on the others in order of arrival", () => {
    const queue = twoServers();
    expect([0, 1, 2, 3, 4].map((nowMs) => queue.admit(nowMs))).toEqual([10, 11, 20, 21, 30]);
    expect([4, 10, 11, 20].map((nowMs) => queue.waiting(nowMs))).toEqual([3, 2, 1, 0]);
  });

  it("turns away who finds the queue full, and nobody while a server is free", () => {
    const queue = twoServers({ waitingMax: 1 });
    expect([0, 0, 0, 0].map((nowMs) => queue.admit(nowMs))).toEqual([10, 10, 20, undefined]);
    expect(queue.admit(10)).toBe(20);
    const loss = twoServers({ waitingMax: 0 });
    expect([0, 0, 5, 10].map((nowMs) => loss.admit(nowMs))).toEqual([10, 10, undefined, 20]);
  });

  it.each([
    [4, 50],
    [4, 75],
    [8, 170],
  ])("lets arrivals wait as long as Erlang says: %i servers, %i requests a second", (servers, rps) => {
    const options: WorkQueueOptions = { servers, meanWorkMs: 40, work: "exponential", seed: 3 };
    const [measured, expected] = [meanWaitMs(options, { rps, arrivals: 400_000 }), erlangWaitMs(options, rps)];
    expect(measured / expected).toBeGreaterThan(0.93);
    expect(measured / expected).toBeLessThan(1.07);
  });

  it("draws the same times from the same seed", () => {
    const times = (seed: number) => {
      const queue = twoServers({ work: "exponential", seed });
      return [0, 0, 0].map((nowMs) => queue.admit(nowMs));
    };
    expect(times(5)).toEqual(times(5));
    expect(times(5)).not.toEqual(times(6));
  });

  it("knows at each moment what it has worked", () => {
    const queue = twoServers();
    for (const nowMs of [0, 0, 0]) queue.admit(nowMs);
    expect([0, 5, 10, 15, 20, 40].map((nowMs) => queue.workedMs(nowMs))).toEqual([0, 10, 20, 25, 30, 30]);
  });
});

describe("the busy share", () => {
  it("comes to the share of the servers that work, and goes back to none", () => {
    const queue = twoServers();
    const busy = new BusyShare(queue, { servers: 2, memoryMs: 1_000, nowMs: 0 });
    const shares: number[] = [];
    for (let nowMs = 0; nowMs < 8_000; nowMs += 10) {
      if (nowMs < 4_000) queue.admit(nowMs);
      shares.push(busy.at(nowMs));
    }
    expect(shares[100]).toBeCloseTo(0.5 * (1 - Math.exp(-1)), 2);
    expect(shares[399]).toBeCloseTo(0.5, 1);
    expect(shares.at(-1)).toBeLessThan(0.01);
  });

  it("stays within 0 and 1 however long the queue", () => {
    const queue = twoServers();
    const busy = new BusyShare(queue, { servers: 2, memoryMs: 100, nowMs: 0 });
    for (let nowMs = 0; nowMs < 2_000; nowMs += 1) queue.admit(nowMs);
    expect(busy.at(2_000)).toBeGreaterThan(0.99);
    expect(busy.at(2_000)).toBeLessThanOrEqual(1);
  });
});
