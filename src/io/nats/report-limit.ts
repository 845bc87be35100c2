import type { Clock } from "../../engine/ports.ts";

/** Reports that one subject may bring per second, and in a burst: a heartbeat a second and parts of windows need few. */
const RATE_PER_SECOND = 20;
const BURST = 40;

interface Bucket {
  tokens: number;
  filledAtMs: number;
  /** Newest message beyond the limit: it replaces older ones and is taken when there is a token again. */
  waiting: Uint8Array | undefined;
}

/** What became of a message: taken now, or kept as the newest of those beyond the limit, in place of an older one. */
export type Admission = "taken" | "waits" | "replaced";

/**
 * Limits each subject by itself: a flood from one agent costs the planner a constant, loses only what newer messages
 * make worthless, and touches no other agent.
 */
export class ReportLimit {
  readonly #buckets = new Map<string, Bucket>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  admit(subject: string, bytes: Uint8Array): Admission {
    const bucket = this.#bucketOf(subject);
    if (bucket.waiting === undefined && bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return "taken";
    }
    const admission = bucket.waiting === undefined ? "waits" : "replaced";
    bucket.waiting = bytes;
    return admission;
  }

  /** Messages whose turn has come. Forgets subjects that are quiet. */
  due(): readonly { readonly subject: string; readonly bytes: Uint8Array }[] {
    const due: { subject: string; bytes: Uint8Array }[] = [];
    for (const subject of this.#buckets.keys()) {
      const bucket = this.#bucketOf(subject);
      const { waiting } = bucket;
      if (waiting !== undefined && bucket.tokens >= 1) {
        bucket.tokens -= 1;
        bucket.waiting = undefined;
        due.push({ subject, bytes: waiting });
      } else if (waiting === undefined && bucket.tokens >= BURST) this.#buckets.delete(subject);
    }
    return due;
  }

  #bucketOf(subject: string): Bucket {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#buckets.get(subject);
    const bucket = known ?? { tokens: BURST, filledAtMs: nowMs, waiting: undefined };
    bucket.tokens = Math.min(BURST, bucket.tokens + ((nowMs - bucket.filledAtMs) * RATE_PER_SECOND) / 1_000);
    bucket.filledAtMs = nowMs;
    if (known === undefined) this.#buckets.set(subject, bucket);
    return bucket;
  }
}
