const ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const PREVIOUS_PRIORITIES =
  "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig";

/** Tries at once, over all requests: Envoy's own 3 would let most of a lost cluster's requests fail. */
const UNLIMITED = 1_000_000;

/** Where one port's requests go: any host, any path. */
export function listener(address: string, port: number, route: object): object {
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

/** The tries that Weir renders for what may be repeated. */
export const RETRY_POLICY = {
  retry_on: "connect-failure,refused-stream,reset,gateway-error",
  num_retries: 3,
  per_try_timeout: "1s",
  retry_back_off: { base_interval: "0.01s", max_interval: "0.1s" },
  retry_priority: {
    name: "envoy.retry_priorities.previous_priorities",
    typed_config: { "@type": PREVIOUS_PRIORITIES, update_frequency: 1 },
  },
};

/** Retries without end, and the outlier detection that Weir renders. */
export const GUARDED = {
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
};

/** Connections are closed before the backend closes them, which would lose the request that crosses. */
export const KEPT_ALIVE = {
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      common_http_protocol_options: { idle_timeout: "4s" },
      explicit_http_config: { http_protocol_options: {} },
    },
  },
};

/**
 * Endpoints by priority, each priority a list of localities.
 *
 * @param overprovisioningFactor - in per cent; Envoy's own is 140.
 */
export function assignment(
  name: string,
  priorities: readonly (readonly object[])[],
  overprovisioningFactor: number,
): object {
  const endpoints = priorities.flatMap((localities, priority) =>
    localities.map((locality) => ({ load_balancing_weight: 1, ...locality, priority })),
  );
  return { cluster_name: name, policy: { overprovisioning_factor: overprovisioningFactor }, endpoints };
}

/** A locality of one endpoint. */
export function at(address: string, port: number, region: string): object {
  return { locality: { region }, lb_endpoints: [{ endpoint: { address: socketAddress(address, port) } }] };
}

/** A TCP address. */
export function socketAddress(address: string, port: number): object {
  return { socket_address: { address, port_value: port } };
}
