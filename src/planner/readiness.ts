import type { Destination } from "../model/destination.ts";
import { keyOf } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import type { ClusterId } from "../model/ids.ts";
import { declaredCapacity } from "../model/service.ts";
import { trustedCapacity } from "./learn/trust.ts";

/**
 * More than this share of a service's clusters without a ready endpoint is more likely a broken report than a broken
 * world (Envoy's panic threshold is the same 50 %).
 */
const BELIEVED_RATIO = 0.5;

/** Fewer clusters than this in trouble are believed, whatever the ratio. */
const DOUBTED_CLUSTERS_MIN = 2;

/**
 * Whether so many clusters report no ready endpoint of the service that nothing may move because of it. Clusters that
 * are dead or not members do not vote.
 */
export function doubtsReadiness(state: FleetState, service: ServiceState): boolean {
  const voting = [...new Set(service.spec.deployments.map(({ cluster }) => cluster))].filter((cluster) => {
    const found = state.clusters.get(cluster);
    return found?.membership === "active" && found.verdict !== "dead";
  });
  const unready = voting.filter((cluster) => servesNothing(service, cluster));
  return unready.length >= DOUBTED_CLUSTERS_MIN && unready.length > voting.length * BELIEVED_RATIO;
}

function servesNothing({ spec, reported }: ServiceState, cluster: ClusterId): boolean {
  return spec.deployments
    .filter((deployment) => deployment.cluster === cluster)
    .every((deployment) => reported[keyOf(deployment)]?.readyEndpoints === 0);
}

/**
 * Requests per second that a destination can serve: declared, also by a curve, else learned, else reported, as far as that is
 * trusted; undefined when nobody knows.
 */
export function deployedCapacity(service: ServiceState, { cluster, version }: Destination): number | undefined {
  const deployment = service.spec.deployments.find((found) => found.cluster === cluster && found.version === version);
  const declared = deployment === undefined ? undefined : declaredCapacity(deployment);
  const key = keyOf({ cluster, version });
  return declared ?? trustedCapacity(service.learned?.[key], service.reported[key])?.rps;
}
