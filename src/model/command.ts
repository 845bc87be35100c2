import type { Actor, ClusterId, RouteSetHash, ServiceId, ShiftId } from "./ids.ts";
import type { ClusterSpec, Feature, GatewayAddress } from "./cluster.ts";
import type { DestinationKey } from "./destination.ts";
import type { LearnedDestination } from "./learned.ts";
import type { Reported } from "./fleet.ts";
import type { Observed } from "./observed.ts";
import type { RouteSet, ServicePlan } from "./plan.ts";
import type { ServiceSpec } from "./service.ts";
import type { ShiftTarget } from "./shift.ts";

/** A drain as it is asked for. */
export interface DrainRequest {
  readonly maxStepWeight: number;
  readonly bakeMs: number;
  /** Undefined: no deadline. */
  readonly deadlineAtMs?: number;
  /** Drain although the survivors lack capacity. */
  readonly force: "no" | "over-capacity";
}

/** Demand, capacity and readiness that left their dead bands, and what was learned anew, folded from reports by the leader. */
export interface Measured {
  readonly demandRps: Readonly<Record<ServiceId, Readonly<Record<ClusterId, number>>>>;
  readonly reported: Readonly<Record<ServiceId, Readonly<Record<DestinationKey, Reported>>>>;
  /** What was learned of destinations, each whole; undefined: nothing new. */
  readonly learned?: Readonly<Record<ServiceId, Readonly<Record<DestinationKey, LearnedDestination>>>>;
  /** Round trips that were learned, ms, each pair under the smaller name; undefined: none anew. */
  readonly rttMs?: Readonly<Record<ClusterId, Readonly<Record<ClusterId, number>>>>;
}

/** One computed step of one service, with the values behind its hashes. */
export interface Proposal {
  readonly plan: ServicePlan;
  /** `inputsSequence` of the service that it was computed from. */
  readonly inputsSequence: number;
}

/** Everything that can be asked of the decider. */
export type Command =
  | {
      readonly kind: "begin-term";
      readonly holder: string;
      readonly witnessedEpoch: number;
      readonly incarnationId: string;
    }
  | {
      readonly kind: "register-cluster";
      readonly spec: ClusterSpec;
      readonly secretHash: string;
      readonly expiresAtMs: number;
    }
  | {
      readonly kind: "redeem-token";
      readonly secretHash: string;
      readonly uid: string;
      readonly serial: string;
      /** SHA-256 of the certified public key, hex: whoever joins again with the same key is the same. */
      readonly publicKeyHash?: string;
    }
  | { readonly kind: "accept-cluster"; readonly cluster: ClusterId; readonly expectedResourceVersion?: number }
  | {
      readonly kind: "greet-cluster";
      readonly cluster: ClusterId;
      readonly uid: string;
      readonly serial: string;
      readonly gateway?: GatewayAddress;
      readonly features: readonly Feature[];
      /** Most destinations that one route of its mesh may have; undefined: without end. */
      readonly maxDestinations?: number;
    }
  | {
      readonly kind: "renew-certificate";
      readonly cluster: ClusterId;
      readonly uid: string;
      readonly presentedSerial: string;
      readonly serial: string;
    }
  | { readonly kind: "quarantine-cluster"; readonly cluster: ClusterId; readonly detail: string }
  | { readonly kind: "cordon-cluster"; readonly cluster: ClusterId; readonly expectedResourceVersion?: number }
  | { readonly kind: "uncordon-cluster"; readonly cluster: ClusterId; readonly expectedResourceVersion?: number }
  | {
      readonly kind: "drain-cluster";
      readonly cluster: ClusterId;
      readonly drain: DrainRequest;
      readonly expectedResourceVersion?: number;
      /** `drainDigest` of a preview: the drain is refused when what that was computed from has moved. */
      readonly pinnedDigest?: string;
    }
  | { readonly kind: "revoke-cluster"; readonly cluster: ClusterId; readonly reason: string }
  | { readonly kind: "unregister-cluster"; readonly cluster: ClusterId; readonly force: "no" | "still-serving" }
  | { readonly kind: "apply-service"; readonly spec: ServiceSpec; readonly expectedResourceVersion?: number }
  | { readonly kind: "delete-service"; readonly service: ServiceId; readonly force: "no" | "still-serving" }
  | {
      readonly kind: "request-shift";
      readonly shift: ShiftId;
      readonly service: ServiceId;
      readonly sources: readonly ClusterId[];
      readonly target: ShiftTarget;
      readonly maxStepWeight?: number;
      readonly bakeMs?: number;
      readonly reason: string;
      readonly pinnedDigest?: string;
    }
  | { readonly kind: "abort-shift"; readonly shift: ShiftId; readonly reason: string }
  | { readonly kind: "observe"; readonly observed: Observed; readonly measured: Measured }
  | { readonly kind: "store-route-sets"; readonly routeSets: Readonly<Record<RouteSetHash, RouteSet>> }
  | { readonly kind: "propose"; readonly proposals: readonly Proposal[]; readonly observed: Observed }
  | { readonly kind: "tick"; readonly observed: Observed }
  | { readonly kind: "recover"; readonly generation: number; readonly incarnationId: string; readonly reason: string };

/** A command with everything pure code may not fetch. */
export interface Envelope {
  readonly command: Command;
  /** max(last record's time, the leader's clock), ms since 1970. */
  readonly atMs: number;
  readonly actor: Actor;
  /** Idempotence key that the caller chose; empty for the planner's own commands. */
  readonly requestId: string;
  /** Digest of the request's content, to tell a repeat from a reuse. */
  readonly requestDigest: string;
}

/** A command on its way to the leader, who adds the time. */
export type ForwardedCommand = Omit<Envelope, "atMs">;

/** What a committed command answers. */
export interface Committed {
  readonly sequence: number;
  /** Name of what was made or changed. */
  readonly subject: string;
}
