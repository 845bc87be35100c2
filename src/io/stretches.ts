import { setImmediate as othersTurn } from "node:timers/promises";

/** Longest that is worked at a stretch, in ms: everything else in the process waits for so long. */
const STRETCH_MS = 5;

/** Works a little at a time, so that nothing else in the process waits long. One clock may serve many works. */
export class Stretches {
  #since = performance.now();

  /** What a work comes to. Rejects when the signal is aborted. */
  async of<T>(work: Generator<undefined, T, undefined>, signal?: AbortSignal): Promise<T> {
    for (let step = work.next(); ; step = work.next()) {
      if (step.done === true) return step.value;
      if (performance.now() - this.#since < STRETCH_MS) continue;
      await othersTurn(undefined, { signal });
      this.#since = performance.now();
    }
  }
}
