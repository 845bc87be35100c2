/** Lets one work go after the other, in the order in which they were asked for. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs a work once all before it have ended, however they did. Rejects at once when the signal is aborted before that. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#last;
    const own = this.#after(before, work, signal);
    this.#last = Promise.allSettled([before, own]);
    return own;
  }

  async #after<T>(before: Promise<unknown>, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const stop = (): void => end();
    signal.addEventListener("abort", stop, { once: true });
    try {
      await Promise.race([before, ended]);
      signal.throwIfAborted();
    } finally {
      signal.removeEventListener("abort", stop);
    }
    return work();
  }
}
