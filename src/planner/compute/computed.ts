import type { Destination } from "../../model/destination.ts";
import type { ClusterId, ServiceId } from "../../model/ids.ts";

/** What a fleet in a document should do, and what is known of it. Numbers are the model's: predictions, not measurements. */
export interface ComputedFleet {
  readonly services: readonly ComputedService[];
  readonly demandRps: number;
  /** Mean over all requests that can be served: network and time at the destination, ms. */
  readonly latencyMs: number;
  readonly dollarsPerHour: number;
  /** Requests per second that nobody may serve. */
  readonly unservedRps: number;
  /** Requests per second that are placed above a destination's limit, for want of room. */
  readonly overLimitRps: number;
}

/**
 * How a plan was found: the first of these that is within the limits and that none of the later ones beats.
 * - `optimum`: the certified optimum;
 * - `waterfall`: nearest first, each filled to 80 % of its capacity;
 * - `locality-failover`: at home, or all to the nearest that lives.
 */
export type Rung = "optimum" | "waterfall" | "locality-failover";

/** One service's plan. */
export interface ComputedService {
  readonly service: ServiceId;
  readonly rung: Rung;
  readonly demandRps: number;
  readonly unservedRps: number;
  readonly overLimitRps: number;
  /** Mean over all requests that are served, ms. */
  readonly latencyMs: number;
  readonly dollarsPerHour: number;
  /** Latency and price per served request, ms: what the plan minimises, with integer weights. */
  readonly objectiveMs: number;
  /** What no plan within the limits, and by the same parts for each turn of failover orders, can beat, ms. */
  readonly boundMs: number;
  /** `(objective - bound) / objective`: how far from the best the plan can be at most. */
  readonly gap: number;
  /** What the fallbacks would reach, ms: they are the plan if they are better. */
  readonly fallbacks: readonly Fallback[];
  readonly sources: readonly ComputedSource[];
  readonly destinations: readonly ComputedDestination[];
  readonly losses: readonly ClusterLoss[];
  /** Whether the policy `surviveLossOf` holds; undefined: none was asked for. */
  readonly isLossSurvived?: boolean;
  /** What a person should know: limits that had to give, requests that nobody may serve, what it costs to survive. */
  readonly remarks: readonly string[];
}

/** A fallback as a rival of the plan. */
export interface Fallback {
  readonly rung: Rung;
  readonly objectiveMs: number;
  /** Factor by which it overfills the fullest destination's limit; at most 1: within. */
  readonly filling: number;
}

/** How one source's requests divide. */
export interface ComputedSource {
  readonly cluster: ClusterId;
  readonly demandRps: number;
  readonly latencyMs: number;
  readonly dollarsPerHour: number;
  /** Sum to 10 000; empty when nobody may serve this source. */
  readonly weights: readonly ComputedWeight[];
  /** Destinations that get nothing, with the reason. */
  readonly others: readonly Unchosen[];
}

/** One weight with what it means. */
export interface ComputedWeight {
  readonly destination: Destination;
  /** Basis points. */
  readonly weight: number;
  readonly rps: number;
  readonly rttMs: number;
  /** Time at the destination, ms: work and queue under the planned load. */
  readonly destinationMs: number;
  /** `rttMs + destinationMs`. */
  readonly latencyMs: number;
  readonly dollarsPerHour: number;
  readonly reasons: readonly WeightReason[];
}

/** Why a weight is what it is; the binding reasons in this order. */
export interface WeightReason {
  readonly kind:
    | "policy"
    | "failover"
    | "release"
    | "cost"
    | "capacity"
    | "price"
    | "locality"
    | "reserve"
    | "destinations"
    | "rounding"
    | "fallback";
  readonly text: string;
}

/** A destination that a source does not use. */
export interface Unchosen {
  readonly destination: Destination;
  readonly reason: string;
}

/** A destination under the whole plan. */
export interface ComputedDestination {
  readonly destination: Destination;
  readonly loadRps: number;
  /** Infinite: without end; JSON has null. */
  readonly capacityRps: number;
  /** Load over capacity; 0 where there is no end. */
  readonly utilisation: number;
  /** Mean time of a request there, ms. */
  readonly latencyMs: number;
  /** What one more request per second would cost there, ms: its own time and what it adds to the others'. */
  readonly marginalMs: number;
  /** Price of its limit, ms per request: what one more request per second of room would save. */
  readonly limitPriceMs: number;
}

/** What happens when one cluster's destinations are lost. */
export interface ClusterLoss {
  readonly cluster: ClusterId;
  /** Requests per second that the others have no room for, within their limits, after planning anew. */
  readonly shortRps: number;
  /** As `shortRps`, when only what the lost cluster served moves: before anybody plans anew. */
  readonly shortAtOnceRps: number;
  /** Whether the policy asks to survive it. */
  readonly isRequired: boolean;
}
