import type { LearnedDestination } from "../../../src/model/learned.ts";
import { learnRound, NOTHING_RECALLED } from "../../../src/planner/learn/destination.ts";
import type { Recollection } from "../../../src/planner/learn/destination.ts";
import { evidenceIn } from "../../../src/planner/learn/evidence.ts";
import { trustedCapacity } from "../../../src/planner/learn/trust.ts";
import { latencyAt } from "../../../src/planner/learn/work.ts";

/** A destination as it truly is. */
export interface Truth {
  readonly capacityRps: number;
  readonly meanWorkMs: number;
  readonly squaredVariation: number;
}

/** What its cluster says in one round. */
export interface Word {
  readonly utilisation: number;
  readonly claimedRps?: number;
  readonly readyEndpoints: number;
}

/** Share of a capacity that is filled. */
export const FILLED = 0.9;
/** A queue serves no more than this share of its capacity. */
export const SERVED_MAX = 0.98;

const ROUND_MS = 60_000;
const LOOKS = 5;

/**
 * One destination that always has more demand than it is taken for: it gets `FILLED` of that, serves what it truly can, and its
 * callers see how long that takes.
 */
export class ADestination {
  learned: LearnedDestination | undefined;
  recalled: Recollection = NOTHING_RECALLED;
  atMs = 1_000_000;
  /** Most that was ever served, requests per second. */
  servedRpsMax = 0;
  readonly truth: Truth;

  constructor(truth: Truth, anchorRps?: number) {
    this.truth = truth;
    this.learned = anchorRps === undefined ? undefined : { anchorRps, anchoredAtMs: this.atMs };
  }

  /** What it is taken for after this word. */
  trusted({ claimedRps, readyEndpoints }: Word): number | undefined {
    const reported = { readyEndpoints, ...(claimedRps !== undefined && { capacityRps: claimedRps }) };
    return trustedCapacity(this.learned, reported)?.rps;
  }

  /** How busy it truly is at a load. */
  busyAt(loadRps: number): number {
    return Math.min(SERVED_MAX, loadRps / this.truth.capacityRps);
  }

  /** A round of requests at a load, by default as much as it is taken for; changes in what is recorded are returned. */
  round(word: Word, offeredRps = FILLED * (this.trusted(word) ?? 0), noises: readonly number[] = []): boolean {
    this.atMs += ROUND_MS;
    const { capacityRps } = this.truth;
    const loadRps = Math.min(offeredRps, SERVED_MAX * capacityRps);
    this.servedRpsMax = Math.max(this.servedRpsMax, loadRps);
    const latencyMs = loadRps > 0 ? latencyAt(this.truth, capacityRps, loadRps) : 0;
    const looks = Array.from({ length: LOOKS }, (_, at) => ({
      loadRps,
      offeredRps,
      utilisation: word.utilisation * (1 + (noises[at] ?? 0)),
    }));
    const evidence = evidenceIn({ looks, timed: loadRps > 0 ? twice({ requests: 500, latencyMs }) : [] });
    if (evidence === undefined) return false;
    const { readyEndpoints, claimedRps } = word;
    const given = {
      readyEndpoints,
      ...(claimedRps !== undefined && { claimedRps }),
      isCurveDeclared: false,
      atMs: this.atMs,
    };
    const before = this.learned;
    const { learned, recalled } = learnRound(before, evidence, { given, recalled: this.recalled });
    [this.learned, this.recalled] = [learned, recalled];
    return learned !== before;
  }
}

function twice<T>(value: T): readonly T[] {
  return [value, value];
}
