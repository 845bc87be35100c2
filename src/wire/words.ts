import {
  Membership,
  MembershipSchema,
  Verdict,
  VerdictSchema,
  ForceMode,
  ForceModeSchema,
} from "../../proto/gen/weir/v1/fleet_pb.ts";
import { MeshFeature } from "../../proto/gen/weir/v1/agent_pb.ts";
import { Protocol, ProtocolSchema, RetryScope, RetryScopeSchema } from "../../proto/gen/weir/v1/plan_pb.ts";
import { ShiftPhase } from "../../proto/gen/weir/v1/traffic_pb.ts";
import type { Feature, Membership as MembershipWord, Verdict as VerdictWord } from "../model/cluster.ts";
import type { Protocol as ProtocolWord, RetryScope as RetryScopeWord } from "../model/service.ts";
import type { ShiftPhase as ShiftPhaseWord } from "../model/shift.ts";

/** The model's protocols as enum numbers. */
export const PROTOCOLS = { http: Protocol.HTTP, grpc: Protocol.GRPC } as const satisfies Record<ProtocolWord, Protocol>;

/** The model's retry scopes as enum numbers. */
export const RETRY_SCOPES = {
  "idempotent-methods": RetryScope.IDEMPOTENT_METHODS,
  all: RetryScope.ALL,
  none: RetryScope.NONE,
} as const satisfies Record<RetryScopeWord, RetryScope>;

/** The model's memberships as enum numbers. */
export const MEMBERSHIPS = {
  registered: Membership.REGISTERED,
  pending: Membership.PENDING,
  accepted: Membership.ACCEPTED,
  active: Membership.ACTIVE,
  revoked: Membership.REVOKED,
} as const satisfies Record<MembershipWord, Membership>;

/** The model's verdicts as enum numbers. */
export const VERDICTS = {
  healthy: Verdict.HEALTHY,
  degraded: Verdict.DEGRADED,
  unknown: Verdict.UNKNOWN,
  dead: Verdict.DEAD,
} as const satisfies Record<VerdictWord, Verdict>;

/** The model's shift phases as enum numbers. */
export const SHIFT_PHASES = {
  progressing: ShiftPhase.PROGRESSING,
  holding: ShiftPhase.HOLDING,
  completed: ShiftPhase.COMPLETED,
  aborted: ShiftPhase.ABORTED,
  superseded: ShiftPhase.SUPERSEDED,
  failed: ShiftPhase.FAILED,
} as const satisfies Record<ShiftPhaseWord, ShiftPhase>;

/** The model's mesh features as enum numbers. */
export const FEATURES = {
  "weighted-split": MeshFeature.WEIGHTED_SPLIT,
  "rendered-fallback": MeshFeature.RENDERED_FALLBACK,
  "header-match": MeshFeature.HEADER_MATCH,
  mirror: MeshFeature.MIRROR,
  proxyless: MeshFeature.PROXYLESS,
} as const satisfies Record<Feature, MeshFeature>;

/** Enum numbers that name a protocol, with the model's word. */
export const PROTOCOL_WORDS = { words: inverted<ProtocolWord>(PROTOCOLS), of: ProtocolSchema };

/** Enum numbers that name a retry scope; unset means idempotent methods. */
export const RETRY_SCOPE_WORDS = {
  words: new Map<number, RetryScopeWord>([
    [RetryScope.UNSPECIFIED, "idempotent-methods"],
    ...inverted<RetryScopeWord>(RETRY_SCOPES),
  ]),
  of: RetryScopeSchema,
};

/** Enum numbers of a force mode, as a statement; unset means no. */
export const FORCE_WORDS = {
  words: new Map<number, "no" | "yes">([
    [ForceMode.UNSPECIFIED, "no"],
    [ForceMode.NO, "no"],
    [ForceMode.YES, "yes"],
  ]),
  of: ForceModeSchema,
};

/** Enum numbers of memberships with the model's word, for clients. */
export const MEMBERSHIP_WORDS = { words: inverted<MembershipWord>(MEMBERSHIPS), of: MembershipSchema };

/** Enum numbers of verdicts with the word people see: a cluster that drains says so. */
export const VERDICT_WORDS = {
  words: new Map<number, VerdictWord | "draining">([
    ...inverted<VerdictWord>(VERDICTS),
    [Verdict.DRAINING, "draining"],
  ]),
  of: VerdictSchema,
};

/** Enum numbers of shift phases with the model's word, for clients. */
export const SHIFT_PHASE_WORDS = inverted<ShiftPhaseWord>(SHIFT_PHASES);

/** Enum numbers of mesh features with the model's word. */
export const FEATURE_WORDS = inverted<Feature>(FEATURES);

function inverted<T extends string>(numbers: Readonly<Record<T, number>>): ReadonlyMap<number, T> {
  return new Map((Object.entries(numbers) as [T, number][]).map(([word, number]) => [number, word]));
}
