import { seededRandom } from "../../test/scenarios/seeded-random.ts";

/** Calls `send` at `rps` on average, whatever becomes of earlier calls: an open loop, as independent users are. */
export function sendAtRate(rps: number, send: () => void): () => void {
  const startedAtMs = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAtMs) * rps) / 1_000);
    // After a pause of the machine the backlog is dropped, not fired in one burst.
    if (due - sent > rps / 4) sent = due - 1;
    for (; sent < due; sent += 1) send();
  }, 5);
  return () => clearInterval(timer);
}

/** How arrivals at random are made. */
export interface RandomArrivals {
  readonly rps: number;
  /** The same seed, the same gaps. */
  readonly seed: number;
}

/**
 * The same, but with gaps drawn from an exponential distribution (a Poisson process), which is what formulas of queues
 * suppose: requests that come evenly spaced hardly ever wait.
 */
export function sendAtRandom({ rps, seed }: RandomArrivals, send: () => void): () => void {
  const random = seededRandom(seed);
  // 1 - even() is never 0.
  const gapMs = (): number => (-1_000 / rps) * Math.log(1 - random.even());
  let nextAtMs = performance.now() + gapMs();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    // As above: what a pause of the machine held up for longer than a quarter of a second is dropped.
    for (; nextAtMs < nowMs - 250; nextAtMs += gapMs());
    for (; nextAtMs <= nowMs; nextAtMs += gapMs()) send();
  }, 1);
  return () => clearInterval(timer);
}
