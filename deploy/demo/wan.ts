import { PORTS, roundTripMs, type DemoCluster, type Topology } from "./topology.ts";

/**
 * Static Envoy configuration that puts the declared round trip in front of a cluster's gateway: one filter chain per
 * source cluster, told apart by the caller's loopback address, with Envoy's own delay fault.
 */
export function wanConfig(
  cluster: DemoCluster,
  topology: Topology,
): { readonly listeners: readonly object[]; readonly clusters: readonly object[] } {
  const others = topology.clusters.filter(({ name }) => name !== cluster.name);
  const chains = others.map((source) => filterChain(roundTripMs(cluster.name, source.name), source.address));
  // Proxyless callers, all of them in us-east, do not bind to their cluster's address.
  const proxylessMs = cluster.name === "us-east" ? LOCAL_MS : roundTripMs(cluster.name, "us-east");
  return {
    listeners: [
      {
        name: "demo-wan",
        address: { socket_address: { address: cluster.address, port_value: PORTS.wan } },
        filter_chains: chains,
        default_filter_chain: filterChain(proxylessMs),
      },
    ],
    clusters: [
      {
        name: "demo-wan-gateway",
        type: "STATIC",
        connect_timeout: "0.25s",
        load_assignment: {
          cluster_name: "demo-wan-gateway",
          endpoints: [
            {
              lb_endpoints: [
                { endpoint: { address: { socket_address: { address: cluster.address, port_value: PORTS.gateway } } } },
              ],
            },
          ],
        },
        // Requests keep the protocol they came with, so that gRPC stays gRPC.
        typed_extension_protocol_options: {
          "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            use_downstream_protocol_config: { http2_protocol_options: {} },
          },
        },
      },
    ],
  };
}

function filterChain(delayMs: number, source?: string): object {
  return {
    ...(source === undefined
      ? {}
      : { filter_chain_match: { source_prefix_ranges: [{ address_prefix: source, prefix_len: 32 }] } }),
    name: source ?? "default",
    filters: [
      {
        name: "envoy.filters.network.http_connection_manager",
        typed_config: {
          "@type":
            "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
          stat_prefix: "demo_wan",
          codec_type: "AUTO",
          http_filters: [delayFilter(delayMs), ROUTER],
          route_config: {
            virtual_hosts: [
              {
                name: "all",
                domains: ["*"],
                routes: [{ match: { prefix: "/" }, route: { cluster: "demo-wan-gateway", timeout: "0s" } }],
              },
            ],
          },
        },
      },
    ],
  };
}

function delayFilter(delayMs: number): object {
  return {
    name: "envoy.filters.http.fault",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
      delay: { fixed_delay: `${delayMs / 1_000}s`, percentage: { numerator: 100, denominator: "HUNDRED" } },
    },
  };
}

/** Least delay that Envoy can add. */
const LOCAL_MS = 1;

const ROUTER = {
  name: "envoy.filters.http.router",
  typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
};
