import type { ClusterId, ServiceId, Version } from "./ids.ts";

/** Name of the format, the first line of every document. A change that an older reader would misread gets a new one. */
export const FLEET_DOCUMENT_VERSION = "weir.dev/v1";

/** Word that says what the document holds. */
export const FLEET_DOCUMENT_KIND = "Fleet";

/**
 * A fleet in one document: what a plan is computed from with no planner running, what a live fleet is exported as, and what
 * benches and bug reports carry.
 */
export interface FleetDocument {
  /** Free text: what the fleet shows. */
  readonly description: string;
  readonly clusters: readonly DocumentCluster[];
  /** Round trip between clusters, ms. A pair given in one direction holds for both; a missing pair is `DEFAULT_RTT_MS`. */
  readonly rttMs: Matrix;
  /** Round trip within a cluster, ms. */
  readonly localRttMs: number;
  /** Price of a gigabyte (1e9 bytes) between clusters, dollars. A pair given in one direction holds for both; missing: 0. */
  readonly egressDollarsPerGb: Matrix;
  readonly services: readonly DocumentService[];
  readonly settings: PlanningSettings;
}

/** Values between clusters: source → destination → value. */
export type Matrix = Readonly<Record<ClusterId, Readonly<Record<ClusterId, number>>>>;

/**
 * `active` takes traffic; `cordoned` keeps what it has, which in a document without a past is its own callers' share;
 * `draining` and `dead` take none. A dead cluster's own demand still counts: its callers may well be alive.
 */
export type DocumentClusterState = "active" | "cordoned" | "draining" | "dead";

/** One cluster of the document. */
export interface DocumentCluster {
  readonly name: ClusterId;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: DocumentClusterState;
  /** Most destinations that one route of its mesh may have; undefined: as many as there are. */
  readonly maxDestinations?: number;
}

/** One service of the document. */
export interface DocumentService {
  readonly name: ServiceId;
  /** Version that gets what no release gives to another. */
  readonly stableVersion: Version;
  readonly destinations: readonly DocumentDestination[];
  /** Requests per second by source cluster. */
  readonly demandRps: Readonly<Record<ClusterId, number>>;
  /** Bytes that one request and its answer carry between clusters. */
  readonly bytesPerRequest: number;
  readonly objective: Objective;
  readonly policy: ServicePolicy;
  readonly release?: Release;
}

/** Where a version of a service runs, and how its latency grows with load. */
export interface DocumentDestination {
  readonly cluster: ClusterId;
  readonly version: Version;
  readonly curve: LoadCurve;
  /** Share of its endpoints that are ready, 0 to 1: what failover orders go by. Undefined: all. */
  readonly readyShare?: number;
}

/**
 * Latency of one destination against its load.
 * - `queue`: M/G/c. `servers` requests are worked on at once, each for `meanWorkMs` on average; `squaredVariation` is the
 *   squared coefficient of variation of that time (1: exponential). Capacity: `1000 * servers / meanWorkMs` rps.
 * - `polynomial`: `baseMs + coefficient * rps^exponent`, served up to `capacityRps`; undefined: without end.
 */
export type LoadCurve =
  | {
      readonly kind: "queue";
      readonly servers: number;
      readonly meanWorkMs: number;
      readonly squaredVariation: number;
    }
  | {
      readonly kind: "polynomial";
      readonly baseMs: number;
      readonly coefficient: number;
      readonly exponent: number;
      readonly capacityRps?: number;
    };

/** Work that a request is assumed to be where only a capacity is known, ms. */
export const DEFAULT_MEAN_WORK_MS = 20;

/** Squared coefficient of variation where nobody says: exponential service times. */
export const DEFAULT_SQUARED_VARIATION = 1;

/** Servers that are full at a capacity: `capacityRps * meanWorkMs / 1000`, not always a whole number. */
export function serversFor(capacityRps: number, meanWorkMs: number): number {
  return (capacityRps * meanWorkMs) / 1_000;
}

/** What a service's plan minimises: latency + egress price / `dollarsPerRequestMs`, per request. */
export interface Objective {
  /** What a millisecond of one request is worth, dollars; infinite: latency alone. */
  readonly dollarsPerRequestMs: number;
}

/** Default exchange rate: 1 MB over a link of $0.04/GB weighs as much as 40 ms (planning, section 1). */
export const DEFAULT_DOLLARS_PER_REQUEST_MS = 1e-6;

/** Where a service's requests may go. */
export interface ServicePolicy {
  /**
   * `none`: wherever it pays. `nearest`: leaves its cluster only for want of a living destination there, never for load.
   * `strict`: never leaves its cluster.
   */
  readonly isolation: "none" | "nearest" | "strict";
  /** Residency: only clusters that have all of these labels may serve it. Hard. */
  readonly requiredLabels: Readonly<Record<string, string>>;
  /** Only clusters whose label of each of these names has one of its values may serve it; undefined: any. Hard. */
  readonly allowedLabels?: LabelValues;
  /** Clusters of which any of these labels has one of its values must not serve it; undefined: none. Hard. */
  readonly deniedLabels?: LabelValues;
  /** Clusters that may serve it; undefined: any. Hard. */
  readonly allowedClusters?: readonly ClusterId[];
  /** Clusters that must not serve it. Hard. */
  readonly deniedClusters: readonly ClusterId[];
  /** Most of one destination's share of a source's requests, 0 to 1. */
  readonly maxShare: number;
  /** Loss that the plan must leave room for: any single cluster, those listed, or none. */
  readonly surviveLossOf: "none" | "any" | readonly ClusterId[];
  /** In which order clusters take over; undefined: in none, they share as it pays. */
  readonly failover?: Failover;
  /**
   * Locality preference: what it weighs, in ms per request, that a request goes where the label of this name has another
   * value than at its source, on top of way and price. A source leaves its locality only where that saves at least as much, or
   * where it has no room. Penalties of several labels add up; undefined: none. It only adds to the cost of a way, so that the
   * optimum stays one.
   */
  readonly localityPenaltyMs?: Readonly<Record<string, number>>;
}

/** Values by the label's name; at least one each. */
export type LabelValues = Readonly<Record<string, readonly string[]>>;

/**
 * Ordered failover, version by version. A source's requests go to the first tier of its order that is healthy; what exceeds
 * the limits there (share of capacity that is filled, ceilings, `maxShare`) goes to the next healthy one, and to nobody else.
 * All first choices are placed before any second, the nearest sources first. A tier is healthy while at least `healthyMin` of
 * its endpoints are ready, weighed by capacity where it is known, and counting dead clusters as 0, clusters that drain not at
 * all; one that the source does not use now must have `HEALTHY_RETURN_MARGIN` more, so that nothing swings. Tiers that are not
 * healthy come after all that are, in the same order. Who is on no tier of a source's order never serves it. Where all tiers
 * together lack room, their limits rise alike.
 */
export interface Failover {
  /** For sources without an order of their own; empty: those are bound by none. */
  readonly order: readonly Tier[];
  /** Orders of single sources. */
  readonly orderBySource: Readonly<Record<ClusterId, readonly Tier[]>>;
  /** Above 0, up to 1. */
  readonly healthyMin: number;
}

/** Clusters that take over together: one, those that have all of the labels, or the source itself. */
export type Tier =
  | { readonly kind: "cluster"; readonly cluster: ClusterId }
  | { readonly kind: "labels"; readonly labels: Readonly<Record<string, string>> }
  | { readonly kind: "own" };

/** Default of `Failover.healthyMin`: Traffic Director's failover threshold (planning, 6.1). */
export const DEFAULT_HEALTHY_MIN = 0.7;

/** What a tier that a source left needs above `healthyMin` to get it back. */
export const HEALTHY_RETURN_MARGIN = 0.1;

/** Shares of versions other than the stable one, over all of the service's requests. */
export interface Release {
  /** Version → share of the whole service's requests, 0 to 1; the rest is the stable version's. */
  readonly shares: Readonly<Record<Version, number>>;
  /** Most of one source's requests that a version other than the stable one may get, 0 to 1. */
  readonly maxSourceShare: number;
  /**
   * Requests that go to a version whatever the shares say; the first that matches decides. Nobody knows how many they are: they
   * are reckoned as part of a source's demand, and go whole to the nearest that serves the version. Undefined: none.
   */
  readonly matches?: readonly VersionMatch[];
}

/** Requests with these headers, by their names in lower case and exact values, go to a version. */
export interface VersionMatch {
  readonly version: Version;
  /** At least one; all of them must hold. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Numbers that hold for every service of the document. */
export interface PlanningSettings {
  /** Share of a capacity that is filled, 0 to 1: the headroom is the rest. */
  readonly utilisationMax: number;
}
