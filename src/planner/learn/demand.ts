/** Demand of one source as it develops. */
export interface DemandTrend {
  readonly levelRps: number;
  /** How much it grows per ms, requests per second. */
  readonly trendRps: number;
  /** End of the last window that counted, ms. */
  readonly atMs: number;
  /** A window that was unlike all before, and waits for another that agrees. */
  readonly suspect?: { readonly rps: number; readonly sinceMs: number };
}

/** One window of a source's requests. */
export interface DemandWindow {
  readonly requests: number;
  readonly lengthMs: number;
  /** End of the window, ms. */
  readonly endMs: number;
}

/** Requests come at random: what differs by fewer standard deviations of their count is chance. */
const CHANCE_DEVIATIONS = 3;

/** What differs by less than this share from what was expected develops; by more, it jumps. */
const JUMP_SHARE = 0.1;

/** A jump that nothing contradicts for this long is believed: where requests end, no further window comes. Longer than a turn. */
export const SUSPECT_MS = 20_000;

/** Time constants of level and trend, ms. */
const LEVEL_MS = 45_000;
const TREND_MS = 240_000;

/** A pause after which it starts anew, ms. */
const FORGOTTEN_MS = 300_000;

/**
 * Follows a source's demand by Holt's method of level and trend, for windows of any length. A window that is unlike what was
 * expected changes nothing until the next one agrees, or none comes; then the level is the new one at once: a single odd
 * window moves no traffic, and a real surge is followed within two.
 */
export function followDemand(before: DemandTrend | undefined, window: DemandWindow): DemandTrend {
  const { endMs } = window;
  const rps = rateOf(window);
  const fresh = { levelRps: rps, trendRps: 0, atMs: endMs };
  if (before === undefined || endMs - before.atMs > FORGOTTEN_MS) return fresh;
  if (endMs <= before.atMs) return before;
  const expected = Math.max(0, before.levelRps + before.trendRps * (endMs - before.atMs));
  if (isLike(rps, expected, window)) return developed(before, { rps, expected, endMs });
  const { suspect = { rps, sinceMs: endMs } } = before;
  const isAgreed = before.suspect !== undefined && isLike(rps, suspect.rps, window);
  // Who never sends alike for long is taken at the mean.
  if (isAgreed || endMs - suspect.sinceMs >= SUSPECT_MS) return { ...fresh, levelRps: (rps + suspect.rps) / 2 };
  return { ...before, suspect: { rps, sinceMs: suspect.sinceMs } };
}

/** Demand to plan for at a time, requests per second: a rise goes on until the next plan can answer it, a fall is not relied on. */
export function expectedDemand({ levelRps, trendRps, suspect }: DemandTrend, nowMs: number): number {
  if (suspect !== undefined && nowMs - suspect.sinceMs >= SUSPECT_MS) return suspect.rps;
  const rise = trendRps * LEAD_MS;
  return rise < RISE_MIN * levelRps ? levelRps : levelRps + Math.min(rise, RISE_MAX * levelRps);
}

/** How far ahead a plan is made: the routine's interval, ms. */
const LEAD_MS = 60_000;
/** Least and most that a trend adds to a level, as shares: less is taken for noise, and headroom answers it. */
const RISE_MIN = 0.03;
const RISE_MAX = 0.1;

function rateOf({ requests, lengthMs }: DemandWindow): number {
  return (requests * 1_000) / lengthMs;
}

function isLike(rps: number, expectedRps: number, { lengthMs }: DemandWindow): boolean {
  const count = (Math.max(rps, expectedRps) * lengthMs) / 1_000;
  const chanceRps = (CHANCE_DEVIATIONS * Math.sqrt(count) * 1_000) / lengthMs;
  return Math.abs(rps - expectedRps) <= Math.max(chanceRps, JUMP_SHARE * expectedRps);
}

interface Step {
  readonly rps: number;
  readonly expected: number;
  readonly endMs: number;
}

function developed({ trendRps, atMs }: DemandTrend, { rps, expected, endMs }: Step): DemandTrend {
  const passedMs = endMs - atMs;
  const [level, trend] = [weightOver(passedMs, LEVEL_MS), weightOver(passedMs, TREND_MS)];
  const off = rps - expected;
  return {
    levelRps: Math.max(0, expected + level * off),
    trendRps: trendRps + (level * trend * off) / passedMs,
    atMs: endMs,
  };
}

/** Weight of the newest value after a time. */
function weightOver(passedMs: number, constantMs: number): number {
  return 1 - Math.exp(-passedMs / constantMs);
}
