/**
 * `waterfall`: local first, then the nearest with room. `optimum`: where way, price and queues together cost all callers
 * least.
 */
export type Allocation = "waterfall" | "optimum";

/** Numbers that decisions go by: the same on every replica, set in the planner's configuration. */
export interface Settings {
  /** Silence of a cluster's heartbeat after which it is unknown, in ms. */
  readonly unknownAfterMs: number;
  /** Silence after which a cluster that its peers see fail too is dead, in ms. */
  readonly deadAfterMs: number;
  /** Silence after which a cluster whose stream is closed and of whom no peer has a view is dead, in ms. */
  readonly deadWithoutPeersAfterMs: number;
  /** How long a dead cluster must look well before it counts as healthy again, in ms. */
  readonly healthyAfterMs: number;
  /** Ceilings of share, in basis points, that a returning cluster climbs; the last is WEIGHT_TOTAL. */
  readonly rampCeilings: readonly number[];
  /** Time between two ceilings, in ms. */
  readonly rampStepMs: number;
  /** How long a leader that started without reports treats silence as its own blindness, in ms. */
  readonly coldStartMs: number;
  /** More than this share of clusters (and at least two) in trouble freezes all automatic moves. */
  readonly panicRatio: number;
  /** More than this share of clusters (and at least two) turning bad within the window freezes as well. */
  readonly correlatedRatio: number;
  readonly correlatedWindowMs: number;
  /** Relative change of demand or capacity below which nothing is recorded, 0 to 1. */
  readonly measuredDeadBand: number;
  /** How long reports are gathered before something is learned from them of a destination, in ms. */
  readonly learnRoundMs: number;
  /** How requests are divided that nobody pinned. */
  readonly allocation: Allocation;
  /** Share of what callers spend (latency and price) below which a gain moves nothing by itself, 0 to 1; for `optimum`. */
  readonly moveGainMin: number;
  /**
   * The same for moves that bring requests back nearer to somebody who would be filled above `returnFillMax`: who left for
   * load returns for more than they left for.
   */
  readonly returnGainMin: number;
  /** Part of what planning fills of a destination up to which a return needs no more gain than any other move, 0 to 1. */
  readonly returnFillMax: number;
  /** Share of a destination's capacity that planning fills, 0 to 1. */
  readonly utilisationMax: number;
  /** Part by which more than that moves nothing by itself, 0 to 1: plans fill to the brim, and every flutter exceeds that. */
  readonly limitSlack: number;
  /** Share of a destination's capacity that it gets at most while a step is under way, in whatever order it is applied, 0 to 1. */
  readonly stepUtilisationMax: number;
  /** Share of its capacity by which a destination's load may grow in one routine step, 0 to 1: caches and pools are cold at first. */
  readonly onloadMax: number;
  /** How long an emergency change is watched after the fact, in ms. */
  readonly emergencyWatchMs: number;
  /** Fewest requests in a window for observed shares to count. */
  readonly observedRequestsMin: number;
  /** Most basis points of one source's traffic that one routine step moves. */
  readonly routineStepWeight: number;
  /** Least time between two routine changes of one service, in ms. */
  readonly routineIntervalMs: number;
}

/** Share of a capacity that is filled where nobody says otherwise: the same for a fleet in a document and for a live one. */
export const DEFAULT_UTILISATION_MAX = 0.9;

/**
 * Defaults, from the thresholds that published systems use (planning 6.1, reliability S8, S9, S21).
 *
 * `utilisationMax` 0.9: declared capacities are wrong. With an error of 10 % nobody is overloaded up to 0.85 and 2 services of
 * 200 are at 0.9; where capacities follow what is observed, 0.88 to 0.95 holds an error of 20 % (planning, section 4). More
 * headroom costs callers: 0.85 a tenth more than 0.9 where round trips are long. Demand may be off by `measuredDeadBand`
 * before it is noticed: `0.9 * 1.05` is still within `stepUtilisationMax`, and that below the 0.98 at which queues have no end.
 * What lies between both is the room that every step can count on (planning, section 10).
 */
export const DEFAULT_SETTINGS: Settings = {
  unknownAfterMs: 3_000,
  deadAfterMs: 5_000,
  deadWithoutPeersAfterMs: 15_000,
  healthyAfterMs: 60_000,
  rampCeilings: [1_000, 2_500, 5_000, 10_000],
  rampStepMs: 60_000,
  coldStartMs: 60_000,
  panicRatio: 0.5,
  correlatedRatio: 0.34,
  correlatedWindowMs: 60_000,
  measuredDeadBand: 0.05,
  learnRoundMs: 60_000,
  allocation: "optimum",
  moveGainMin: 0.03,
  returnGainMin: 0.05,
  returnFillMax: 0.95,
  utilisationMax: DEFAULT_UTILISATION_MAX,
  limitSlack: 0.02,
  stepUtilisationMax: 0.95,
  onloadMax: 0.3,
  emergencyWatchMs: 60_000,
  observedRequestsMin: 20,
  routineStepWeight: 2_500,
  routineIntervalMs: 60_000,
};
