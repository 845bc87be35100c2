import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import type { GatewayAddress } from "../../../src/model/cluster.ts";
import type { ClusterId, Version } from "../../../src/model/ids.ts";
import type { RouteSet } from "../../../src/model/plan.ts";
import type { Protocol } from "../../../src/model/service.ts";
import type { CircuitBreakersSchema } from "../../../proto/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts";
import type { Cluster } from "../../../proto/gen/envoy/config/cluster/v3/cluster_pb.ts";
import {
  ClusterSchema,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
} from "../../../proto/gen/envoy/config/cluster/v3/cluster_pb.ts";
import type { OutlierDetectionSchema } from "../../../proto/gen/envoy/config/cluster/v3/outlier_detection_pb.ts";
import { HttpProtocolOptionsSchema } from "../../../proto/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts";
import { OVER_ADS, milliseconds, socketAddress } from "./render-address.ts";
import { HEALTH_HOST, HEALTH_PATH, inboundEnvoyCluster, peerEnvoyCluster } from "./render-names.ts";

/**
 * More than one proxy will ever hold at once. Envoy's own limits (1024 requests, 3 retries) exist against overload, but a lost
 * cluster needs all of its requests retried at the same moment: with 3 retries, 66 of 3150 requests failed.
 */
const UNLIMITED = 1_000_000;

/** Node, the shortest of the usual servers, closes idle connections after 5 s; a request sent at that moment is lost. */
const UPSTREAM_IDLE_MS = 4_000;

/**
 * What endpoints say of themselves with each answer by ORCA (`endpoint-load-metrics`), in order of trust. Envoy 1.40, measured: it
 * takes `TEXT name=value`, `JSON` and `BIN` headers, and gRPC's binary trailer; each answer adds all of these metrics to the load
 * report, 0 for one that it lacks.
 */
export const UTILISATION_METRICS: readonly string[] = ["application_utilization", "cpu_utilization"];

/** How often a gateway or a local endpoint is looked at, and how long it may take to answer. */
const CHECK_INTERVAL_MS = 1_000;
const CHECK_TIMEOUT_MS = 500;

const OUTLIER_DETECTION: MessageInitShape<typeof OutlierDetectionSchema> = {
  interval: milliseconds(500),
  // Short, because the return to a dead cluster costs two slow tries at most, and they are retried elsewhere.
  baseEjectionTime: milliseconds(2_000),
  maxEjectionTime: milliseconds(30_000),
  maxEjectionPercent: 100,
  splitExternalLocalOriginErrors: true,
  consecutiveLocalOriginFailure: 2,
  enforcingConsecutiveLocalOriginFailure: 100,
  consecutiveGatewayFailure: 3,
  enforcingConsecutiveGatewayFailure: 100,
  // Answers of the application are not evidence against its cluster.
  enforcingConsecutive5xx: 0,
  enforcingSuccessRate: 0,
  enforcingLocalOriginSuccessRate: 0,
};

/** One destination of a service with what takes over when it is lost. Settings measured to lose no request (Envoy 1.40). */
export function outboundCluster(name: string, to: ClusterId, { cluster, protocol, request }: RouteSet): Cluster {
  return create(ClusterSchema, {
    ...edsCluster({ name, protocol, panicPercent: LAST_RESORT_PERCENT }),
    // Other clusters' endpoints are for their own proxies to ask.
    lrsReportEndpointMetrics: to === cluster ? [...UTILISATION_METRICS] : [],
    connectTimeout: milliseconds(request.connectTimeoutMs),
    outlierDetection: OUTLIER_DETECTION,
  });
}

/** A version's endpoints in this cluster, watched by connecting, so that a gateway never waits for a dead one. */
export function inboundCluster({ service, protocol, request }: RouteSet, version: Version): Cluster {
  return create(ClusterSchema, {
    ...edsCluster({ name: inboundEnvoyCluster(service, version), protocol, panicPercent: NEVER_PERCENT }),
    lrsReportEndpointMetrics: [...UTILISATION_METRICS],
    connectTimeout: milliseconds(request.connectTimeoutMs),
    healthChecks: [{ ...CHECK, reuseConnection: false, healthChecker: { case: "tcpHealthCheck", value: {} } }],
    // An endpoint that the inventory took back is gone at once, whatever it still answers.
    ignoreHealthOnHostRemoval: true,
    outlierDetection: OUTLIER_DETECTION,
  });
}

/** Another cluster's gateway, asked each second whether it lives: a witness that needs no traffic. */
export function peerCluster(cluster: ClusterId, { address, port }: GatewayAddress): Cluster {
  const name = peerEnvoyCluster(cluster);
  return create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
    connectTimeout: milliseconds(CHECK_TIMEOUT_MS),
    loadAssignment: {
      clusterName: name,
      endpoints: [
        {
          locality: { region: cluster },
          lbEndpoints: [{ hostIdentifier: { case: "endpoint", value: { address: socketAddress(address, port) } } }],
        },
      ],
    },
    healthChecks: [{ ...CHECK, healthChecker: { case: "httpHealthCheck", value: HEALTH_QUESTION } }],
  });
}

const HEALTH_QUESTION = { host: HEALTH_HOST, path: HEALTH_PATH };

const CHECK = {
  timeout: milliseconds(CHECK_TIMEOUT_MS),
  interval: milliseconds(CHECK_INTERVAL_MS),
  // Without these Envoy looks once a minute at what has had no traffic yet.
  noTrafficInterval: milliseconds(CHECK_INTERVAL_MS),
  noTrafficHealthyInterval: milliseconds(CHECK_INTERVAL_MS),
  unhealthyThreshold: 2,
  healthyThreshold: 1,
};

/**
 * With any threshold above 0 Envoy panics only once no priority has a healthy endpoint left, and then tries them all: better than
 * refusing everything because a stall made every destination look bad at once. One that is lost alone is passed over as with 0.
 */
const LAST_RESORT_PERCENT = 1;

/** A gateway says at once that it has nobody to serve; the sender then finds another place. */
const NEVER_PERCENT = 0;

interface EdsCluster {
  readonly name: string;
  readonly protocol: Protocol;
  readonly panicPercent: number;
}

const CIRCUIT_BREAKERS: MessageInitShape<typeof CircuitBreakersSchema> = {
  thresholds: [
    {
      maxConnections: UNLIMITED,
      maxPendingRequests: UNLIMITED,
      maxRequests: UNLIMITED,
      maxRetries: UNLIMITED,
    },
  ],
};

function edsCluster({ name, protocol, panicPercent }: EdsCluster) {
  return {
    name,
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: OVER_ADS },
    lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
    commonLbConfig: {
      healthyPanicThreshold: { value: panicPercent },
      localityConfigSpecifier: { case: "localityWeightedLbConfig", value: {} },
    },
    circuitBreakers: CIRCUIT_BREAKERS,
    typedExtensionProtocolOptions: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": anyPack(
        HttpProtocolOptionsSchema,
        protocolOptions(protocol),
      ),
    },
  } as const;
}

function protocolOptions(protocol: Protocol) {
  const http1 = { case: "httpProtocolOptions", value: {} } as const;
  const http2 = { case: "http2ProtocolOptions", value: {} } as const;
  return create(HttpProtocolOptionsSchema, {
    commonHttpProtocolOptions: { idleTimeout: milliseconds(UPSTREAM_IDLE_MS) },
    upstreamProtocolOptions: {
      case: "explicitHttpConfig",
      value: { protocolConfig: protocol === "grpc" ? http2 : http1 },
    },
  });
}

/**
 * One destination for proxyless gRPC clients: the same endpoints, with only those settings that they understand. Their load
 * reports go to the server that the configuration came from.
 */
export function proxylessCluster(name: string): Cluster {
  return create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: OVER_ADS },
    lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
    circuitBreakers: { thresholds: [{ maxRequests: UNLIMITED }] },
    lrsServer: { configSourceSpecifier: { case: "self", value: {} } },
  });
}
