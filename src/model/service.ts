import type { ClusterId, ServiceId, Version } from "./ids.ts";
import type { Destination } from "./destination.ts";
import type { LoadCurve, Objective, Release, ServicePolicy } from "./fleet-document.ts";

/** How a service is spoken to. */
export type Protocol = "http" | "grpc";

/** One place where a version of a service runs, as its owner declares it. */
export interface Deployment extends Destination {
  /** Requests per second it can serve within its latency goal; undefined: what `curve` gives, else the agent's report counts. */
  readonly capacityRps?: number;
  /** How its latency grows with load; undefined: nobody says. */
  readonly curve?: QueueCurve;
}

/** A load curve that follows from servers and their work. */
export type QueueCurve = Extract<LoadCurve, { readonly kind: "queue" }>;

/** Requests per second at which a queue is full: `1000 * servers / meanWorkMs`. */
export function fullLoadOf({ servers, meanWorkMs }: QueueCurve): number {
  return (1_000 * servers) / meanWorkMs;
}

/** What is declared of a deployment's capacity, requests per second; undefined: nothing. */
export function declaredCapacity({ capacityRps, curve }: Deployment): number | undefined {
  return capacityRps ?? (curve && fullLoadOf(curve));
}

/** What a plan is to minimise, as its owner declares it. The ends of the scale are words: JSON has no infinite number. */
export type DeclaredObjective = "latency" | "price" | Objective;

/** Which requests may be tried again once they were sent; those that never reached a server always are. */
export type RetryScope = "idempotent-methods" | "all" | "none";

/** How the data plane treats single requests of a service. */
export interface RequestPolicy {
  readonly connectTimeoutMs: number;
  /** Time one try may take before another destination is tried. */
  readonly perTryTimeoutMs: number;
  /** Whole time a request may take, all tries included. */
  readonly requestTimeoutMs: number;
  /** Tries after the first, for the requests that `retryScope` names. */
  readonly retries: number;
  readonly retryScope: RetryScope;
}

/** How fast routine changes and shifts move this service. */
export interface PacePolicy {
  /** Most basis points of one source's traffic that one step moves. */
  readonly maxStepWeight: number;
  /** How long a wave must look well before the next, in ms. */
  readonly bakeMs: number;
  /** Largest accepted gap between intended and observed share, in basis points. */
  readonly toleranceWeight: number;
}

/** What a service team declares. */
export interface ServiceSpec {
  readonly service: ServiceId;
  readonly protocol: Protocol;
  /** Port on which callers reach the service through their mesh. */
  readonly port: number;
  /** Version that gets everything that no shift or release gives to another. */
  readonly stableVersion: Version;
  readonly deployments: readonly Deployment[];
  /** Requests per second offered per source cluster, where declared; otherwise reports count. */
  readonly demandRps: Readonly<Record<ClusterId, number>>;
  readonly request: RequestPolicy;
  readonly pace: PacePolicy;
  /** Bytes that one request and its answer carry between clusters; undefined: 0. */
  readonly bytesPerRequest?: number;
  /** Undefined: `DEFAULT_DOLLARS_PER_REQUEST_MS`. */
  readonly objective?: DeclaredObjective;
  /** Where its requests may go; undefined: `OPEN_POLICY`. */
  readonly policy?: ServicePolicy;
  /**
   * What versions beside the stable one get, over all requests of the sources that no shift pinned; undefined: nothing. Where
   * nobody may serve a version, its share is the stable version's until somebody can.
   */
  readonly release?: Release;
}

/** The policy that forbids nothing. */
export const OPEN_POLICY: ServicePolicy = {
  isolation: "none",
  requiredLabels: {},
  deniedClusters: [],
  maxShare: 1,
  surviveLossOf: "none",
};

/** Defaults of `RequestPolicy`: values that lost no request in a killed or silent cluster (Envoy 1.40, measured). */
export const DEFAULT_REQUEST_POLICY: RequestPolicy = {
  connectTimeoutMs: 250,
  perTryTimeoutMs: 1_000,
  requestTimeoutMs: 15_000,
  retries: 3,
  retryScope: "idempotent-methods",
};

/** Defaults of `PacePolicy`: a quarter a step, ten minutes of watching, five points of tolerance. */
export const DEFAULT_PACE_POLICY: PacePolicy = { maxStepWeight: 2_500, bakeMs: 600_000, toleranceWeight: 500 };
