import type { ClusterId, ServiceId, Version } from "./ids.ts";
import type { DestinationKey } from "./destination.ts";
import type { Position } from "./position.ts";

/** What one source sent to one destination in one window, counted by its data plane. */
export interface TrafficRow {
  readonly service: ServiceId;
  readonly destination: DestinationKey;
  readonly requests: number;
  readonly failures: number;
  /** Mean of the requests' latencies as the source saw them, its way there and back included, ms. */
  readonly latencyMeanMs?: number;
  readonly latencyP50Ms?: number;
  readonly latencyP99Ms?: number;
}

/** What of a service runs in the reporting cluster. */
export interface WorkloadRow {
  readonly service: ServiceId;
  readonly version: Version;
  readonly readyEndpoints: number;
  readonly totalEndpoints: number;
  readonly capacityRps?: number;
  /** Busy share of its workers in the window, 0 to 1; undefined: nobody measures it. */
  readonly utilisation?: number;
}

/** How the reporter's data plane sees another cluster's gateway: a witness against or for it. */
export interface PeerRow {
  readonly cluster: ClusterId;
  readonly isReachable: boolean;
}

/** A route set that an agent did not apply. */
export interface RouteRefusal {
  readonly service: ServiceId;
  readonly hash: string;
  readonly code: string;
  readonly detail: string;
}

/** The agent's own switch to a plan's fallback. */
export interface ActiveFallback {
  readonly lostCluster: ClusterId;
  readonly sinceMs: number;
  readonly evidence: string;
}

/** Which window the newest rows of one service were counted in. */
export interface WindowSpan {
  /** Length of the window, in ms. */
  readonly windowMs: number;
  /** When this replica received it, on its own clock: the window began at least `windowMs` before. */
  readonly receivedAtMs: number;
}

/** Newest known of one cluster, merged from its heartbeats and windows. Kept in memory, never logged. */
export interface ClusterReport {
  readonly cluster: ClusterId;
  readonly uid: string;
  readonly bootId: string;
  readonly sequence: number;
  /** When this replica received the newest part, on its own clock (never the sender's). */
  readonly receivedAtMs: number;
  readonly applied?: Position;
  /** Hash of what the mesh routes by now, per service. */
  readonly appliedHashes: Readonly<Record<ServiceId, string>>;
  readonly refusals: readonly RouteRefusal[];
  readonly fallback?: ActiveFallback;
  readonly traffic: readonly TrafficRow[];
  /** Length of the window that arrived last, in ms. */
  readonly windowMs: number;
  /** The window of each service's rows: services report in turn, and a heartbeat brings no new rows. */
  readonly trafficSpans?: Readonly<Record<ServiceId, WindowSpan>>;
  readonly workloads: readonly WorkloadRow[];
  /** The window of each service's workloads, which may come without any traffic of its own callers. */
  readonly workloadSpans?: Readonly<Record<ServiceId, WindowSpan>>;
  readonly peers: readonly PeerRow[];
  /** Whether a plan stream of this agent is open at any replica, as that replica says in its heartbeat. */
  readonly isStreamOpen: boolean;
  /** The sender's clock, ms since 1970. Shown, never used for order. */
  readonly sentAtMs?: number;
  /** Short alarms of the agent for people, such as `LKG_INVALID`. */
  readonly alarms?: readonly string[];
}
