import type { ClusterId, RouteSetHash, ServiceId, Version } from "./ids.ts";
import type { GatewayAddress } from "./cluster.ts";
import type { Destination, Split, Weighted } from "./destination.ts";
import type { Protocol, RequestPolicy } from "./service.ts";

/** One weighted destination with what to do when it is lost. */
export interface Route extends Weighted {
  /** How this destination's requests divide when it is lost; sums to WEIGHT_TOTAL, or empty: nowhere to go. */
  readonly fallback: Split;
}

/** What a request must look like for a rule to take it. All named conditions must hold. Empty matches everything. */
export interface Match {
  readonly headers: Readonly<Record<string, string>>;
}

/** The first rule that matches a request decides. The last rule of a route set matches everything. */
export interface Rule {
  readonly match: Match;
  /** Weights sum to WEIGHT_TOTAL; only destinations that have weight. Sorted by destination. */
  readonly routes: readonly Route[];
}

/** How a source reaches a destination. Without a gateway it is in the source's own cluster. */
export interface Reach {
  readonly destination: Destination;
  readonly gateway?: GatewayAddress;
  readonly rttMs: number;
}

/**
 * Everything one cluster needs to route one service, complete and immutable. Named by the hash of its bytes.
 */
export interface RouteSet {
  readonly service: ServiceId;
  /** The source cluster this is for. */
  readonly cluster: ClusterId;
  readonly protocol: Protocol;
  readonly port: number;
  readonly rules: readonly Rule[];
  /** Every destination named in a rule or fallback, once, sorted. */
  readonly reaches: readonly Reach[];
  /** Versions this cluster serves to requests from other clusters; a request that names none gets the first. */
  readonly serves: readonly Version[];
  readonly request: RequestPolicy;
}

/**
 * Why a destination has the weight it has; the reasons of one weight come in the order of these kinds: what may be at all, what
 * somebody chose, where it goes by itself, what bounds that, and what this step makes of it.
 */
export interface Reason {
  readonly cluster: ClusterId;
  readonly destination: Destination;
  readonly kind:
    | "dead"
    | "lost"
    | "draining"
    | "policy"
    | "failover"
    | "cordoned"
    | "ramp"
    | "only-destination"
    | "pinned"
    | "release"
    | "local"
    | "spillover"
    | "redistributed"
    | "capacity"
    | "reserve"
    | "price"
    | "locality"
    | "destinations"
    | "step-limit"
    | "rounding";
  /** One sentence with the numbers. */
  readonly text: string;
}

/** How fast a change may go: table "Speeds" of the architecture. */
export type Urgency = "routine" | "operator" | "emergency";

/** One committed step of one service: what each cluster shall route, and in which order it is released. */
export interface ServicePlan {
  readonly service: ServiceId;
  readonly urgency: Urgency;
  readonly routeSets: Readonly<Record<ClusterId, RouteSetHash>>;
  /** Order of release; every cluster of `routeSets` is in exactly one wave. */
  readonly waves: readonly (readonly ClusterId[])[];
  readonly reasons: readonly Reason[];
  /** Whether this step ends at the allocation's target or is on the way there. */
  readonly isFinalStep: boolean;
}
