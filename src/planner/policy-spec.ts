import type { LabelValues, ServicePolicy, Tier } from "../model/fleet-document.ts";
import type { FleetState } from "../model/fleet.ts";
import type { ClusterId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import { fullLoadOf } from "../model/service.ts";
import type { Deployment, QueueCurve, ServiceSpec } from "../model/service.ts";
import { checkLabels } from "./cluster-spec.ts";
import { firstObjection, PASSED, reject } from "./decision.ts";
import type { Check } from "./decision.ts";
import { findCluster } from "./membership.ts";
import { ruleAgainst, ruleText } from "./policy.ts";
import type { Lane } from "./policy.ts";

const FIELD = "spec.policy";

/** Refuses UNKNOWN_CLUSTER, DUPLICATE_KEY, EMPTY_SELECTOR and FIELD_INVALID, naming the field. */
export function checkPolicy(state: FleetState, { policy }: ServiceSpec): Check {
  if (policy === undefined) return PASSED;
  const { allowedClusters, deniedClusters, requiredLabels, maxShare, surviveLossOf } = policy;
  return firstObjection(
    () => checkLabels(requiredLabels, `${FIELD}.required_labels`),
    () => (allowedClusters === undefined ? PASSED : checkSome(state, allowedClusters, `${FIELD}.allowed_clusters`)),
    () => checkClusters(state, deniedClusters, `${FIELD}.denied_clusters`),
    () => checkBoth(policy),
    () => checkValues(policy.allowedLabels, `${FIELD}.allowed_labels`),
    () => checkValues(policy.deniedLabels, `${FIELD}.denied_labels`),
    () => checkFailover(state, policy),
    () => checkPenalties(policy),
    () => {
      if (maxShare > 0 && maxShare <= 1) return PASSED;
      return reject(
        "FIELD_INVALID",
        `${FIELD}.max_share_weight`,
        `${maxShare} is no share; it must be above 0, up to 1`,
      );
    },
    () =>
      typeof surviveLossOf === "string" ? PASSED : checkSome(state, surviveLossOf, `${FIELD}.survive_loss_of.clusters`),
  );
}

function checkValues(labels: LabelValues = {}, field: string): Check {
  const names = Object.keys(labels).toSorted(compareNames);
  const empty = names.find((name) => labels[name]?.length === 0);
  if (empty !== undefined)
    return reject("EMPTY_SELECTOR", `${field}[${empty.slice(0, 80)}]`, "has no value; leave the label out");
  return firstObjection(
    ...names.flatMap((name) => (labels[name] ?? []).map((value) => () => checkLabels({ [name]: value }, field))),
  );
}

function checkFailover(state: FleetState, { failover, isolation }: ServicePolicy): Check {
  if (failover === undefined) return PASSED;
  const field = `${FIELD}.failover`;
  const { order, orderBySource, healthyMin } = failover;
  if (isolation !== "none") {
    const message = `says where requests go, and so does isolation ${isolation}; leave one out`;
    return reject("FIELD_INVALID", field, message);
  }
  if (!(healthyMin > 0 && healthyMin <= 1)) {
    const message = `${healthyMin} is no threshold; it must be above 0, up to 1`;
    return reject("FIELD_INVALID", `${field}.healthy_min_weight`, message);
  }
  const single = Object.entries(orderBySource).toSorted(([a], [b]) => compareNames(a, b));
  if (order.length === 0 && single.length === 0) return reject("FIELD_REQUIRED", field, "has no order; leave it out");
  return firstObjection(
    () => checkTiers(state, order, `${field}.order`),
    ...single.map(([source, tiers]) => () => {
      const at = `${field}.order_by_source[${source.slice(0, 63)}]`;
      const found = findCluster(state, source as ClusterId, at);
      if (!found.ok) return found;
      return tiers.length === 0 ? reject("EMPTY_SELECTOR", at, "has no tier") : checkTiers(state, tiers, at);
    }),
  );
}

function checkTiers(state: FleetState, tiers: readonly Tier[], field: string): Check {
  return firstObjection(
    ...tiers.map((tier, index) => () => {
      if (tier.kind === "labels") return checkLabels(tier.labels, `${field}[${index}].labels`);
      if (tier.kind === "own") return PASSED;
      const found = findCluster(state, tier.cluster, `${field}[${index}].cluster`);
      return found.ok ? PASSED : found;
    }),
  );
}

function checkPenalties({ localityPenaltyMs = {} }: ServicePolicy): Check {
  const bad = Object.entries(localityPenaltyMs)
    .toSorted(([a], [b]) => compareNames(a, b))
    .find(([, penaltyMs]) => !Number.isFinite(penaltyMs) || penaltyMs < 0);
  if (bad === undefined) return PASSED;
  const field = `${FIELD}.locality_penalty_ms[${bad[0].slice(0, 80)}]`;
  return reject("FIELD_INVALID", field, `${bad[1]} ms is no penalty; it must be at least 0`);
}

function checkSome(state: FleetState, clusters: readonly ClusterId[], field: string): Check {
  if (clusters.length === 0) return reject("EMPTY_SELECTOR", field, "names no cluster; leave it out to mean any");
  return checkClusters(state, clusters, field);
}

function checkClusters(state: FleetState, clusters: readonly ClusterId[], field: string): Check {
  for (const [index, cluster] of clusters.entries()) {
    const found = findCluster(state, cluster, `${field}[${index}]`);
    if (!found.ok) return found;
    if (clusters.indexOf(cluster) < index)
      return reject("DUPLICATE_KEY", `${field}[${index}]`, `${cluster} is named twice`);
  }
  return PASSED;
}

function checkBoth({ allowedClusters = [], deniedClusters }: ServicePolicy): Check {
  const both = deniedClusters.find((cluster) => allowedClusters.includes(cluster));
  if (both === undefined) return PASSED;
  return reject("FIELD_INVALID", `${FIELD}.denied_clusters`, `${both} is both allowed and denied; name it once`);
}

/**
 * Refuses POLICY_FORBIDS a declaration that leaves a source with demand nowhere to go, with every such source named. Health
 * does not count here: what is down may come back, what is forbidden may not.
 */
export function checkAllowed(
  state: FleetState,
  spec: ServiceSpec,
  measuredRps: Readonly<Record<ClusterId, number>>,
): Check {
  const demands = { ...measuredRps, ...spec.demandRps };
  const stranded = (Object.keys(demands) as ClusterId[])
    .filter((source) => (demands[source] ?? 0) > 0 && state.clusters.has(source) && isStranded(source, spec, state))
    .toSorted(compareNames);
  const [first] = stranded;
  if (first === undefined) return PASSED;
  const reasons = [...new Set(spec.deployments.map(({ cluster }) => cluster))]
    .toSorted(compareNames)
    .map((destination) => barText({ source: first, destination }, spec, state));
  const message =
    `${stranded.join(", ")} would have nowhere to go, and ${stranded.length === 1 ? "has" : "have"} demand. For ${first}: ` +
    `${reasons.join("; ")}. Deploy it where it is allowed, or widen the policy`;
  return reject("POLICY_FORBIDS", FIELD, message);
}

function isStranded(source: ClusterId, spec: ServiceSpec, state: FleetState): boolean {
  return spec.deployments.every(
    ({ cluster }) => ruleAgainst({ source, destination: cluster }, spec, state) !== undefined,
  );
}

function barText(lane: Lane, spec: ServiceSpec, state: FleetState) {
  const rule = ruleAgainst(lane, spec, state);
  return rule === undefined ? "" : `${lane.destination} ${ruleText(rule, lane, { spec, state })}`;
}

/** Rounding of a division may lift a declared capacity above what its curve gives by this part. */
const CAPACITY_NOISE = 1e-9;

/** Refuses FIELD_INVALID a curve that is none, and a capacity that its own curve cannot serve. */
export function checkCurve({ capacityRps, curve }: Deployment, field: string): Check {
  if (curve === undefined) return PASSED;
  return firstObjection(
    () => checkQueue(curve, `${field}.curve`),
    () => {
      const fullRps = fullLoadOf(curve);
      if (capacityRps === undefined || capacityRps <= fullRps * (1 + CAPACITY_NOISE)) return PASSED;
      const message = `${capacityRps} rps is more than its curve serves: ${curve.servers} servers at ${curve.meanWorkMs} ms are full at ${fullRps} rps`;
      return reject("FIELD_INVALID", `${field}.capacity_rps`, message);
    },
  );
}

function checkQueue({ servers, meanWorkMs, squaredVariation }: QueueCurve, field: string): Check {
  if (!Number.isSafeInteger(servers) || servers < 1)
    return reject("FIELD_INVALID", `${field}.servers`, `${servers} is no number of servers; it must be at least 1`);
  if (!Number.isFinite(meanWorkMs) || meanWorkMs <= 0)
    return reject("FIELD_INVALID", `${field}.mean_work_ms`, `${meanWorkMs} ms is no time of work; it must be above 0`);
  if (Number.isFinite(squaredVariation) && squaredVariation >= 0) return PASSED;
  return reject(
    "FIELD_INVALID",
    `${field}.squared_variation`,
    `${squaredVariation} is no variation; it must be at least 0`,
  );
}

/** Refuses FIELD_INVALID a size of requests and an exchange rate that cannot be. */
export function checkPrice({ bytesPerRequest = 0, objective }: ServiceSpec): Check {
  if (!Number.isFinite(bytesPerRequest) || bytesPerRequest < 0)
    return reject("FIELD_INVALID", "spec.bytes_per_request", `${bytesPerRequest} is no size; it must be at least 0`);
  if (typeof objective !== "object") return PASSED;
  const { dollarsPerRequestMs } = objective;
  if (Number.isFinite(dollarsPerRequestMs) && dollarsPerRequestMs > 0) return PASSED;
  const field = "spec.objective.dollars_per_request_ms";
  return reject("FIELD_INVALID", field, `${dollarsPerRequestMs} is no exchange rate; it must be above 0`);
}
