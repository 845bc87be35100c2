import type { ClusterId, ServiceId, Version } from "../../src/model/ids.ts";
import type { Feature } from "../../src/model/cluster.ts";
import type { DestinationKey } from "../../src/model/destination.ts";
import type { Position } from "../../src/model/position.ts";
import type { RouteSet } from "../../src/model/plan.ts";
import type { ActiveFallback, PeerRow, RouteRefusal, TrafficRow, WorkloadRow } from "../../src/model/report.ts";

/** One route set with the hash of the bytes it came as. */
export interface HeldRouteSet {
  readonly hash: string;
  readonly routeSet: RouteSet;
}

/** Everything a cluster routes by: what is durable as *current* and *lastGood*. */
export interface HeldPlan {
  readonly position: Position;
  readonly routeSets: ReadonlyMap<ServiceId, HeldRouteSet>;
}

/** One endpoint of a version that runs in this cluster. */
export interface LocalEndpoint {
  readonly address: string;
  readonly port: number;
  /** Requests per second it can serve, where its owner says so. */
  readonly capacityRps?: number;
}

/** Endpoints in this cluster, by service and version, as the agent's inventory (endpoints file, later Kubernetes) has them. */
export type LocalEndpoints = ReadonlyMap<ServiceId, ReadonlyMap<string, readonly LocalEndpoint[]>>;

/** What a mesh did with a plan. Services not named in `refusals` are applied. */
export interface Applied {
  /** Hash of what the mesh routes by now, per service. */
  readonly hashes: Readonly<Record<ServiceId, string>>;
  readonly refusals: readonly RouteRefusal[];
}

/** Numbers of the data plane over one window. */
export interface MeshWindow {
  readonly windowMs: number;
  readonly traffic: readonly TrafficRow[];
  readonly utilisations: readonly UtilisationRow[];
}

/** How busy the endpoints of one version in this cluster say that they are. */
export interface UtilisationRow {
  readonly service: ServiceId;
  readonly version: Version;
  /** Busy share of them together, above 0 and up to 1. */
  readonly utilisation: number;
  /** Time that it is the mean of, in ms. */
  readonly overMs: number;
  /** How long ago that time began, in ms. */
  readonly beganAgoMs: number;
}

/** What the data plane says about one destination or peer right now: evidence for the agent's own fallback. */
export interface DestinationEvidence {
  readonly destination: DestinationKey;
  readonly service: ServiceId;
  readonly cluster: ClusterId;
  /** Connect failures since the last success. */
  readonly consecutiveConnectFailures: number;
  /** How long no endpoint of it has been ready, in ms; 0 while one is. */
  readonly noReadyEndpointForMs: number;
  /** How long ago it answered last, in ms; undefined when that is not known. A fresh answer outweighs other evidence. */
  readonly answeredAgoMs?: number;
}

/** One kind of mesh. What only some can do is data in `supports`, checked before a plan asks for it. */
export interface Mesh {
  readonly supports: ReadonlySet<Feature>;
  /** Most destinations that one of its routes may have; undefined: as many as there are. */
  readonly maxDestinations?: number;
  /**
   * Makes the mesh route by `plan`, in make-before-break order. `avoid` is the one lost cluster whose fallbacks are in
   * force, if any. Safe to repeat. Resolves when the proxies have acknowledged or refused, or at the deadline of
   * `signal` with `APPLY_TIMEOUT` refusals.
   */
  apply(
    plan: HeldPlan,
    options: { readonly avoid?: ClusterId; readonly endpoints: LocalEndpoints; readonly signal: AbortSignal },
  ): Promise<Applied>;
  /** Takes the numbers counted since the last call. */
  takeWindow(): MeshWindow;
  /** How the data plane sees other clusters' gateways. */
  peers(): readonly PeerRow[];
  /** To be read at once: what it says is of the moment. */
  evidence(): Iterable<DestinationEvidence>;
  /** Calls back at once when evidence changes for the worse. Returns how to stop. */
  onTrouble(listener: () => void): () => void;
  /** Readiness of local workloads as the mesh sees it. */
  workloads(): readonly WorkloadRow[];
  close(): Promise<void>;
}

/** Time. Only the monotonic clock decides anything; the wall clock is shown to people and checks certificates. */
export interface AgentClock {
  /** Wall clock, ms since 1970. */
  nowMs(): number;
  /** Monotonic, ms from an arbitrary start. */
  monotonicMs(): number;
}

/** What an agent says of itself in every heartbeat. */
export interface AgentStatus {
  readonly applied?: Position;
  /** Hash of what the mesh routes by now, per service. */
  readonly appliedHashes: Readonly<Record<ServiceId, string>>;
  readonly refusals: readonly RouteRefusal[];
  readonly fallback?: ActiveFallback;
  readonly alarms: readonly string[];
  readonly isLinked: boolean;
}
