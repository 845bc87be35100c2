/** Tells when one sender wrote its reports, by the clock of who reads them. */
export type Postmark = (writtenMs: number | undefined, nowMs: number) => number;

/** A report that seems later than this was not held up: its sender's clock was set. */
const LATE_MAX_MS = 5_000;

/**
 * The fastest report says how far the two clocks lie apart, and how late all others are: a reader that had no processor for a
 * moment reads two reports at once, and would else find a second's requests in a few milliseconds.
 */
export function createPostmark(): Postmark {
  let apartMs = Infinity;
  return (writtenMs, nowMs) => {
    if (writtenMs === undefined) return nowMs;
    const seenMs = nowMs - writtenMs;
    apartMs = seenMs - apartMs > LATE_MAX_MS ? seenMs : Math.min(apartMs, seenMs);
    return writtenMs + apartMs;
  };
}
