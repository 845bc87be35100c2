import type { Clock } from "./ports.ts";

/** A wait that took longer than it may. */
export class DeadlinePassed extends Error {
  constructor(what: string, ms: number) {
    super(`${what} took longer than ${ms} ms`);
  }
}

/** What to wait for, and how long. */
export interface Bounded {
  readonly clock: Clock;
  readonly ms: number;
  /** Ends the wait early. */
  readonly signal: AbortSignal;
  /** For the message. */
  readonly what: string;
}

/**
 * Runs `work` with a signal that aborts after `ms` on the given clock, or with the outer signal. Rejects with
 * `DeadlinePassed` or the outer signal's reason; does not wait for work that ignores its signal.
 */
export async function within<T>(bounded: Bounded, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return await expiring(bounded, async (signal) => await untilAborted(work(signal), signal));
}

/** Runs `work` with such a signal and leaves it to the work to end when it aborts. */
export async function expiring<T>(bounded: Bounded, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, ms, signal, what } = bounded;
  signal.throwIfAborted();
  const inner = new AbortController();
  const outerAbort = (): void => inner.abort(reasonOf(signal));
  signal.addEventListener("abort", outerAbort, { once: true });
  const timer = new AbortController();
  void clock.sleep(ms, timer.signal).then(() => inner.abort(new DeadlinePassed(what, ms)));
  try {
    return await work(inner.signal);
  } finally {
    signal.removeEventListener("abort", outerAbort);
    timer.abort();
  }
}

/** Waits for `work`, but no longer than `signal` allows: rejects with its reason when it aborts first. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(reasonOf(signal));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** Why a signal aborted, as an error. */
export function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error("aborted", { cause: signal.reason });
}
