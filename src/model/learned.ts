import type { Destination } from "./destination.ts";
import type { ServiceId } from "./ids.ts";

/**
 * Where a capacity comes from that nobody declared. `reported`: the word of its cluster. `learned`: load and utilisation.
 * `bounded`: either, but for what callers have proved.
 */
export type CapacityOrigin = "reported" | "learned" | "bounded";

/** What a destination is taken for whose capacity nobody declared. */
export interface KnownCapacity {
  readonly service: ServiceId;
  readonly destination: Destination;
  /** Requests per second. */
  readonly capacityRps: number;
  readonly origin: CapacityOrigin;
  /** Undefined: nothing was learned of it. */
  readonly work?: LearnedWork;
}

/**
 * What the planner learned of one destination, as last recorded. Declared values win over all of it; how far it is trusted
 * is `src/planner/learn/trust.ts`'s.
 */
export interface LearnedDestination {
  /** What its cluster first said that it can serve, requests per second, or what was first learned where it said nothing. */
  readonly anchorRps?: number;
  /** When `anchorRps` was first set, ms: for a while it may still rise, for endpoints start one by one. */
  readonly anchoredAtMs?: number;
  /** Most requests per second that callers were seen to be served well. */
  readonly provenRps?: number;
  readonly capacity?: LearnedCapacity;
  readonly work?: LearnedWork;
  readonly doubt?: Doubt;
}

/** A capacity that follows from what callers sent and how busy it made the destination. */
export interface LearnedCapacity {
  readonly rps: number;
  /** The cluster's own word for it at that time, requests per second: the capacity moves with it. */
  readonly claimedRps?: number;
  /** Ready endpoints at that time: without the cluster's own word the capacity moves with them. */
  readonly readyEndpoints: number;
  /** What it was last learned from: requests per second that callers had served, and the busy share reported, 0 to 1. */
  readonly loadRps: number;
  readonly utilisation: number;
  /** Rounds of learning that had something to say, up to this one: how sure it is. */
  readonly rounds: number;
}

/** How long a request is worked on, as callers saw it: with the capacity, a load-latency curve. */
export interface LearnedWork {
  readonly meanWorkMs: number;
  /** Squared coefficient of variation of the work; 1: exponential. */
  readonly squaredVariation: number;
}

/** Callers were served worse than the cluster's own word allows: for a time nothing that it says raises its capacity. */
export interface Doubt {
  /** How often so far. */
  readonly times: number;
  readonly untilMs: number;
}
