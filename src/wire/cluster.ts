import type {
  AcceptClusterRequest,
  ClusterSpec as ClusterSpecMessage,
  CordonClusterRequest,
  DrainClusterRequest,
  RegisterClusterRequest,
  RevokeClusterRequest,
  UncordonClusterRequest,
  UnregisterClusterRequest,
} from "../../proto/gen/weir/v1/fleet_pb.ts";
import type { ClusterSpec } from "../model/cluster.ts";
import type { Command, DrainRequest } from "../model/command.ts";
import { WEIGHT_TOTAL } from "../model/destination.ts";
import type { ClusterId } from "../model/ids.ts";
import type { Refusal } from "../model/refusal.ts";
import { DEFAULT_PACE_POLICY } from "../model/service.ts";
import type { Result } from "../model/result.ts";
import { Checks } from "./checks.ts";
import { expectedVersionOf } from "./request.ts";
import { addressOf } from "./route-set.ts";
import { FORCE_WORDS } from "./words.ts";

type CommandOf<K extends Command["kind"]> = Extract<Command, { kind: K }>;

/** A join token lives at most an hour. */
const TOKEN_TTL_S_MAX = 3_600;

/** A day: what bakes longer is not a step but a standstill. */
const BAKE_MS_MAX = 86_400_000;

const TEXT_LENGTH_MAX = 253;
const REASON_LENGTH_MAX = 1_024;
const LABELS_MAX = 64;

/** Longest digest of a preview. */
export const DIGEST_LENGTH_MAX = 256;

/** What the listener made for a registration: the token's hash and the time. */
export interface MadeToken {
  readonly secretHash: string;
  readonly nowMs: number;
}

/** A registration as a command. Refuses FIELD_REQUIRED, BAD_NAME, FIELD_INVALID. */
export function registerCluster(
  request: RegisterClusterRequest,
  { secretHash, nowMs }: MadeToken,
): Result<CommandOf<"register-cluster">, Refusal> {
  const checks = new Checks();
  const ttl = request.tokenTtlSeconds || TOKEN_TTL_S_MAX;
  const ttlSeconds = checks.integer("token_ttl_seconds", ttl, { min: 1, max: TOKEN_TTL_S_MAX });
  const message = checks.present("spec", request.spec);
  if (message === undefined) return checks.result(undefined as never);
  const spec = clusterSpecOf(checks, "spec", message);
  return checks.result({ kind: "register-cluster", spec, secretHash, expiresAtMs: nowMs + ttlSeconds * 1_000 });
}

/** Reads what a platform team declares of a cluster. */
export function clusterSpecOf(checks: Checks, field: string, message: ClusterSpecMessage): ClusterSpec {
  const { gateway, expectedUid, maxDestinations } = message;
  return {
    cluster: checks.label(`${field}.name`, message.name),
    region: checks.text(`${field}.region`, message.region, TEXT_LENGTH_MAX),
    labels: labelsOf(checks, `${field}.labels`, message.labels),
    rttMs: amountsByCluster(checks, `${field}.rtt_ms`, message.rttMs),
    ...pricesOf(checks, `${field}.egress_dollars_per_gb`, message.egressDollarsPerGb),
    ...(gateway === undefined ? {} : { gateway: addressOf(checks, `${field}.gateway`, gateway) }),
    ...(maxDestinations === undefined
      ? {}
      : { maxDestinations: destinationsMaxOf(checks, `${field}.max_destinations`, maxDestinations) }),
    ...(expectedUid === "" ? {} : { expectedUid: checks.text(`${field}.expected_uid`, expectedUid, TEXT_LENGTH_MAX) }),
  };
}

/** More destinations than any mesh takes in one route: without end is said by leaving it out. */
const DESTINATIONS_MAX = 10_000;

/** Reads the most destinations that one route of a mesh may have. */
export function destinationsMaxOf(checks: Checks, field: string, value: number): number {
  return checks.integer(field, value, { min: 1, max: DESTINATIONS_MAX });
}

/** Reads labels. Refuses FIELD_REQUIRED an empty key, FIELD_INVALID too many or too long ones. */
export function labelsOf(
  checks: Checks,
  field: string,
  labels: Readonly<Record<string, string>>,
): Record<string, string> {
  const entries = Object.entries(labels);
  if (entries.length > LABELS_MAX)
    checks.refuse("FIELD_INVALID", field, `has ${entries.length} labels; at most ${LABELS_MAX} are allowed`);
  for (const [key, value] of entries) {
    checks.required(`${field} key`, key, TEXT_LENGTH_MAX);
    checks.text(`${field}[${key.slice(0, 63)}]`, value, TEXT_LENGTH_MAX);
  }
  return labels;
}

function amountsByCluster(
  checks: Checks,
  field: string,
  amounts: Readonly<Record<string, number>>,
): Readonly<Record<ClusterId, number>> {
  const entries = Object.entries(amounts).map(([cluster, amount]) => [
    checks.label<ClusterId>(`${field} key`, cluster),
    checks.amount(`${field}[${cluster.slice(0, 63)}]`, amount),
  ]);
  return Object.fromEntries(entries) as Record<ClusterId, number>;
}

/** A million dollars a gigabyte: more is a slip of the unit. */
const EGRESS_DOLLARS_PER_GB_MAX = 1e6;

/** Where nothing is declared there is no field, as in records that are older than prices. */
function pricesOf(
  checks: Checks,
  field: string,
  prices: Readonly<Record<string, number>>,
): Pick<ClusterSpec, "egressDollarsPerGb"> {
  if (Object.keys(prices).length === 0) return {};
  for (const [cluster, price] of Object.entries(prices))
    checks.limited(`${field}[${cluster.slice(0, 63)}]`, price, EGRESS_DOLLARS_PER_GB_MAX);
  return { egressDollarsPerGb: amountsByCluster(checks, field, prices) };
}

/** An acceptance as a command. Refuses BAD_NAME, SEQ_RANGE. */
export function acceptCluster(request: AcceptClusterRequest): Result<CommandOf<"accept-cluster">, Refusal> {
  return conditional("accept-cluster", request);
}

/** A cordon as a command. Refuses BAD_NAME, SEQ_RANGE. */
export function cordonCluster(request: CordonClusterRequest): Result<CommandOf<"cordon-cluster">, Refusal> {
  return conditional("cordon-cluster", request);
}

/** The end of a cordon as a command. Refuses BAD_NAME, SEQ_RANGE. */
export function uncordonCluster(request: UncordonClusterRequest): Result<CommandOf<"uncordon-cluster">, Refusal> {
  return conditional("uncordon-cluster", request);
}

function conditional<K extends "accept-cluster" | "cordon-cluster" | "uncordon-cluster">(
  kind: K,
  { cluster, expectedResourceVersion }: { readonly cluster: string; readonly expectedResourceVersion: bigint },
) {
  const checks = new Checks();
  const name = checks.label<ClusterId>("cluster", cluster);
  return checks.result({ kind, cluster: name, ...expectedVersionOf(checks, expectedResourceVersion) });
}

/**
 * A drain as a command. Refuses BAD_NAME, WEIGHT_TYPE, FIELD_INVALID (a deadline that has passed), UNKNOWN_ENUM.
 *
 * @param nowMs - the listener's clock.
 */
export function drainCluster(request: DrainClusterRequest, nowMs: number): Result<CommandOf<"drain-cluster">, Refusal> {
  const checks = new Checks();
  const deadlineAtMs = Number(request.deadlineAtUnixMs);
  if (deadlineAtMs !== 0 && deadlineAtMs <= nowMs)
    checks.refuse("FIELD_INVALID", "deadline_at_unix_ms", `${deadlineAtMs} has passed; it is ${Math.trunc(nowMs)} now`);
  const { pinnedDigest } = request;
  return checks.result({
    kind: "drain-cluster",
    cluster: checks.label<ClusterId>("cluster", request.cluster),
    drain: { ...paceOf(checks, "", request), ...(deadlineAtMs === 0 ? {} : { deadlineAtMs }) },
    ...(pinnedDigest !== "" && { pinnedDigest: checks.text("pinned_digest", pinnedDigest, DIGEST_LENGTH_MAX) }),
    ...expectedVersionOf(checks, request.expectedResourceVersion),
  });
}

/** Reads how fast a drain is to go, and whether it must fit. */
export function paceOf(
  checks: Checks,
  path: string,
  message: Pick<DrainClusterRequest, "maxStepWeight" | "bakeMs" | "force">,
): DrainRequest {
  const force = checks.choice(`${path}force`, { value: message.force, ...FORCE_WORDS });
  return {
    maxStepWeight: stepOf(checks, `${path}max_step_weight`, message.maxStepWeight) ?? DEFAULT_PACE_POLICY.maxStepWeight,
    bakeMs: bakeOf(checks, `${path}bake_ms`, message.bakeMs) ?? DEFAULT_PACE_POLICY.bakeMs,
    force: force === "yes" ? "over-capacity" : "no",
  };
}

/** Reads the largest step of a change, 1 to 10 000; 0 means not said. */
export function stepOf(checks: Checks, field: string, value: number): number | undefined {
  return value === 0 ? undefined : checks.integer(field, value, { min: 1, max: WEIGHT_TOTAL, code: "WEIGHT_TYPE" });
}

/** Reads a baking time in ms; unset means not said, 0 means not at all. */
export function bakeOf(checks: Checks, field: string, value: number | undefined): number | undefined {
  return value === undefined ? undefined : checks.integer(field, value, { min: 0, max: BAKE_MS_MAX });
}

/** Reads the reason that a command must give. */
export function reasonOf(checks: Checks, field: string, reason: string): string {
  return checks.required(field, reason, REASON_LENGTH_MAX);
}

/** A revocation as a command. Refuses BAD_NAME, FIELD_REQUIRED. */
export function revokeCluster(request: RevokeClusterRequest): Result<CommandOf<"revoke-cluster">, Refusal> {
  const checks = new Checks();
  const cluster = checks.label<ClusterId>("cluster", request.cluster);
  return checks.result({ kind: "revoke-cluster", cluster, reason: reasonOf(checks, "reason", request.reason) });
}

/** The end of a membership as a command. Refuses BAD_NAME, UNKNOWN_ENUM. */
export function unregisterCluster(request: UnregisterClusterRequest): Result<CommandOf<"unregister-cluster">, Refusal> {
  const checks = new Checks();
  const cluster = checks.label<ClusterId>("cluster", request.cluster);
  const force = checks.choice("force", { value: request.force, ...FORCE_WORDS });
  return checks.result({ kind: "unregister-cluster", cluster, force: force === "yes" ? "still-serving" : "no" });
}
