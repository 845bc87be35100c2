import type { Engine } from "../../../engine/ports.ts";
import type { FleetState } from "../../../model/fleet.ts";

/**
 * The state now, and then the newest state after each change, until the signal ends. A slow reader skips states; it
 * always gets the newest one.
 */
export async function* states(engine: Engine, signal: AbortSignal): AsyncGenerator<FleetState, void, void> {
  let news = Promise.withResolvers<void>();
  const stop = engine.onCommit(() => news.resolve());
  const end = (): void => news.resolve();
  signal.addEventListener("abort", end, { once: true });
  try {
    while (!signal.aborted) {
      const { promise } = news;
      yield engine.state();
      await promise;
      news = Promise.withResolvers<void>();
    }
  } finally {
    stop();
    signal.removeEventListener("abort", end);
  }
}
