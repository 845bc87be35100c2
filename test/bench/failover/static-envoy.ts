import { assignment, at, GUARDED, KEPT_ALIVE, listener, RETRY_POLICY, socketAddress } from "../static-envoy-parts.ts";
import {
  backendAddress,
  CLUSTERS,
  envoyAddress,
  FALLBACK_LOCAL,
  LOST,
  PORTS,
  SHARE_OF_LOST,
  SOURCES,
} from "./fleet.ts";
import type { ClusterName } from "./fleet.ts";

/** The rival: everything that Envoy itself can do about a lost cluster, written down once by hand. */
export function staticBootstrap(cluster: ClusterName): object {
  const listeners = [listener(envoyAddress(cluster, "static"), PORTS.gateway, gatewayRoute)];
  if (SOURCES.includes(cluster)) {
    listeners.push(listener(envoyAddress(cluster, "static"), PORTS.outbound, outboundRoute(cluster)));
  }
  return {
    node: { id: `static-${cluster}`, cluster },
    admin: { address: socketAddress(envoyAddress(cluster, "static"), PORTS.admin) },
    static_resources: { listeners, clusters: [localCluster(cluster), ...remoteClusters(cluster)] },
  };
}

const LOCAL = "local";

const gatewayRoute = { cluster: LOCAL };

function outboundRoute(cluster: ClusterName): object {
  const clusters = [
    { name: `to-${LOST}`, weight: SHARE_OF_LOST },
    { name: `to-${cluster}`, weight: 10_000 - SHARE_OF_LOST },
  ];
  return { weighted_clusters: { clusters }, timeout: "15s", retry_policy: RETRY_POLICY };
}

function localCluster(cluster: ClusterName): object {
  return {
    name: LOCAL,
    type: "STATIC",
    connect_timeout: "0.25s",
    load_assignment: assignment(LOCAL, [[at(backendAddress(cluster), PORTS.backend, cluster)]], OVERPROVISIONING),
    ...KEPT_ALIVE,
  };
}

/** As Weir's: a destination that lost half of its endpoints keeps half of its requests, no more. */
const OVERPROVISIONING = 100;

/** One for each weighted destination, with its fallback as the next priority. */
function remoteClusters(cluster: ClusterName): readonly object[] {
  if (!SOURCES.includes(cluster)) return [];
  const third = CLUSTERS.find((name) => name !== cluster && name !== LOST) ?? cluster;
  const lost = at(envoyAddress(LOST, "static"), PORTS.gateway, LOST);
  const own = at(backendAddress(cluster), PORTS.backend, cluster);
  const other = at(envoyAddress(third, "static"), PORTS.gateway, third);
  return [
    destination(`to-${LOST}`, [[lost], [weighed(own, FALLBACK_LOCAL), weighed(other, 10_000 - FALLBACK_LOCAL)]]),
    destination(`to-${cluster}`, [[own], [other]]),
  ];
}

function destination(name: string, priorities: readonly (readonly object[])[]): object {
  return {
    name,
    type: "STATIC",
    connect_timeout: "0.25s",
    common_lb_config: { healthy_panic_threshold: { value: 0 }, locality_weighted_lb_config: {} },
    load_assignment: assignment(name, priorities, OVERPROVISIONING),
    ...GUARDED,
    ...KEPT_ALIVE,
  };
}

function weighed(locality: object, weight: number): object {
  return { ...locality, load_balancing_weight: weight };
}
