import type {
  DocumentCluster,
  DocumentDestination,
  DocumentService,
  FleetDocument,
  ServicePolicy,
} from "../../model/fleet-document.ts";
import type { ClusterId } from "../../model/ids.ts";

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
    const reason = hard.get(destination);
    if (reason !== undefined || destination.cluster === source) return reason;
    if (clusters.get(destination.cluster)?.state === "cordoned")
      return "is in a cordoned cluster, which takes nobody new";
    if (isolation === "strict") return "is elsewhere, and isolation is strict";
    const hasHome = isolation === "nearest" && homes.has(`${source}/${destination.version}`);
    return hasHome ? "is elsewhere, and isolation is nearest: home lives" : undefined;
  };
  return { exclusionOf };
}

/** What keeps a destination from serving anybody. */
function hardExclusion(cluster: DocumentCluster | undefined, policy: ServicePolicy): Exclusion | undefined {
  if (cluster === undefined) return "is in no cluster of this fleet";
  const { name, state, labels } = cluster;
  if (state === "dead" || state === "draining") return `is in a ${state} cluster`;
  if (policy.deniedClusters.includes(name)) return "is in a denied cluster";
  if (policy.allowedClusters?.includes(name) === false) return "is in no allowed cluster";
  const missing = Object.entries(policy.requiredLabels).find(([key, value]) => labels[key] !== value);
  return missing === undefined ? undefined : `is in a cluster without the label ${missing[0]}=${missing[1]}`;
}
