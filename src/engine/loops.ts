import type { Clock, EngineLog } from "./ports.ts";

/** The loops of one replica. They run from their start until `life` aborts. */
export class Loops {
  readonly #clock: Clock;
  readonly #logger: EngineLog;
  readonly #life: AbortSignal;
  readonly #running: Promise<void>[] = [];

  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: EngineLog }, life: AbortSignal) {
    this.#clock = clock;
    this.#logger = logger;
    this.#life = life;
  }

  /** Runs `work` now, and again `pauseMs` after each turn. Returns how to cut one pause short, also the next one. */
  start(pauseMs: number, work: (life: AbortSignal) => Promise<void>): () => void {
    let nap = new AbortController();
    const wake = (): void => nap.abort();
    this.#life.addEventListener("abort", wake, { once: true });
    this.include(
      this.#turns(pauseMs, work, () => {
        nap = new AbortController();
        return nap.signal;
      }),
    );
    return wake;
  }

  /** Takes in something that runs by itself and ends with `life`. */
  include(running: Promise<void>): void {
    this.#running.push(running);
  }

  /** Resolves once nothing runs any more. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #turns(
    pauseMs: number,
    work: (life: AbortSignal) => Promise<void>,
    beginTurn: () => AbortSignal,
  ): Promise<void> {
    while (!this.#life.aborted) {
      const wakes = beginTurn();
      await this.#guarded(work);
      await this.#clock.sleep(pauseMs, wakes);
    }
  }

  /** What a turn throws is logged: one bad turn must not end its loop. */
  async #guarded(work: (life: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await work(this.#life);
    } catch (error) {
      if (!this.#life.aborted) this.#logger.error({ err: error }, "engine loop failed");
    }
  }
}
