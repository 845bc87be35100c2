import type { AgentClock } from "../core/ports.ts";

/** The machine's clocks. */
export const SYSTEM_CLOCK: AgentClock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** Waits, unless told to stop: then it returns early. Never throws. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

/** Full jitter (Brooker, AWS, 2015): anywhere between 0 and the back-off, which doubles with each failure up to a cap. */
export function fullJitterMs(
  failures: number,
  { baseMs, capMs, fraction }: { readonly baseMs: number; readonly capMs: number; readonly fraction: number },
): number {
  return fraction * Math.min(capMs, baseMs * 2 ** Math.min(failures, 30));
}
