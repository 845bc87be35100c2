import type { MessageInitShape } from "@bufbuild/protobuf";
import { Isolation } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import type {
  Deployment,
  Failover,
  LossPolicy,
  LossPolicySchema,
  Objective,
  ObjectiveSchema,
  QueueCurveSchema,
  Release,
  ReleaseSchema,
  ServicePolicy,
  ServicePolicySchema,
  ServiceSpec,
} from "../../../proto/gen/weir/v1/traffic_pb.ts";
import type { Fault, Fields } from "../../io/yaml/fields.ts";
import { labelsOf } from "../../io/yaml/fleet/clusters.ts";
import { failoverOf, plainFailover } from "../../io/yaml/fleet/failover.ts";
import { POSITIVE } from "../../io/yaml/fleet/measures.ts";
import { labelValuesOf } from "../../io/yaml/fleet/policy.ts";
import { matchesOf } from "../../io/yaml/fleet/release.ts";
import { WEIGHT_TOTAL } from "../../model/destination.ts";
import type { LabelValues } from "../../model/fleet-document.ts";
import { badName } from "../../model/names.ts";
import { Checks } from "../../wire/checks.ts";
import { failoverOf as failoverFrom, toFailover } from "../../wire/failover.ts";
import { ISOLATIONS, ISOLATION_WORDS } from "../../wire/words.ts";
import { refused } from "../failure.ts";
import { SHARE, percent } from "../notation.ts";

/** Reads what a deployment says of its servers; undefined when it says nothing. */
export function curveOf(fields: Fields): MessageInitShape<typeof QueueCurveSchema> | undefined {
  const names = ["servers", "meanWorkMs", "squaredVariation"] as const;
  const isGiven = names.some((name) => fields.kindOf(name) !== undefined);
  const servers = isGiven ? fields.integer("servers") : fields.optionalInteger("servers");
  const meanWorkMs = fields.optionalMeasure("meanWorkMs", POSITIVE);
  const squaredVariation = fields.optionalAmount("squaredVariation");
  if (!isGiven) return undefined;
  if (fields.kindOf("meanWorkMs") === undefined)
    fields.refuse("FIELD_REQUIRED", "meanWorkMs", "is required beside servers");
  const variation = squaredVariation === undefined ? {} : { squaredVariation };
  return { servers: servers ?? 0, meanWorkMs: meanWorkMs ?? 0, ...variation };
}

/** Reads `latency`, `price` or `{ dollarsPerRequestMs }`; undefined when it is not there. */
export function objectiveOf(fields: Fields): MessageInitShape<typeof ObjectiveSchema> | undefined {
  if (fields.kindOf("objective") !== "map") {
    const word = fields.optionalChoice("objective", { latency: "latency", price: "price" } as const);
    return word === undefined ? undefined : { objective: { case: word, value: {} } };
  }
  const inner = fields.optionalFields("objective");
  const value = inner?.optionalMeasure("dollarsPerRequestMs", POSITIVE);
  if (inner?.kindOf("dollarsPerRequestMs") === undefined)
    inner?.refuse("FIELD_REQUIRED", "dollarsPerRequestMs", "is required; or write objective: latency, or price");
  inner?.done();
  return { objective: { case: "dollarsPerRequestMs", value: value ?? 0 } };
}

/** Reads where a service's requests may go. */
export function policyOf(fields: Fields): MessageInitShape<typeof ServicePolicySchema> {
  const survived = lossesOf(fields);
  const isLimited = fields.kindOf("allowedClusters") !== undefined;
  const allowed = fields.texts("allowedClusters");
  const allowedLabels = toValues(labelValuesOf(fields, "allowedLabels"));
  const deniedLabels = toValues(labelValuesOf(fields, "deniedLabels"));
  const failover = failoverOf(fields.optionalFields("failover"), badClusterName);
  const maxShareWeight = fields.optionalParsed("maxShare", SHARE);
  if (maxShareWeight === 0) fields.refuse("WEIGHT_TYPE", "maxShare", "is 0, which lets nobody serve anything");
  const policy = {
    isolation: fields.optionalChoice("isolation", ISOLATIONS) ?? Isolation.NONE,
    requiredLabels: { ...labelsOf(fields, "requiredLabels") },
    ...(isLimited ? { allowedClusters: { clusters: [...allowed] } } : {}),
    deniedClusters: [...fields.texts("deniedClusters")],
    maxShareWeight: maxShareWeight ?? WEIGHT_TOTAL,
    ...(survived === undefined ? {} : { surviveLossOf: survived }),
    allowedLabels,
    deniedLabels,
    ...(failover === undefined ? {} : { failover: toFailover(failover) }),
    localityPenaltyMs: { ...fields.amounts("localityPenaltyMs") },
  };
  fields.done();
  return policy;
}

/** The planner knows which clusters there are; a text that names none is told of at once. */
function badClusterName(text: string): Fault | undefined {
  const why = badName(text);
  return why === undefined ? undefined : { code: "BAD_NAME", why: `${JSON.stringify(text)} ${why}` };
}

function toValues(labels: LabelValues = {}): Record<string, { values: string[] }> {
  return Object.fromEntries(Object.entries(labels).map(([name, values]) => [name, { values: [...values] }]));
}

/** Reads what versions beside the stable one get. */
export function releaseOf(fields: Fields): MessageInitShape<typeof ReleaseSchema> {
  const matches = matchesOf(fields, undefined);
  const shares = fields.optionalFields("shares");
  if (matches.length === 0) fields.require("shares");
  const weights = shares?.keys().map((version) => [version, shares.optionalParsed(version, SHARE) ?? 0] as const);
  const maxSourceWeight = fields.optionalParsed("maxSourceShare", SHARE);
  if (maxSourceWeight === 0) fields.refuse("WEIGHT_TYPE", "maxSourceShare", "is 0, which releases nothing");
  fields.done();
  return {
    shareWeights: Object.fromEntries(weights ?? []),
    maxSourceWeight: maxSourceWeight ?? WEIGHT_TOTAL,
    matches: matches.map(({ version, headers }) => ({ version, match: { headers: { ...headers } } })),
  };
}

function lossesOf(fields: Fields): MessageInitShape<typeof LossPolicySchema> | undefined {
  if (fields.kindOf("surviveLossOf") === "list")
    return { loss: { case: "clusters", value: { clusters: [...fields.texts("surviveLossOf")] } } };
  const word = fields.optionalChoice("surviveLossOf", { none: "none", any: "any" } as const);
  return word === "any" ? { loss: { case: "any", value: {} } } : undefined;
}

/** What a deployment says of its servers, as a file has it. */
export function toCurve({ curve }: Deployment): Readonly<Record<string, unknown>> {
  if (curve === undefined) return {};
  const { servers, meanWorkMs, squaredVariation = 1 } = curve;
  return { servers, meanWorkMs, squaredVariation };
}

/** Size, objective, policy and release as a file has them. */
export function toPlanning({
  bytesPerRequest,
  objective,
  policy,
  release,
}: ServiceSpec): Readonly<Record<string, unknown>> {
  return {
    bytesPerRequest,
    ...(objective === undefined ? {} : { objective: toObjective(objective) }),
    ...(policy === undefined ? {} : { policy: toPolicy(policy) }),
    ...(release === undefined ? {} : { release: toRelease(release) }),
  };
}

function toRelease({ shareWeights, maxSourceWeight, matches }: Release): Readonly<Record<string, unknown>> {
  const shares = Object.entries(shareWeights).map(([version, weight]) => [version, percent(weight)]);
  const plain = matches.map(({ version, match }) => ({ version, headers: match?.headers }));
  return {
    ...(shares.length === 0 ? {} : { shares: Object.fromEntries(shares) as unknown }),
    maxSourceShare: percent(maxSourceWeight),
    ...(plain.length === 0 ? {} : { matches: plain }),
  };
}

function toObjective({ objective }: Objective): unknown {
  return objective.case === "dollarsPerRequestMs" ? { dollarsPerRequestMs: objective.value } : objective.case;
}

function toPolicy(policy: ServicePolicy): Readonly<Record<string, unknown>> {
  const { isolation, requiredLabels, allowedClusters, deniedClusters, maxShareWeight, surviveLossOf } = policy;
  return {
    isolation: ISOLATION_WORDS.words.get(isolation) ?? `isolation ${isolation}`,
    ...(Object.keys(requiredLabels).length === 0 ? {} : { requiredLabels }),
    ...(allowedClusters === undefined ? {} : { allowedClusters: allowedClusters.clusters }),
    ...(deniedClusters.length === 0 ? {} : { deniedClusters }),
    maxShare: percent(maxShareWeight),
    surviveLossOf: toLosses(surviveLossOf),
    ...toPreferences(policy),
  };
}

function toPreferences(policy: ServicePolicy): Readonly<Record<string, unknown>> {
  const { allowedLabels, deniedLabels, failover, localityPenaltyMs } = policy;
  const plainLabels = (labels: typeof allowedLabels): Readonly<Record<string, unknown>> =>
    Object.fromEntries(Object.entries(labels).map(([name, { values }]) => [name, values]));
  return {
    ...(Object.keys(allowedLabels).length === 0 ? {} : { allowedLabels: plainLabels(allowedLabels) }),
    ...(Object.keys(deniedLabels).length === 0 ? {} : { deniedLabels: plainLabels(deniedLabels) }),
    ...(failover === undefined ? {} : { failover: toOrders(failover) }),
    ...(Object.keys(localityPenaltyMs).length === 0 ? {} : { localityPenaltyMs }),
  };
}

function toOrders(message: Failover): Readonly<Record<string, unknown>> {
  const checks = new Checks();
  const read = checks.result(failoverFrom(checks, "failover", message));
  // A planner that says what this build cannot read is newer, or none of ours.
  if (!read.ok) throw refused(read.refusal);
  return plainFailover(read.value);
}

function toLosses(losses: LossPolicy | undefined): unknown {
  return losses?.loss.case === "clusters" ? losses.loss.value.clusters : (losses?.loss.case ?? "none");
}
