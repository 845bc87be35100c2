import type { Clock } from "./ports.ts";

/** Share of the time passed by which log time may run faster or slower to come back to the wall clock. */
const SLEW_RATIO = 0.1;

/** A gap to the wall clock above this is no skew: the machine slept, and log time jumps forward. */
const SKEW_MAX_MS = 2 * 3_600_000;

/**
 * The time that records carry. It runs on the monotonic clock, so that a stepped wall clock changes no waiting time, and
 * every replica takes it over from the leader, so that a leader with a wrong clock changes none either. It comes back
 * to the wall clock slowly.
 */
export class LogTime {
  readonly #clock: Clock;
  #atMs: number;
  #readAtMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#atMs = clock.nowMs();
    this.#readAtMs = clock.monotonicMs();
  }

  /** Log time now, whole ms since 1970. */
  now(): number {
    const readAtMs = this.#clock.monotonicMs();
    const elapsed = readAtMs - this.#readAtMs;
    const steady = this.#atMs + elapsed;
    const gap = this.#clock.nowMs() - steady;
    const most = elapsed * SLEW_RATIO;
    this.#atMs = gap > SKEW_MAX_MS ? steady + gap : steady + Math.max(-most, Math.min(most, gap));
    this.#readAtMs = readAtMs;
    return Math.trunc(this.#atMs);
  }

  /** Takes the leader's log time over, as a fresh record or heartbeat shows it. */
  adopt(atMs: number): void {
    this.#atMs = atMs;
    this.#readAtMs = this.#clock.monotonicMs();
  }

  /** The offset that turns a reading of the monotonic clock into log time, now. */
  offsetMs(): number {
    return this.now() - this.#readAtMs;
  }
}
