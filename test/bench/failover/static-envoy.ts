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
const ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const PREVIOUS_PRIORITIES =
  "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig";

/** Tries at once, over all requests: Envoy's own 3 would let most of a lost cluster's requests fail. */
const UNLIMITED = 1_000_000;

function listener(address: string, port: number, route: object): object {
  const manager = {
    "@type": MANAGER,
    stat_prefix: "http",
    http_filters: [{ name: "envoy.filters.http.router", typed_config: { "@type": ROUTER } }],
    route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route }] }] },
  };
  const filter = { name: "envoy.filters.network.http_connection_manager", typed_config: manager };
  return {
    name: `${port}`,
    address: socketAddress(address, port),
    filter_chains: [{ filters: [filter] }],
  };
}

const gatewayRoute = { cluster: LOCAL };

function outboundRoute(cluster: ClusterName): object {
  const clusters = [
    { name: `to-${LOST}`, weight: SHARE_OF_LOST },
    { name: `to-${cluster}`, weight: 10_000 - SHARE_OF_LOST },
  ];
  return {
    weighted_clusters: { clusters },
    timeout: "15s",
    retry_policy: {
      retry_on: "connect-failure,refused-stream,reset,gateway-error",
      num_retries: 3,
      per_try_timeout: "1s",
      retry_back_off: { base_interval: "0.01s", max_interval: "0.1s" },
      retry_priority: {
        name: "envoy.retry_priorities.previous_priorities",
        typed_config: { "@type": PREVIOUS_PRIORITIES, update_frequency: 1 },
      },
    },
  };
}

function localCluster(cluster: ClusterName): object {
  return {
    name: LOCAL,
    type: "STATIC",
    connect_timeout: "0.25s",
    load_assignment: assignment(LOCAL, [[at(backendAddress(cluster), PORTS.backend, cluster)]]),
    ...keptAlive,
  };
}

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
    load_assignment: assignment(name, priorities),
    circuit_breakers: { thresholds: [{ max_requests: UNLIMITED, max_retries: UNLIMITED }] },
    outlier_detection: {
      interval: "0.5s",
      base_ejection_time: "2s",
      max_ejection_percent: 100,
      split_external_local_origin_errors: true,
      consecutive_local_origin_failure: 2,
      enforcing_consecutive_local_origin_failure: 100,
      consecutive_gateway_failure: 3,
      enforcing_consecutive_gateway_failure: 100,
    },
    ...keptAlive,
  };
}

/** Connections are closed before the backend closes them, which would lose the request that crosses. */
const keptAlive = {
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      common_http_protocol_options: { idle_timeout: "4s" },
      explicit_http_config: { http_protocol_options: {} },
    },
  },
};

function assignment(name: string, priorities: readonly (readonly object[])[]): object {
  const endpoints = priorities.flatMap((localities, priority) =>
    localities.map((locality) => ({ load_balancing_weight: 1, ...locality, priority })),
  );
  return { cluster_name: name, policy: { overprovisioning_factor: 100 }, endpoints };
}

function at(address: string, port: number, region: string): object {
  return { locality: { region }, lb_endpoints: [{ endpoint: { address: socketAddress(address, port) } }] };
}

function weighed(locality: object, weight: number): object {
  return { ...locality, load_balancing_weight: weight };
}

function socketAddress(address: string, port: number): object {
  return { socket_address: { address, port_value: port } };
}
