/** Most requests per second of each place. */
export type Limits = readonly number[];

/** A loss that is to be survived and is not, as things are divided. */
export interface Missed {
  /** Requests per second that find no room even when everything is divided anew; 0: room is merely used up. */
  readonly shortRps: number;
  /** Requests per second that find no room where they may go at once, beside what is there already. */
  readonly shortAtOnceRps: number;
  /** Places where what is lost may go. */
  readonly refuges: readonly number[];
}

/** Requests as they are divided under some limits. */
export interface Divided {
  readonly loadsRps: readonly number[];
  readonly missed: readonly Missed[];
  /** Whether the limits were too low for it. */
  readonly isOverfull: boolean;
}

/** A division with what it was made under. */
export interface Kept<D extends Divided> {
  readonly divided: D;
  /** Lower than the places' own where room is kept free. */
  readonly limitsRps: Limits;
  /** As it is divided without keeping anything free. */
  readonly plain: D;
}

/** Rounds of making room. Each takes what is missing from where it is needed; more than a few only creep. */
const ROUNDS_MAX = 8;

/** Room that is made beyond what is missing, so that rounding to weights does not take it back. */
const MARGIN = 1.001;

/**
 * Divides so that losses can be survived at once. Where the others have the room but the division uses it up for requests that
 * could be elsewhere, the limits there are lowered by what is missing, and the division made again. Losses for which there is
 * no room at all are left out. Gives the plain division back when that does not help, or the lowered limits leave too little.
 *
 * @param own - the places' own limits; Infinity where there is none.
 */
export function keepRoom<D extends Divided>(own: Limits, divide: (limitsRps: Limits) => D): Kept<D> {
  const plain = divide(own);
  const asPlain = { divided: plain, limitsRps: own, plain };
  let [divided, limitsRps] = [plain, own];
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const missed = divided.missed.filter(isHelpable);
    if (missed.length === 0) break;
    limitsRps = lowered(limitsRps, divided.loadsRps, missed);
    divided = divide(limitsRps);
    if (divided.isOverfull) return asPlain;
  }
  return divided.missed.some(isHelpable) ? asPlain : { divided, limitsRps, plain };
}

function isHelpable({ shortRps }: Missed): boolean {
  return shortRps === 0;
}

function lowered(limitsRps: Limits, loadsRps: readonly number[], missed: readonly Missed[]): Limits {
  const limits = [...limitsRps];
  for (const { refuges, shortAtOnceRps } of missed) {
    const total = refuges.reduce((sum, at) => sum + (loadsRps[at] ?? 0), 0);
    for (const at of refuges) {
      const load = loadsRps[at] ?? 0;
      const part = total > 0 ? (load / total) * shortAtOnceRps * MARGIN : 0;
      limits[at] = Math.min(limits[at] ?? Infinity, Math.max(0, load - part));
    }
  }
  return limits;
}
