import type {
  DocumentCluster,
  DocumentDestination,
  DocumentService,
  FleetDocument,
  ServicePolicy,
} from "../../model/fleet-document.ts";
import type { ClusterId } from "../../model/ids.ts";
import { orderOf, tierOf } from "../failover.ts";
import { labelRuleAgainst, labelRuleText, missingAmong } from "../label-rules.ts";
import type { LabelOf } from "../label-rules.ts";

/** Why a destination may not serve a source, as a clause that follows the destination's name. */
export type Exclusion = string;

/** Who may serve whom. */
export interface Eligibility {
  /** Why a destination may not serve a source; undefined: it may. */
  readonly exclusionOf: (source: ClusterId, destination: DocumentDestination) => Exclusion | undefined;
}

/**
 * Reads a service's policy and its clusters' states. `lost` counts as dead: what would be left without it.
 *
 * A source whose own cluster has a living destination of a version does not leave it under `nearest`; under `strict` it never
 * does. A cordoned cluster serves its own callers, whom it has already, and nobody new.
 */
export function eligibilityOf(document: FleetDocument, service: DocumentService, lost?: ClusterId): Eligibility {
  const clusters = new Map(document.clusters.map((cluster) => [cluster.name, cluster]));
  const hard = new Map(
    service.destinations.map((destination) => {
      const cluster = clusters.get(destination.cluster);
      return [destination, destination.cluster === lost ? "is lost" : hardExclusion(cluster, service.policy)];
    }),
  );
  const homes = new Set(
    service.destinations
      .filter((destination) => hard.get(destination) === undefined)
      .map(({ cluster, version }) => `${cluster}/${version}`),
  );
  const { isolation } = service.policy;
  const exclusionOf: Eligibility["exclusionOf"] = (source, destination) => {
    const cluster = clusters.get(destination.cluster);
    const reason = hard.get(destination) ?? offOrder(source, cluster, service.policy);
    if (reason !== undefined || destination.cluster === source) return reason;
    if (cluster?.state === "cordoned") return "is in a cordoned cluster, which takes nobody new";
    if (isolation === "strict") return "is elsewhere, and isolation is strict";
    const hasHome = isolation === "nearest" && homes.has(`${source}/${destination.version}`);
    return hasHome ? "is elsewhere, and isolation is nearest: home lives" : undefined;
  };
  return { exclusionOf };
}

/** The tier of a source's failover order that a cluster of a document is on; undefined: there is no order, or it is on none. */
export function tierOfCluster(
  { name, labels }: DocumentCluster,
  { failover }: ServicePolicy,
  source: ClusterId,
): number | undefined {
  const order = failover && orderOf(failover, source);
  return order && tierOf(order, { source, cluster: name, labelOf: labelOf(labels) });
}

/** A label of a document's cluster. */
export function labelOf(labels: DocumentCluster["labels"]): LabelOf {
  return (name) => (Object.hasOwn(labels, name) ? labels[name] : undefined);
}

function offOrder(
  source: ClusterId,
  cluster: DocumentCluster | undefined,
  policy: ServicePolicy,
): Exclusion | undefined {
  const { failover } = policy;
  if (failover === undefined || orderOf(failover, source) === undefined || cluster === undefined) return undefined;
  return tierOfCluster(cluster, policy, source) === undefined
    ? `is on no tier of the failover order of ${source}`
    : undefined;
}

/** What keeps a destination from serving anybody. */
function hardExclusion(cluster: DocumentCluster | undefined, policy: ServicePolicy): Exclusion | undefined {
  if (cluster === undefined) return "is in no cluster of this fleet";
  const { name, state, labels } = cluster;
  if (state === "dead" || state === "draining") return `is in a ${state} cluster`;
  if (policy.deniedClusters.includes(name)) return "is in a denied cluster";
  if (policy.allowedClusters?.includes(name) === false) return "is in no allowed cluster";
  return labelExclusion(labelOf(labels), policy);
}

function labelExclusion(labels: LabelOf, policy: ServicePolicy): Exclusion | undefined {
  const rule = labelRuleAgainst(labels, policy);
  if (rule === undefined) return undefined;
  if (rule === "requiredLabels")
    return `is in a cluster without the label ${missingAmong(labels, policy.requiredLabels)[0]}`;
  return `is in a cluster that may not serve it: ${labelRuleText(rule, labels, policy)}`;
}
