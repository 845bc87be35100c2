import type { LoadCurve } from "../../model/fleet-document.ts";

/**
 * One service's division as a convex transport problem, by index: flows (a source's requests of one version) go to places
 * (destinations). Minimise `sum over places of load * latency(load) + sum over pairs of amount * costMs`, where each flow is
 * placed whole and no place gets more than its limit. Flows that may go to different places never mix on paper: a
 * forbidden pair simply has no cost.
 */
export interface TransportProblem {
  /** Requests per second of each flow, at least 0. */
  readonly demandsRps: readonly number[];
  readonly places: readonly Place[];
  /** What one request of a flow costs on its way to a place, ms-equivalents (round trip, price); Infinity: forbidden. */
  readonly costsMs: readonly (readonly number[])[];
  /** Most rps of a flow at a place; missing or Infinity: no ceiling. */
  readonly ceilingsRps?: readonly (readonly number[])[];
}

/** A destination as the optimiser sees it. */
export interface Place {
  readonly curve: LoadCurve;
  /** Most rps it may get: capacity with headroom; Infinity: none. */
  readonly limitRps: number;
  /** Load that is there already and does not move, rps: part of its load and of its limit. */
  readonly fixedRps: number;
}

/** A division and what is known of it. */
export interface TransportPlan {
  /** Requests per second of flow → place. */
  readonly amountsRps: readonly (readonly number[])[];
  /** Value of the division, ms * requests per second. Latency beyond a limit counts as if the queue were still stable. */
  readonly objective: number;
  /**
   * A value that no division within the limits can beat, by weak duality: `objective - bound` certifies how good this one
   * is. -Infinity when none was found.
   */
  readonly bound: number;
  /** `(objective - bound) / objective`, 0 at the optimum. */
  readonly gap: number;
  /** What one more request per second would cost at each place, ms: its marginal latency plus the price of its limit. */
  readonly pricesMs: readonly number[];
  /**
   * Factor by which the limits had to be raised so that everything is placed; 1 when there was room. Limits of places rise
   * alike, as few as have to.
   */
  readonly overload: number;
  /** Flows of which nothing could be placed, for want of any allowed place. */
  readonly unplaceable: readonly number[];
}
