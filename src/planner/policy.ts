import type { ServicePolicy, Tier } from "../model/fleet-document.ts";
import type { FleetState } from "../model/fleet.ts";
import type { ClusterId } from "../model/ids.ts";
import { unreachable } from "../model/result.ts";
import { OPEN_POLICY } from "../model/service.ts";
import type { ServiceSpec } from "../model/service.ts";
import { orderOf, tierOf, tierText } from "./failover.ts";
import { labelRuleAgainst, labelRuleText } from "./label-rules.ts";
import type { LabelOf, LabelRule } from "./label-rules.ts";

/** A hard rule of a service's policy, by the name under which it is declared. */
export type PolicyRule = LabelRule | "allowedClusters" | "deniedClusters" | "isolation" | "failover";

/** Where a service's requests may go; a service that declares nothing is bound by nothing. */
export function policyOf({ policy }: ServiceSpec): ServicePolicy {
  return policy ?? OPEN_POLICY;
}

/** Which cluster would serve whose callers. */
export interface Lane {
  readonly source: ClusterId;
  readonly destination: ClusterId;
}

/** The hard rule by which a cluster may not serve a source, whatever their health; undefined: it may. */
export function ruleAgainst(
  { source, destination }: Lane,
  spec: ServiceSpec,
  state: FleetState,
): PolicyRule | undefined {
  const policy = policyOf(spec);
  if (policy.isolation === "strict" && destination !== source) return "isolation";
  if (policy.deniedClusters.includes(destination)) return "deniedClusters";
  if (policy.allowedClusters?.includes(destination) === false) return "allowedClusters";
  return (
    labelRuleAgainst(labelsIn(state, destination), policy) ??
    failoverRuleAgainst({ source, destination }, policy, state)
  );
}

function failoverRuleAgainst(lane: Lane, { failover }: ServicePolicy, state: FleetState): "failover" | undefined {
  const order = failover && orderOf(failover, lane.source);
  return order !== undefined && tierIn(state, order, lane) === undefined ? "failover" : undefined;
}

/** Tier of an order that a cluster is on; undefined: on none. */
export function tierIn(state: FleetState, order: readonly Tier[], { source, destination }: Lane): number | undefined {
  return tierOf(order, { source, cluster: destination, labelOf: labelsIn(state, destination) });
}

/** As selectors have it: a cluster that has no label `region` is taken at its region. */
export function labelsIn({ clusters }: FleetState, cluster: ClusterId): LabelOf {
  const spec = clusters.get(cluster)?.spec;
  return (name) => {
    const label = spec !== undefined && Object.hasOwn(spec.labels, name) ? spec.labels[name] : undefined;
    return label ?? (name === "region" ? spec?.region : undefined);
  };
}

/** Why a cluster may not serve a source, to follow the cluster's name. */
export function ruleText(rule: PolicyRule, { source, destination }: Lane, { spec, state }: Ruled): string {
  const policy = policyOf(spec);
  switch (rule) {
    case "isolation":
      return `may not serve ${source}: isolation strict keeps requests in their own cluster`;
    case "deniedClusters":
      return "may not serve it: deniedClusters names it";
    case "allowedClusters":
      return `may not serve it: allowedClusters names ${(policy.allowedClusters ?? []).join(", ")} alone`;
    case "requiredLabels":
    case "allowedLabels":
    case "deniedLabels":
      return `may not serve it: ${labelRuleText(rule, labelsIn(state, destination), policy)}`;
    case "failover":
      return `may not serve ${source}: its failover order is ${orderText(policy, source)}`;
    default:
      return unreachable(rule);
  }
}

/** Tiers that a failover order names in a message at most. */
const TIERS_NAMED_MAX = 5;

/** A source's failover order in words: `eu-west, then us-east`. */
export function orderText({ failover }: ServicePolicy, source: ClusterId): string {
  const tiers = (failover && orderOf(failover, source)) ?? [];
  const named = tiers.slice(0, TIERS_NAMED_MAX).map(tierText).join(", then ");
  return tiers.length > TIERS_NAMED_MAX ? `${named}, then ${tiers.length - TIERS_NAMED_MAX} more` : named;
}

/** What a rule is explained with. */
export interface Ruled {
  readonly spec: ServiceSpec;
  readonly state: FleetState;
}
