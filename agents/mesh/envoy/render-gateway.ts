import { create } from "@bufbuild/protobuf";
import type { ServiceId, Version } from "../../../src/model/ids.ts";
import type { RouteSet } from "../../../src/model/plan.ts";
import type { RouteConfiguration } from "../../../proto/gen/envoy/config/route/v3/route_pb.ts";
import { RouteConfigurationSchema } from "../../../proto/gen/envoy/config/route/v3/route_pb.ts";
import { milliseconds } from "./render-address.ts";
import {
  GATEWAY,
  HEALTH_HOST,
  HEALTH_PATH,
  SERVICE_HEADER,
  UNSERVED_HEADER,
  VERSION_HEADER,
  hostsOf,
  inboundEnvoyCluster,
} from "./render-names.ts";
import { gatewayRetry } from "./render-retry.ts";
import type { HeaderMatchInit, RouteInit, VirtualHostInit } from "./render-routes.ts";
import { exactHeader, header } from "./render-routes.ts";

/**
 * The gateway's routes. Each leads to endpoints of this cluster and to nothing else: whatever arrives from another cluster is
 * served here or refused, so that no request goes round. A version that is not served here gives way to the first that is.
 */
export function gatewayRoutes(routeSets: readonly RouteSet[]): RouteConfiguration {
  return create(RouteConfigurationSchema, {
    name: GATEWAY,
    ignorePortInHostMatching: true,
    requestHeadersToRemove: [SERVICE_HEADER, VERSION_HEADER],
    virtualHosts: [healthHost(), everyHost(routeSets)],
  });
}

/** The gateway's own health, for its peers. */
function healthHost(): VirtualHostInit {
  const match = { pathSpecifier: { case: "path", value: HEALTH_PATH } } as const;
  return {
    name: "health",
    domains: [HEALTH_HOST],
    routes: [{ match, action: { case: "directResponse", value: { status: 200 } } }],
  };
}

/** One virtual host for everything, since the headers of the sending proxy outrank the caller's host. */
function everyHost(routeSets: readonly RouteSet[]): VirtualHostInit {
  const served = routeSets.filter(({ serves }) => serves.length > 0);
  return {
    name: GATEWAY,
    domains: ["*"],
    routes: [...served.flatMap(byHeaders), ...served.map(byAuthority), unknownService()],
  };
}

function byHeaders(routeSet: RouteSet): readonly RouteInit[] {
  const named = exactHeader(SERVICE_HEADER, routeSet.service);
  // The first version is the one for all others, and needs no route of its own.
  const [first, ...others] = routeSet.serves;
  return [
    ...others.map((version) => toVersion(routeSet, version, [named, exactHeader(VERSION_HEADER, version)])),
    ...(first === undefined ? [] : [toVersion(routeSet, first, [named])]),
  ];
}

/** Proxyless clients set no headers: their calls are known by the name they dialled. */
function byAuthority(routeSet: RouteSet): RouteInit {
  const [first] = routeSet.serves;
  return toVersion(routeSet, first as Version, [unnamed(), authority(routeSet.service)]);
}

function toVersion(routeSet: RouteSet, version: Version, headers: HeaderMatchInit[]): RouteInit {
  return {
    match: { pathSpecifier: { case: "prefix", value: "/" }, headers },
    action: {
      case: "route",
      value: {
        clusterSpecifier: { case: "cluster", value: inboundEnvoyCluster(routeSet.service, version) },
        timeout: milliseconds(routeSet.request.requestTimeoutMs),
        retryPolicy: gatewayRetry(),
      },
    },
  };
}

function unnamed(): HeaderMatchInit {
  return { name: SERVICE_HEADER, headerMatchSpecifier: { case: "presentMatch", value: false } };
}

function authority(service: ServiceId): HeaderMatchInit {
  const hosts = hostsOf(service).map((host) => host.replaceAll(".", "\\."));
  const regex = `(${hosts.join("|")})(:[0-9]+)?`;
  return {
    name: ":authority",
    headerMatchSpecifier: {
      case: "stringMatch",
      value: { matchPattern: { case: "safeRegex", value: { regex } } },
    },
  };
}

/** 404 with the mark that no server has seen the request: the sender's plan and ours differ for a moment, or it is no plan's. */
function unknownService(): RouteInit {
  return {
    match: { pathSpecifier: { case: "prefix", value: "/" } },
    action: { case: "directResponse", value: { status: 404, body: UNKNOWN_SERVICE } },
    responseHeadersToAdd: [header(UNSERVED_HEADER, "unknown-service")],
  };
}

const UNKNOWN_SERVICE = {
  specifier: { case: "inlineString", value: "weir: this gateway serves no such service\n" },
} as const;
