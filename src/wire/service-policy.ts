import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  ClusterNames,
  LossPolicy,
  LossPolicySchema,
  ServicePolicy as ServicePolicyMessage,
  ServicePolicySchema,
} from "../../proto/gen/weir/v1/traffic_pb.ts";
import { WEIGHT_TOTAL } from "../model/destination.ts";
import type { LabelValues, ServicePolicy } from "../model/fleet-document.ts";
import type { ClusterId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import { unreachable } from "../model/result.ts";
import type { Checks } from "./checks.ts";
import { labelsOf } from "./cluster.ts";
import { sortedFields } from "./cluster-view.ts";
import { failoverOf, toFailover } from "./failover.ts";
import { quote } from "./quote.ts";
import { repeated } from "./split.ts";
import { ISOLATIONS, ISOLATION_WORDS } from "./words.ts";

/** More clusters than one policy names. */
const CLUSTERS_MAX = 2_000;

/** Reads a policy. Undefined when it forbids nothing and asks for nothing, so that a policy has one form. */
export function servicePolicyOf(
  checks: Checks,
  field: string,
  message: ServicePolicyMessage | undefined,
): ServicePolicy | undefined {
  if (message === undefined) return undefined;
  const allowed = message.allowedClusters;
  const allowedField = `${field}.allowed_clusters`;
  const maxShareWeight = checks.weight(`${field}.max_share_weight`, message.maxShareWeight || WEIGHT_TOTAL, 1);
  const policy: ServicePolicy = {
    isolation: checks.choice(`${field}.isolation`, { value: message.isolation, ...ISOLATION_WORDS }),
    requiredLabels: sortedFields(labelsOf(checks, `${field}.required_labels`, message.requiredLabels)),
    ...(allowed === undefined ? {} : { allowedClusters: someClusters(checks, allowedField, allowed) }),
    deniedClusters: clustersOf(checks, `${field}.denied_clusters`, message.deniedClusters),
    maxShare: maxShareWeight / WEIGHT_TOTAL,
    surviveLossOf: lossesOf(checks, `${field}.survive_loss_of`, message.surviveLossOf),
    ...preferencesOf(checks, field, message),
  };
  if (policy.failover !== undefined && policy.isolation !== "none") {
    const why = `says where requests go, and so does isolation ${policy.isolation}; leave one out`;
    checks.refuse("FIELD_INVALID", `${field}.failover`, why);
  }
  const both = policy.deniedClusters.find((cluster) => policy.allowedClusters?.includes(cluster));
  if (both !== undefined)
    checks.refuse(
      "FIELD_INVALID",
      `${field}.denied_clusters`,
      `names ${quote(both)}, which allowed_clusters names too`,
    );
  return isOpen(policy) ? undefined : policy;
}

type Preferences = Pick<ServicePolicy, "allowedLabels" | "deniedLabels" | "failover" | "localityPenaltyMs">;

/** What is not asked for has no field, as in records that are older than these fields. */
function preferencesOf(checks: Checks, field: string, message: ServicePolicyMessage): Preferences {
  const allowedLabels = valuesOf(checks, `${field}.allowed_labels`, message.allowedLabels);
  const deniedLabels = valuesOf(checks, `${field}.denied_labels`, message.deniedLabels);
  const penalties = penaltiesOf(checks, `${field}.locality_penalty_ms`, message.localityPenaltyMs);
  const { failover } = message;
  return {
    ...(Object.keys(allowedLabels).length === 0 ? {} : { allowedLabels }),
    ...(Object.keys(deniedLabels).length === 0 ? {} : { deniedLabels }),
    ...(failover === undefined ? {} : { failover: failoverOf(checks, `${field}.failover`, failover) }),
    ...(Object.keys(penalties).length === 0 ? {} : { localityPenaltyMs: penalties }),
  };
}

/** More than one rule names. */
const LABELS_MAX = 64;

const TEXT_LENGTH_MAX = 253;

function valuesOf(
  checks: Checks,
  field: string,
  labels: Readonly<Record<string, { readonly values: readonly string[] }>>,
) {
  const entries = Object.entries(sortedFields(labels));
  if (entries.length > LABELS_MAX)
    checks.refuse("FIELD_INVALID", field, `has ${entries.length} labels; at most ${LABELS_MAX} are allowed`);
  const read = entries.map(([name, { values }]) => {
    const at = `${field}[${name.slice(0, 63)}]`;
    checks.required(`${field} key`, name, TEXT_LENGTH_MAX);
    if (values.length === 0) checks.refuse("EMPTY_SELECTOR", at, "has no value; leave the label out");
    if (values.length > LABELS_MAX)
      checks.refuse("FIELD_INVALID", at, `has ${values.length} values; at most ${LABELS_MAX} are allowed`);
    const twice = repeated(values);
    if (twice !== undefined) checks.refuse("DUPLICATE_KEY", at, `names ${quote(twice)} more than once`);
    for (const value of values) checks.text(at, value, TEXT_LENGTH_MAX);
    return [name, values.toSorted(compareNames)] as const;
  });
  return Object.fromEntries(read);
}

/** A day: more is a slip of the unit. */
const PENALTY_MS_MAX = 86_400_000;

/** A penalty of nothing is none. */
function penaltiesOf(checks: Checks, field: string, penalties: Readonly<Record<string, number>>) {
  const read = Object.entries(sortedFields(penalties)).map(([name, penaltyMs]) => {
    checks.required(`${field} key`, name, TEXT_LENGTH_MAX);
    return [name, checks.limited(`${field}[${name.slice(0, 63)}]`, penaltyMs, PENALTY_MS_MAX)] as const;
  });
  return Object.fromEntries(read.filter(([, penaltyMs]) => penaltyMs > 0));
}

function isOpen({
  isolation,
  requiredLabels,
  allowedClusters,
  deniedClusters,
  maxShare,
  surviveLossOf,
  ...preferences
}: ServicePolicy) {
  const isAnywhere = allowedClusters === undefined && deniedClusters.length === 0;
  const isUnbound = isAnywhere && Object.keys(requiredLabels).length === 0 && isolation === "none";
  return isUnbound && maxShare === 1 && surviveLossOf === "none" && Object.keys(preferences).length === 0;
}

/** An empty list of names would read as none to some and as any to others: it is neither. */
function someClusters(checks: Checks, field: string, { clusters }: ClusterNames): readonly ClusterId[] {
  if (clusters.length === 0) checks.refuse("EMPTY_SELECTOR", field, "names no cluster; leave it out to mean any");
  return clustersOf(checks, field, clusters);
}

function clustersOf(checks: Checks, field: string, names: readonly string[]): readonly ClusterId[] {
  if (names.length > CLUSTERS_MAX) {
    checks.refuse("FIELD_INVALID", field, `has ${names.length} entries; at most ${CLUSTERS_MAX} are allowed`);
    return [];
  }
  const clusters = names.map((name, index) => checks.label<ClusterId>(`${field}[${index}]`, name));
  const twice = repeated(clusters);
  if (twice !== undefined) checks.refuse("DUPLICATE_KEY", field, `names ${quote(twice)} more than once`);
  return clusters.toSorted(compareNames);
}

function lossesOf(checks: Checks, field: string, message: LossPolicy | undefined): ServicePolicy["surviveLossOf"] {
  if (message === undefined) return "none";
  switch (message.loss.case) {
    case "any":
      return "any";
    case "clusters":
      return someClusters(checks, `${field}.clusters`, message.loss.value);
    case undefined:
      checks.refuse("FIELD_REQUIRED", field, "says of no loss what it is; set any or clusters, or leave it out");
      return "none";
    default:
      return unreachable(message.loss);
  }
}

/** A policy in the wire's form, nothing left to a default. */
export function toServicePolicy(policy: ServicePolicy): MessageInitShape<typeof ServicePolicySchema> {
  const { allowedClusters, surviveLossOf, failover } = policy;
  return {
    isolation: ISOLATIONS[policy.isolation],
    requiredLabels: sortedFields(policy.requiredLabels),
    ...(allowedClusters === undefined ? {} : { allowedClusters: { clusters: [...allowedClusters] } }),
    deniedClusters: [...policy.deniedClusters],
    maxShareWeight: Math.round(policy.maxShare * WEIGHT_TOTAL),
    ...(surviveLossOf === "none" ? {} : { surviveLossOf: toLosses(surviveLossOf) }),
    allowedLabels: toValues(policy.allowedLabels),
    deniedLabels: toValues(policy.deniedLabels),
    ...(failover === undefined ? {} : { failover: toFailover(failover) }),
    localityPenaltyMs: sortedFields(policy.localityPenaltyMs ?? {}),
  };
}

function toValues(labels: LabelValues = {}): Record<string, { values: string[] }> {
  return Object.fromEntries(
    Object.entries(sortedFields(labels)).map(([name, values]) => [name, { values: [...values] }]),
  );
}

function toLosses(losses: Exclude<ServicePolicy["surviveLossOf"], "none">): MessageInitShape<typeof LossPolicySchema> {
  if (losses === "any") return { loss: { case: "any", value: {} } };
  return { loss: { case: "clusters", value: { clusters: [...losses] } } };
}
