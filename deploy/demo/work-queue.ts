import { seededRandom } from "../../test/scenarios/seeded-random.ts";

/** How a backend works. */
export interface WorkQueueOptions {
  /** Requests worked on at once; > 0. */
  readonly servers: number;
  /** Mean time that one request takes a server, in ms; > 0. `servers` * 1000 / `meanWorkMs` requests a second are its capacity. */
  readonly meanWorkMs: number;
  /** Whether every request takes the mean, or times are drawn from an exponential distribution. */
  readonly work: "constant" | "exponential";
  /** Most requests that wait for a server; without it any number do. */
  readonly waitingMax?: number;
  /** Draws the times: the same seed, the same times in the order of arrival. */
  readonly seed?: number;
}

/**
 * A queue that is served first come, first served (G/G/c), reckoned and not enacted: each arrival is told when it will be
 * done, so that late timers of a busy machine cost no capacity. Times are ms from any start, and never go back.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #drawWorkMs: () => number;
  /** When each server will have done all that was given to it. */
  readonly #freeAtMs: number[];
  /** When those that wait will begin, soonest first. */
  #beginsAtMs: number[] = [];
  #givenMs = 0;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#freeAtMs = Array.from({ length: options.servers }, () => -Infinity);
    this.#drawWorkMs = drawing(options);
  }

  /** Takes an arrival and says when it will be done; undefined when the queue is full. */
  admit(nowMs: number): number | undefined {
    const { waitingMax = Infinity } = this.#options;
    const soonest = this.#freeAtMs.reduce((best, at, index, all) => (at < (all[best] ?? 0) ? index : best), 0);
    const beginsAtMs = Math.max(nowMs, this.#freeAtMs[soonest] ?? nowMs);
    if (beginsAtMs > nowMs && this.waiting(nowMs) >= waitingMax) return undefined;
    const workMs = this.#drawWorkMs();
    this.#freeAtMs[soonest] = beginsAtMs + workMs;
    this.#givenMs += workMs;
    if (beginsAtMs > nowMs) this.#beginsAtMs.push(beginsAtMs);
    return beginsAtMs + workMs;
  }

  /** How many wait for a server. */
  waiting(nowMs: number): number {
    const begun = this.#beginsAtMs.findIndex((at) => at > nowMs);
    this.#beginsAtMs = begun < 0 ? [] : begun === 0 ? this.#beginsAtMs : this.#beginsAtMs.slice(begun);
    return this.#beginsAtMs.length;
  }

  /** Time that all servers together have worked until now, in ms. A server with work to do never rests before it is done. */
  workedMs(nowMs: number): number {
    return this.#givenMs - this.#freeAtMs.reduce((ahead, at) => ahead + Math.max(0, at - nowMs), 0);
  }
}

function drawing({ meanWorkMs, work, seed = 1 }: WorkQueueOptions): () => number {
  if (work === "constant") return () => meanWorkMs;
  const random = seededRandom(seed);
  // 1 - even() is never 0.
  return () => -meanWorkMs * Math.log(1 - random.even());
}

/**
 * Busy share of a backend's servers, 0 to 1: the mean of the past in which a moment `memoryMs` ago counts e times less than
 * now. What is asked for seldom is none the less exact, since the queue knows all it has worked.
 */
export class BusyShare {
  readonly #queue: Pick<WorkQueue, "workedMs">;
  readonly #options: BusyShareOptions;
  #lookedAtMs: number;
  #workedMs: number;
  #share = 0;

  constructor(queue: Pick<WorkQueue, "workedMs">, options: BusyShareOptions) {
    this.#queue = queue;
    this.#options = options;
    this.#lookedAtMs = options.nowMs;
    this.#workedMs = queue.workedMs(options.nowMs);
  }

  at(nowMs: number): number {
    const passedMs = nowMs - this.#lookedAtMs;
    if (passedMs <= 0) return this.#share;
    const workedMs = this.#queue.workedMs(nowMs);
    const share = (workedMs - this.#workedMs) / (passedMs * this.#options.servers);
    this.#share += (1 - Math.exp(-passedMs / this.#options.memoryMs)) * (share - this.#share);
    this.#lookedAtMs = nowMs;
    this.#workedMs = workedMs;
    return this.#share;
  }
}

export interface BusyShareOptions {
  readonly servers: number;
  readonly memoryMs: number;
  /** From when on it counts. */
  readonly nowMs: number;
}
