/** What callers of both sides saw of one pair of clusters, newest last. */
export interface PairSamples {
  /** Latency of requests to the other cluster, less what that cluster's own callers saw at the same time, ms. */
  readonly differencesMs: readonly number[];
  /** The quickest mean latency that callers saw across the pair, ms. */
  readonly quickestMs: number;
}

export const NO_SAMPLES: PairSamples = { differencesMs: [], quickestMs: Infinity };

const SAMPLES_MAX = 20;

/** Fewer samples say nothing. */
const SAMPLES_MIN = 8;

/** Queues at the other side only lengthen what remote callers see: the lower part of the samples is the way. */
const QUANTILE = 0.25;

/**
 * A cluster whose own callers report long waits makes the way to it look short. No way is taken to be shorter than this share
 * of the quickest that the other side saw.
 */
const SHARE_MIN = 0.25;

/** Adds what one window showed. Nonsense is left out. */
export function withSample(
  { differencesMs, quickestMs }: PairSamples,
  { remoteMs, localMs }: { readonly remoteMs: number; readonly localMs: number },
): PairSamples {
  if (!(remoteMs >= 0 && localMs >= 0) || remoteMs === Infinity || localMs === Infinity)
    return { differencesMs, quickestMs };
  return {
    differencesMs: [...differencesMs, Math.max(0, remoteMs - localMs)].slice(-SAMPLES_MAX),
    quickestMs: Math.min(quickestMs, remoteMs),
  };
}

/** Round trip between the two, ms; undefined while too little was seen. */
export function roundTripOf({ differencesMs, quickestMs }: PairSamples): number | undefined {
  if (differencesMs.length < SAMPLES_MIN) return undefined;
  const sorted = differencesMs.toSorted((a, b) => a - b);
  const lower = sorted[Math.floor(QUANTILE * (sorted.length - 1))] ?? 0;
  return Math.max(lower, SHARE_MIN * quickestMs);
}

/** Differences below this share, or below this many ms, are not recorded. */
const BAND_SHARE = 0.15;
const BAND_MS = 1;

/** Whether a round trip differs enough from what was recorded. */
export function isRoundTripNews(recordedMs: number | undefined, nowMs: number): boolean {
  if (recordedMs === undefined) return true;
  return Math.abs(nowMs - recordedMs) > Math.max(BAND_MS, BAND_SHARE * Math.max(nowMs, recordedMs));
}
