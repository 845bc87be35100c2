import { setImmediate as othersTurn } from "node:timers/promises";

/** Longest that is worked at a stretch, in ms: everything else in the process waits for so long. */
const STRETCH_MS = 5;

/** Works a little at a time, so that nothing else in the process waits long. One clock may serve many works. */
export class Stretches {
  #since = performance.now();

  /** What a work comes to. Rejects when the signal is aborted. */
  async of<T>(work: Generator<unknown, T, undefined>, signal?: AbortSignal): Promise<T> {
    return this.watched(work, { signal, onTurn: () => undefined });
  }

  /** The same; whenever others had their turn, `onTurn` is told what the work yielded last, if anything. */
  async watched<Y, T>(work: Generator<Y | undefined, T, undefined>, { signal, onTurn }: Watching<Y>): Promise<T> {
    let news: Y | undefined;
    for (let step = work.next(); ; step = work.next()) {
      if (step.done === true) return step.value;
      news = step.value ?? news;
      if (performance.now() - this.#since < STRETCH_MS) continue;
      await othersTurn(undefined, { signal });
      if (news !== undefined) onTurn(news);
      this.#since = performance.now();
    }
  }
}

interface Watching<Y> {
  readonly signal: AbortSignal | undefined;
  readonly onTurn: (news: Y) => void;
}
