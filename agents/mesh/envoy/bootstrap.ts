import type { ClusterId } from "../../../src/model/ids.ts";
import type { AdsAddress } from "./ads-server.ts";
import { STATISTICS_WANTED } from "./statistics.ts";

/** A JSON object, as Envoy's configuration is written. */
export type Json = { readonly [key: string]: unknown };

export interface BootstrapOptions {
  readonly cluster: ClusterId;
  /** Names this Envoy among those of its cluster. */
  readonly node?: string;
  readonly ads: AdsAddress;
  /** Envoy's own pages: on loopback or a unix socket only, for they can stop it. */
  readonly admin?: AdsAddress;
  /** How often statistics are sent to the agent: the least age of what it knows. */
  readonly statisticsMs?: number;
  /** Paths of PEM files, for an agent beyond loopback. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly authority: string };
  /** Static listeners, envoyClusters and whatever else the caller adds: merged into the whole, lists appended. */
  readonly extra?: Json;
}

/** Envoy's name for the agent. */
const AGENT = "weir-agent";

const STATISTICS_MS = 1_000;

/** The text (JSON) of an Envoy's start-up configuration: where its agent is, and what it shall tell it. */
export function envoyBootstrap(options: BootstrapOptions): string {
  return `${JSON.stringify(merge(base(options), options.extra ?? {}), null, 2)}\n`;
}

function base(options: BootstrapOptions): Json {
  const { cluster, node = `${cluster}-envoy`, admin, statisticsMs = STATISTICS_MS } = options;
  return {
    // The zone is the cluster, so that statistics by zone are kept.
    node: { id: node, cluster, locality: { region: cluster, zone: cluster } },
    ...(admin === undefined ? {} : { admin: { address: addressOf(admin) } }),
    dynamic_resources: {
      ads_config: { api_type: "GRPC", transport_api_version: "V3", grpc_services: [agentService()] },
      cds_config: { ads: {}, resource_api_version: "V3" },
      lds_config: { ads: {}, resource_api_version: "V3" },
    },
    static_resources: { clusters: [agentCluster(options)] },
    // What endpoints say of their utilisation goes the way the configuration comes; the agent says how often, and of what.
    cluster_manager: {
      load_stats_config: { api_type: "GRPC", transport_api_version: "V3", grpc_services: [agentService()] },
    },
    stats_flush_interval: duration(statisticsMs),
    stats_sinks: [metricsService()],
    stats_config: { stats_matcher: { inclusion_list: { patterns: [{ safe_regex: { regex: STATISTICS_WANTED } }] } } },
  };
}

function duration(milliseconds: number): string {
  return `${milliseconds / 1_000}s`;
}

function agentService(): Json {
  // Envoy waits up to 30 s of its own; an agent that was restarted should be found at once.
  const again = { retry_back_off: { base_interval: "0.1s", max_interval: "1s" } };
  return { envoy_grpc: { cluster_name: AGENT, retry_policy: again } };
}

function metricsService(): Json {
  return {
    name: "envoy.stat_sinks.metrics_service",
    typed_config: {
      "@type": "type.googleapis.com/envoy.config.metrics.v3.MetricsServiceConfig",
      transport_api_version: "V3",
      grpc_service: { envoy_grpc: { cluster_name: AGENT } },
      histogram_emit_mode: "SUMMARY",
    },
  };
}

function agentCluster({ ads, tls }: BootstrapOptions): Json {
  return {
    name: AGENT,
    type: "STATIC",
    connect_timeout: "1s",
    load_assignment: {
      cluster_name: AGENT,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: addressOf(ads) } }] }],
    },
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config: {
          // A frozen agent is no reason to wait: the connection is made anew.
          http2_protocol_options: { connection_keepalive: { interval: "10s", timeout: "5s" } },
        },
      },
    },
    ...(tls === undefined ? {} : { transport_socket: transportSocket(tls) }),
  };
}

function transportSocket({ certificate, key, authority }: NonNullable<BootstrapOptions["tls"]>): Json {
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
      common_tls_context: {
        tls_certificates: [{ certificate_chain: { filename: certificate }, private_key: { filename: key } }],
        validation_context: { trusted_ca: { filename: authority } },
      },
    },
  };
}

function addressOf(where: AdsAddress): Json {
  if ("socket" in where) return { pipe: { path: where.socket } };
  return { socket_address: { address: where.address, port_value: where.port } };
}

/** Objects are merged, lists appended, everything else replaced. */
function merge(a: Json, b: Json): Json {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return Object.fromEntries(keys.map((key) => [key, mergeValue(a[key], b[key])]));
}

function mergeValue(a: unknown, b: unknown): unknown {
  if (b === undefined) return a;
  if (Array.isArray(a) && Array.isArray(b)) return [...a, ...b];
  return isObject(a) && isObject(b) ? merge(a, b) : b;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export interface ProxylessOptions {
  readonly cluster: ClusterId;
  /** Names this client among those of its cluster. */
  readonly node: string;
  readonly ads: AdsAddress;
}

/** The value of GRPC_XDS_BOOTSTRAP_CONFIG for a gRPC client that has no proxy: it dials `xds:///greeter.shop`. */
export function proxylessBootstrap({ cluster, node, ads }: ProxylessOptions): string {
  const uri = "socket" in ads ? `unix:${ads.socket}` : `${ads.address}:${ads.port}`;
  return JSON.stringify({
    xds_servers: [{ server_uri: uri, channel_creds: [{ type: "insecure" }], server_features: ["xds_v3"] }],
    node: { id: node, cluster, locality: { region: cluster, zone: cluster } },
  });
}
