import { PORTS } from "./topology.ts";

/** A cluster on the net: the address that everything in it has, and sends from. */
export interface WanSite {
  readonly name: string;
  readonly address: string;
}

/** The net between clusters. */
export interface Wan {
  readonly clusters: readonly WanSite[];
  /** Round trip between two different clusters, ms. */
  readonly roundTripMs: (a: string, b: string) => number;
  /** Cluster of the callers that do not send from their cluster's address; none: there are no such callers. */
  readonly unboundCallersIn?: string;
}

/**
 * Static Envoy configuration that puts the declared round trip in front of a cluster's gateway: one filter chain per
 * source cluster, told apart by the caller's loopback address, with Envoy's own delay fault.
 */
export function wanConfig(
  cluster: WanSite,
  { clusters, roundTripMs, unboundCallersIn }: Wan,
): { readonly listeners: readonly object[]; readonly clusters: readonly object[] } {
  const others = clusters.filter(({ name }) => name !== cluster.name);
  const chains = others.map((source) => filterChain(roundTripMs(cluster.name, source.name), source.address));
  const isApart = unboundCallersIn !== undefined && unboundCallersIn !== cluster.name;
  const unboundMs = isApart ? roundTripMs(cluster.name, unboundCallersIn) : LOCAL_MS;
  return {
    listeners: [
      {
        name: "demo-wan",
        address: { socket_address: { address: cluster.address, port_value: PORTS.wan } },
        filter_chains: chains,
        default_filter_chain: filterChain(unboundMs),
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
