/** One look at a destination: what callers had served there, and how busy it said it was. */
export interface Look {
  /** Requests per second that its callers had served, all sources together. */
  readonly loadRps: number;
  /** Requests per second that its callers sent. */
  readonly offeredRps: number;
  /** Busy share that the destination's cluster reported, 0 to 1; undefined: this look is a caller's. */
  readonly utilisation?: number;
}

/** What callers saw of a destination's latency, without the way to it. */
export interface Timed {
  readonly requests: number;
  readonly latencyMs: number;
}

/** What one round brought of one destination. */
export interface Gathered {
  readonly looks: readonly Look[];
  readonly timed: readonly Timed[];
}

/** A round's numbers, robust to a single odd look. */
export interface Evidence {
  readonly loadRps: number;
  /** Share of what callers sent that was served, 0 to 1. */
  readonly servedShare: number;
  readonly busy?: Busy;
  /** Whether it said all the time that it is less busy than `UTILISATION_MIN`. */
  readonly isQuiet: boolean;
  readonly latency?: Latency;
}

/** What load and utilisation say of the capacity. */
export interface Busy {
  readonly utilisation: number;
  /** Load at which it would be full, requests per second. */
  readonly capacityRps: number;
  /** Standard error, as a share. */
  readonly error: number;
}

/** Mean latency of its requests, ms, with its standard error as a share. */
export interface Latency {
  readonly ms: number;
  readonly error: number;
}

/** Fewer looks than this are no round: the median of two is the mean, and one odd look would count. */
export const LOOKS_MIN = 3;

/**
 * Below this load a utilisation says nothing: what runs beside the requests is most of it (planning, section 9). It is also
 * what a report of 0 under load runs into: 100 rps at "0 %" would be a capacity without end.
 */
export const UTILISATION_MIN = 0.05;

/** No measurement is taken to be surer than this. */
const ERROR_MIN = 0.005;

/** The numbers of a round; undefined while too little was seen. Nonsense (no number, below 0, above 1) is left out. */
export function evidenceIn({ looks, timed }: Gathered): Evidence | undefined {
  const sane = looks.filter(({ loadRps, offeredRps }) => isAmount(loadRps) && isAmount(offeredRps));
  if (sane.length < LOOKS_MIN) return undefined;
  const offered = sane.reduce((sum, { offeredRps }) => sum + offeredRps, 0);
  const served = sane.reduce((sum, { loadRps }) => sum + loadRps, 0);
  const busy = busyIn(sane);
  const latency = latencyIn(timed);
  return {
    loadRps: served / sane.length,
    servedShare: offered === 0 ? 1 : Math.min(1, served / offered),
    ...(busy !== undefined && { busy }),
    isQuiet: isQuiet(sane),
    ...(latency !== undefined && { latency }),
  };
}

function isAmount(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}

function busyIn(looks: readonly Look[]): Busy | undefined {
  const ratios: number[] = [];
  const shares: number[] = [];
  for (const { loadRps, utilisation } of looks) {
    if (utilisation === undefined || !(utilisation >= UTILISATION_MIN && utilisation <= 1) || loadRps <= 0) continue;
    ratios.push(loadRps / utilisation);
    shares.push(utilisation);
  }
  if (ratios.length < LOOKS_MIN) return undefined;
  const capacityRps = medianOf(ratios);
  return { utilisation: medianOf(shares), capacityRps, error: errorOf(ratios, capacityRps) };
}

function isQuiet(looks: readonly Look[]): boolean {
  const told = looks.flatMap(({ utilisation }) => (utilisation === undefined ? [] : [utilisation]));
  return told.length >= LOOKS_MIN && told.every((share) => share >= 0 && share < UTILISATION_MIN);
}

function latencyIn(timed: readonly Timed[]): Latency | undefined {
  const sane = timed.filter(({ requests, latencyMs }) => requests > 0 && isAmount(latencyMs));
  const requests = sane.reduce((sum, one) => sum + one.requests, 0);
  if (requests === 0) return undefined;
  const ms = sane.reduce((sum, one) => sum + one.latencyMs * one.requests, 0) / requests;
  return ms > 0
    ? {
        ms,
        error: errorOf(
          sane.map(({ latencyMs }) => latencyMs),
          ms,
        ),
      }
    : undefined;
}

/** The middle value; of an even number the mean of the two in the middle. Sorts a copy. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const [below = 0, above = 0] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
  return (below + above) / 2;
}

function errorOf(values: readonly number[], centre: number): number {
  if (values.length < 2) return 1;
  const variance = values.reduce((sum, value) => sum + (value / centre - 1) ** 2, 0) / (values.length - 1);
  return Math.max(ERROR_MIN, Math.sqrt(variance / values.length));
}
