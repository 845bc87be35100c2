/** A fixed number of workers with a queue in front, as a real backend has: overload shows as waiting time. */
export class WorkerPool {
  readonly #serviceTimeMs: number;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(options: { readonly workers: number; readonly serviceTimeMs: number }) {
    this.#free = options.workers;
    this.#serviceTimeMs = options.serviceTimeMs;
  }

  /** Runs `done` after one service time of one worker, once a worker is free. */
  serve(done: () => void): void {
    if (this.#free === 0) {
      this.#waiting.push(done);
      return;
    }
    this.#free -= 1;
    this.#work(done);
  }

  #work(done: () => void): void {
    setTimeout(() => {
      done();
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else this.#work(next);
    }, this.#serviceTimeMs);
  }
}
