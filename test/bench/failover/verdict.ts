import type { Sent } from "./load.ts";

/** What became of the requests after a cluster was lost. */
export interface Verdict {
  readonly requests: number;
  readonly failed: number;
  /** From the loss to the start of the first second in which 99 % of the requests sent in it succeed. */
  readonly recoveryMs: number;
  /** Requests that took longer than `SLOW_MS`. */
  readonly slow: number;
  /** The slowest of those that were answered, in ms. */
  readonly slowestMs: number;
  readonly failures: readonly string[];
}

/** Longer than this a person notices. */
export const SLOW_MS = 200;

/** Ending processes, and installing a packet filter, take a moment. */
const GONE_AFTER_MS = 500;

const RECOVERED = 0.99;
const STEP_MS = 50;
const SECOND_MS = 1_000;

/** Judges all requests of one side. `lostAtMs` is on the load's clock. Throws when the cluster was not lost at all. */
export function verdictOf(
  sent: readonly Sent[],
  { lostAtMs, lost }: { readonly lostAtMs: number; readonly lost: string },
): Verdict {
  assertLost(sent, { lostAtMs, lost });
  // What is under way at the moment of the loss is part of it.
  const after = sent.filter(({ atMs, tookMs }) => atMs + tookMs >= lostAtMs);
  const failures = after.flatMap(({ failure }) => failure ?? []);
  return {
    requests: after.length,
    failed: failures.length,
    recoveryMs: recoveryOf(after, lostAtMs),
    slow: after.filter(({ tookMs }) => tookMs > SLOW_MS).length,
    slowestMs: Math.max(...after.filter(({ servedBy }) => servedBy !== undefined).map(({ tookMs }) => tookMs)),
    failures: [...new Set(failures)],
  };
}

/** A cluster that nobody used, or that goes on answering, shows nothing. */
function assertLost(
  sent: readonly Sent[],
  { lostAtMs, lost }: { readonly lostAtMs: number; readonly lost: string },
): void {
  const before = sent.filter(({ atMs, tookMs }) => atMs + tookMs < lostAtMs);
  const share = before.filter(({ servedBy }) => servedBy === lost).length / Math.max(1, before.length);
  if (share < 0.4 || share > 0.6) throw new Error(`${lost} had ${share} of the requests before it was lost, not half`);
  const late = sent.filter(({ atMs, servedBy }) => atMs > lostAtMs + GONE_AFTER_MS && servedBy === lost).length;
  if (late > 0) throw new Error(`${lost} answered ${late} requests after it was lost`);
}

/** `Infinity` when it never recovers. */
function recoveryOf(sent: readonly Sent[], lostAtMs: number): number {
  const last = Math.max(...sent.map(({ atMs }) => atMs));
  for (let start = lostAtMs; start + SECOND_MS <= last; start += STEP_MS) {
    const second = sent.filter(({ atMs }) => atMs >= start && atMs < start + SECOND_MS);
    const succeeded = second.filter(({ servedBy }) => servedBy !== undefined).length;
    if (second.length > 0 && succeeded >= RECOVERED * second.length) return start - lostAtMs;
  }
  return Number.POSITIVE_INFINITY;
}
