import type { ServicePolicy } from "../model/fleet-document.ts";
import type { FleetState } from "../model/fleet.ts";
import type { ClusterId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import { unreachable } from "../model/result.ts";
import { OPEN_POLICY } from "../model/service.ts";
import type { ServiceSpec } from "../model/service.ts";

/** A hard rule of a service's policy, by the name under which it is declared. */
export type PolicyRule = "requiredLabels" | "allowedClusters" | "deniedClusters" | "isolation";

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
  return missingLabels(destination, policy, state).length > 0 ? "requiredLabels" : undefined;
}

/** Labels that a policy requires and a cluster lacks, as `key=value`. */
function missingLabels(
  destination: ClusterId,
  { requiredLabels }: ServicePolicy,
  state: FleetState,
): readonly string[] {
  return Object.keys(requiredLabels)
    .filter((key) => labelOf(destination, key, state) !== requiredLabels[key])
    .toSorted(compareNames)
    .map((key) => `${key}=${requiredLabels[key] ?? ""}`);
}

/** As selectors have it: a cluster that has no label `region` is taken at its region. */
function labelOf(cluster: ClusterId, key: string, { clusters }: FleetState): string | undefined {
  const spec = clusters.get(cluster)?.spec;
  const label = spec !== undefined && Object.hasOwn(spec.labels, key) ? spec.labels[key] : undefined;
  return label ?? (key === "region" ? spec?.region : undefined);
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
      return `may not serve it: requiredLabels asks for ${missingLabels(destination, policy, state).join(", ")}`;
    default:
      return unreachable(rule);
  }
}

/** What a rule is explained with. */
export interface Ruled {
  readonly spec: ServiceSpec;
  readonly state: FleetState;
}
