import type { Busy } from "./evidence.ts";

/** A capacity that planning goes by, beside what was seen. */
export interface Standing {
  readonly standingRps: number;
  /** What this round says. */
  readonly busy: Busy;
  /** What the last rounds say together. */
  readonly slow?: { readonly capacityRps: number; readonly rounds: number };
}

/** Smaller errors of one round are not acted upon; nor are those within three deviations of it. */
const QUICK_BAND = 0.05;
const CHANCE_DEVIATIONS = 3;

/** What many rounds agree on is followed more finely. */
const SLOW_BAND = 0.03;
const SLOW_ROUNDS = 6;

/** How much of a rise is taken at once (planning, section 9). */
const MIX = 0.7;

/**
 * Most that a capacity rises in a round on the cluster's word, which callers' waits do not deny. Filled to 0.9, what is taken
 * for 1.08 times as large gets 0.97 of what it has: a destination that lies keeps its queue below 0.98, and that queue gives it
 * away before the next round.
 */
const STEP_OPEN = 1.08;
/** The same where the word is further from what was claimed than capacities are usually wrong by. */
const STEP_DOUBTFUL = 1.05;
const DOUBTFUL_RATIO = 1.5;
/** The same where callers' waits speak for it: where they are much too short for what was claimed. */
const STEP_CONFIRMED = 1.25;

/** A fall, taken at once, or undefined: nothing says that it is smaller. */
export function loweredTo({ standingRps, busy, slow }: Standing): number | undefined {
  if (busy.capacityRps < standingRps * (1 - quickBand(busy))) return busy.capacityRps;
  return isSettled(slow) && slow.capacityRps < standingRps * (1 - SLOW_BAND) ? slow.capacityRps : undefined;
}

/** Whether utilisation says that there is more than planning goes by. */
export function isRaisable({ standingRps, busy, slow }: Standing): boolean {
  if (busy.capacityRps > standingRps * (1 + quickBand(busy))) return true;
  return isSettled(slow) && slow.capacityRps > standingRps * (1 + SLOW_BAND);
}

/**
 * A rise, or undefined where the bounds leave none.
 *
 * @param mostRps - as much as callers' own experience allows.
 */
export function raisedTo(
  { standingRps, busy, slow }: Standing,
  { isConfirmed, mostRps }: { readonly isConfirmed: boolean; readonly mostRps: number },
): number | undefined {
  const isQuick = busy.capacityRps > standingRps * (1 + quickBand(busy));
  const seen = isQuick ? standingRps + MIX * (busy.capacityRps - standingRps) : (slow?.capacityRps ?? standingRps);
  const next = Math.min(seen, standingRps * (isConfirmed ? STEP_CONFIRMED : openStep(standingRps, busy)), mostRps);
  return next > standingRps * (1 + SLOW_BAND) ? next : undefined;
}

function openStep(standingRps: number, { capacityRps }: Busy): number {
  return capacityRps > standingRps * DOUBTFUL_RATIO ? STEP_DOUBTFUL : STEP_OPEN;
}

function quickBand({ error }: Busy): number {
  return Math.max(QUICK_BAND, CHANCE_DEVIATIONS * error);
}

function isSettled(slow: Standing["slow"]): slow is NonNullable<Standing["slow"]> {
  return slow !== undefined && slow.rounds >= SLOW_ROUNDS;
}
