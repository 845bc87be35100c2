import type { ClusterId, RouteSetHash, ServiceId, ShiftId } from "./ids.ts";
import type { ClusterState } from "./cluster.ts";
import type { DestinationKey, Split } from "./destination.ts";
import type { RouteSet, ServicePlan } from "./plan.ts";
import type { LearnedDestination } from "./learned.ts";
import type { Incarnation } from "./position.ts";
import type { ServiceSpec } from "./service.ts";
import type { Shift } from "./shift.ts";

/** The step of a service that is being released, wave by wave. */
export interface Rollout {
  readonly plan: ServicePlan;
  /** Clusters to which this step, or one before it that was never seen to do well, brings something new, sorted. */
  readonly changes: readonly ClusterId[];
  readonly committedAtMs: number;
  /** Index of the wave released last. */
  readonly waveIndex: number;
  readonly waveReleasedAtMs: number;
  /** Whether the last wave was acknowledged, observed and baked. */
  readonly isSettled: boolean;
  /** Why the next wave or step waits, in words; empty when nothing waits. */
  readonly waitsFor: string;
}

/**
 * What moved a service's inputs since it was last planned; the later in this list, the more urgent. `measured`: demand,
 * capacity or readiness left their dead band. `ramp`: a returning cluster may take more. `fleet`: a cluster came, went or
 * changed its gateway, or the service is new. `operator`: a shift, drain, cordon or new declaration. `lost`: a destination
 * died, came back empty or was cut off. `abort`: a shift was aborted.
 */
export type InputsCause = "measured" | "ramp" | "fleet" | "operator" | "lost" | "abort";

/** Every cause, the least urgent first. */
export const INPUTS_CAUSES: readonly InputsCause[] = ["measured", "ramp", "fleet", "operator", "lost", "abort"];

/** All automatic moves stand still: more clusters are in trouble than can be believed. Operators still act. */
export interface Freeze {
  readonly sinceMs: number;
  readonly reason: string;
}

/** What an agent reported of one destination. */
export interface Reported {
  readonly readyEndpoints: number;
  /** Ready or not; undefined: recorded before anybody asked. */
  readonly totalEndpoints?: number;
  readonly capacityRps?: number;
}

/** Everything the planner remembers about one service. */
export interface ServiceState {
  readonly spec: ServiceSpec;
  readonly resourceVersion: number;
  /** Targets that shifts set, per source; a source without one is allocated automatically. */
  readonly pins: Readonly<Record<ClusterId, Split>>;
  /** Offered requests per second per source, as last recorded outside its dead band. */
  readonly demandRps: Readonly<Record<ClusterId, number>>;
  /** What agents reported of each destination; declared capacity wins over `capacityRps`. */
  readonly reported: Readonly<Record<DestinationKey, Reported>>;
  /** What was learned of each destination; what is declared wins over it. Undefined: nothing yet. */
  readonly learned?: Readonly<Record<DestinationKey, LearnedDestination>>;
  /** Sequence of the last record that changed what a plan of this service depends on. */
  readonly inputsSequence: number;
  /** The most urgent cause of what moved since the last plan; undefined once that is planned. */
  readonly inputsCause?: InputsCause;
  /** Highest sequence that a plan of this service was based on; smaller than `inputsSequence` means re-plan. */
  readonly plannedSequence: number;
  readonly rollout?: Rollout;
  /** Hash of the route set released last to each cluster: the fold of the waves, what agents are told. */
  readonly released: Readonly<Record<ClusterId, RouteSetHash>>;
}

/** An operator's request that was answered, kept so that a repeat gets the same answer. */
export interface AnsweredRequest {
  readonly requestId: string;
  /** Digest of the request's content: the same id with other content is refused. */
  readonly digest: string;
  readonly sequence: number;
  /** Name of what it made or changed. */
  readonly subject: string;
}

/** The whole truth at one log sequence: the fold of every record up to it. Values, never mutated. */
export interface FleetState {
  readonly incarnation: Incarnation;
  readonly epoch: number;
  /** Replica that leads in `epoch`. */
  readonly holder: string;
  /** Sequence of the last record folded in; 0 before the first. */
  readonly sequence: number;
  /** Time of the last record, ms since 1970 on the leaders' clocks; never goes back. */
  readonly atMs: number;
  readonly freeze?: Freeze;
  readonly clusters: ReadonlyMap<ClusterId, ClusterState>;
  readonly services: ReadonlyMap<ServiceId, ServiceState>;
  readonly shifts: ReadonlyMap<ShiftId, Shift>;
  readonly routeSets: ReadonlyMap<RouteSetHash, RouteSet>;
  /** Log sequence of the last record that released or removed something for the cluster: its position's revision. */
  readonly revisions: ReadonlyMap<ClusterId, number>;
  /** The newest answered requests, oldest first, at most `ANSWERED_REQUESTS_MAX`. */
  readonly answered: readonly AnsweredRequest[];
}

/** How many answered request ids are remembered. */
export const ANSWERED_REQUESTS_MAX = 1_000;

/** The state before the first record. */
export const EMPTY_FLEET: FleetState = {
  incarnation: { generation: 0, id: "" },
  epoch: 0,
  holder: "",
  sequence: 0,
  atMs: 0,
  clusters: new Map(),
  services: new Map(),
  shifts: new Map(),
  routeSets: new Map(),
  revisions: new Map(),
  answered: [],
};
