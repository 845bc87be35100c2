import {
  ForceMode,
  ForceModeSchema,
  Membership,
  MembershipSchema,
  Verdict,
  VerdictSchema,
} from "../../proto/gen/weir/v1/fleet_pb.ts";
import { MeshFeature } from "../../proto/gen/weir/v1/agent_pb.ts";
import { Protocol, ProtocolSchema, RetryScope, RetryScopeSchema } from "../../proto/gen/weir/v1/plan_pb.ts";
import { Isolation, IsolationSchema, ShiftPhase } from "../../proto/gen/weir/v1/traffic_pb.ts";
import type { Feature, Membership as MembershipWord, Verdict as VerdictWord } from "../model/cluster.ts";
import type { ServicePolicy } from "../model/fleet-document.ts";
import type { Protocol as ProtocolWord, RetryScope as RetryScopeWord } from "../model/service.ts";
import type { ShiftPhase as ShiftPhaseWord } from "../model/shift.ts";

/** The model's protocols as enum numbers. */
export const PROTOCOLS = numbersOf(Protocol) satisfies Record<ProtocolWord, Protocol>;

/** The model's retry scopes as enum numbers. */
export const RETRY_SCOPES = numbersOf(RetryScope) satisfies Record<RetryScopeWord, RetryScope>;

/** The model's memberships as enum numbers. */
export const MEMBERSHIPS = numbersOf(Membership) satisfies Record<MembershipWord, Membership>;

/** The model's verdicts as enum numbers, and the one more that people see: a cluster that drains says so. */
export const VERDICTS = numbersOf(Verdict) satisfies Record<VerdictWord | "draining", Verdict>;

/** The model's shift phases as enum numbers. */
export const SHIFT_PHASES = numbersOf(ShiftPhase) satisfies Record<ShiftPhaseWord, ShiftPhase>;

/** The model's mesh features as enum numbers. */
export const FEATURES = numbersOf(MeshFeature) satisfies Record<Feature, MeshFeature>;

/** The model's isolations as enum numbers. */
export const ISOLATIONS = numbersOf(Isolation) satisfies Record<ServicePolicy["isolation"], Isolation>;

/** Enum numbers that name an isolation; unset means none. */
export const ISOLATION_WORDS = {
  words: wordsOf(ISOLATIONS).set(Isolation.UNSPECIFIED, "none"),
  of: IsolationSchema,
};

/** Enum numbers that name a protocol, with the model's word. */
export const PROTOCOL_WORDS = { words: wordsOf(PROTOCOLS), of: ProtocolSchema };

/** Enum numbers that name a retry scope; unset means idempotent methods. */
export const RETRY_SCOPE_WORDS = {
  words: wordsOf(RETRY_SCOPES).set(RetryScope.UNSPECIFIED, "idempotent-methods"),
  of: RetryScopeSchema,
};

/** Enum numbers of a force mode, as a statement; unset means no. */
export const FORCE_WORDS = {
  words: wordsOf(numbersOf(ForceMode)).set(ForceMode.UNSPECIFIED, "no"),
  of: ForceModeSchema,
};

/** Enum numbers of memberships with the model's word, for clients. */
export const MEMBERSHIP_WORDS = { words: wordsOf(MEMBERSHIPS), of: MembershipSchema };

/** Enum numbers of verdicts with the word people see. */
export const VERDICT_WORDS = { words: wordsOf(VERDICTS), of: VerdictSchema };

/** Enum numbers of shift phases with the model's word, for clients. */
export const SHIFT_PHASE_WORDS = wordsOf(SHIFT_PHASES);

/** Enum numbers of mesh features with the model's word. */
export const FEATURE_WORDS = wordsOf(FEATURES);

/** What an enum's value is called in the model: RENDERED_FALLBACK is rendered-fallback. UNSPECIFIED has no word. */
type WordOf<Value> = Value extends "UNSPECIFIED"
  ? never
  : Value extends `${infer Head}_${infer Tail}`
    ? `${Lowercase<Head>}-${WordOf<Tail>}`
    : Value extends string
      ? Lowercase<Value>
      : never;

function numbersOf<E extends Readonly<Record<string, number>>>(values: E) {
  const named = Object.entries(values).filter(([value]) => value !== "UNSPECIFIED");
  const numbers = named.map(([value, number]) => [value.toLowerCase().replaceAll("_", "-"), number]);
  return Object.fromEntries(numbers) as { readonly [K in keyof E as WordOf<K>]: E[K] };
}

function wordsOf<W extends string>(numbers: Readonly<Record<W, number>>): Map<number, W> {
  return new Map((Object.entries(numbers) as [W, number][]).map(([word, number]) => [number, word]));
}
