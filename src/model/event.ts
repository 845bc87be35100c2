import type { Actor, ClusterId, RouteSetHash, ServiceId, ShiftId } from "./ids.ts";
import type { ClusterSpec, Feature, GatewayAddress, Verdict } from "./cluster.ts";
import type { DrainRequest, Measured } from "./command.ts";
import type { RouteSet, ServicePlan } from "./plan.ts";
import type { Incarnation } from "./position.ts";
import type { ServiceSpec } from "./service.ts";
import type { Shift, ShiftPhase } from "./shift.ts";

/** What happened. `evolve` folds these and nothing else; kinds are only ever added. */
export type FleetEvent =
  | {
      readonly kind: "term-started";
      readonly epoch: number;
      readonly holder: string;
      readonly incarnation: Incarnation;
    }
  | {
      readonly kind: "cluster-registered";
      readonly spec: ClusterSpec;
      readonly secretHash: string;
      readonly expiresAtMs: number;
    }
  | {
      readonly kind: "token-redeemed";
      readonly cluster: ClusterId;
      readonly uid: string;
      readonly serial: string;
      readonly publicKeyHash?: string;
    }
  | { readonly kind: "cluster-accepted"; readonly cluster: ClusterId }
  | {
      readonly kind: "cluster-greeted";
      readonly cluster: ClusterId;
      readonly gateway?: GatewayAddress;
      readonly features: readonly Feature[];
      /** Undefined: without end. */
      readonly maxDestinations?: number;
    }
  | { readonly kind: "certificate-renewed"; readonly cluster: ClusterId; readonly serial: string }
  | { readonly kind: "cluster-quarantined"; readonly cluster: ClusterId; readonly detail: string }
  | { readonly kind: "cluster-cordoned"; readonly cluster: ClusterId }
  | { readonly kind: "cluster-uncordoned"; readonly cluster: ClusterId }
  | { readonly kind: "drain-started"; readonly cluster: ClusterId; readonly drain: DrainRequest }
  | { readonly kind: "drain-finished"; readonly cluster: ClusterId }
  | { readonly kind: "cluster-revoked"; readonly cluster: ClusterId; readonly reason: string }
  | { readonly kind: "cluster-unregistered"; readonly cluster: ClusterId }
  | {
      readonly kind: "verdict-changed";
      readonly cluster: ClusterId;
      readonly verdict: Verdict;
      readonly evidence: string;
    }
  | { readonly kind: "recovery-changed"; readonly cluster: ClusterId; readonly wellSinceMs?: number }
  | { readonly kind: "fleet-frozen"; readonly reason: string }
  | { readonly kind: "fleet-thawed"; readonly reason: string }
  | { readonly kind: "ramp-changed"; readonly cluster: ClusterId; readonly ceilingWeight?: number }
  | { readonly kind: "measured"; readonly measured: Measured }
  | { readonly kind: "service-applied"; readonly spec: ServiceSpec }
  | { readonly kind: "service-deleted"; readonly service: ServiceId }
  | { readonly kind: "shift-requested"; readonly shift: Shift }
  | {
      readonly kind: "shift-moved";
      readonly shift: ShiftId;
      readonly phase: ShiftPhase;
      readonly detail: string;
      readonly stepsTaken: number;
    }
  | { readonly kind: "route-sets-stored"; readonly routeSets: Readonly<Record<RouteSetHash, RouteSet>> }
  | { readonly kind: "route-sets-dropped"; readonly hashes: readonly RouteSetHash[] }
  | { readonly kind: "plan-committed"; readonly plan: ServicePlan; readonly basedOn: number }
  | {
      readonly kind: "route-set-released";
      readonly service: ServiceId;
      readonly cluster: ClusterId;
      readonly hash: RouteSetHash;
      readonly waveIndex: number;
    }
  | { readonly kind: "route-set-removed"; readonly service: ServiceId; readonly cluster: ClusterId }
  | { readonly kind: "rollout-waits"; readonly service: ServiceId; readonly waitsFor: string }
  | { readonly kind: "rollout-settled"; readonly service: ServiceId }
  | { readonly kind: "request-answered"; readonly requestId: string; readonly digest: string; readonly subject: string }
  | { readonly kind: "incarnation-raised"; readonly incarnation: Incarnation; readonly reason: string };

/** Every kind that this build can fold. The leader emits only kinds that all live replicas know. */
export const EVENT_KINDS: readonly FleetEvent["kind"][] = [
  "term-started",
  "cluster-registered",
  "token-redeemed",
  "cluster-accepted",
  "cluster-greeted",
  "certificate-renewed",
  "cluster-quarantined",
  "cluster-cordoned",
  "cluster-uncordoned",
  "drain-started",
  "drain-finished",
  "cluster-revoked",
  "cluster-unregistered",
  "verdict-changed",
  "recovery-changed",
  "fleet-frozen",
  "fleet-thawed",
  "ramp-changed",
  "measured",
  "service-applied",
  "service-deleted",
  "shift-requested",
  "shift-moved",
  "route-sets-stored",
  "route-sets-dropped",
  "plan-committed",
  "route-set-released",
  "route-set-removed",
  "rollout-waits",
  "rollout-settled",
  "request-answered",
  "incarnation-raised",
];

/** One committed entry of the log. */
export interface LogRecord {
  readonly sequence: number;
  readonly incarnation: Incarnation;
  readonly epoch: number;
  /** Replica that wrote it. */
  readonly writer: string;
  /** Unique per append attempt's content: how an ambiguous acknowledgement is resolved. */
  readonly nonce: string;
  readonly atMs: number;
  readonly actor: Actor;
  /** The command that was decided on, with its numbers; undefined for inert records. */
  readonly command: unknown;
  readonly events: readonly FleetEvent[];
}
