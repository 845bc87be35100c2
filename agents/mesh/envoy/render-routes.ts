import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { compareNames } from "../../../src/model/ids.ts";
import type { Route, RouteSet, Rule } from "../../../src/model/plan.ts";
import type { HeaderValueOptionSchema } from "../../../proto/gen/envoy/config/core/v3/base_pb.ts";
import { HeaderValueOption_HeaderAppendAction as Append } from "../../../proto/gen/envoy/config/core/v3/base_pb.ts";
import type { RouteConfiguration } from "../../../proto/gen/envoy/config/route/v3/route_pb.ts";
import { RouteConfigurationSchema } from "../../../proto/gen/envoy/config/route/v3/route_pb.ts";
import type {
  HeaderMatcherSchema,
  RouteSchema,
  VirtualHost,
  WeightedCluster_ClusterWeightSchema,
} from "../../../proto/gen/envoy/config/route/v3/route_components_pb.ts";
import {
  VirtualHostSchema,
  WeightedClusterSchema,
} from "../../../proto/gen/envoy/config/route/v3/route_components_pb.ts";
import { milliseconds } from "./render-address.ts";
import type { RenderedDestination } from "./render-destinations.ts";
import { destinationsOf, ordinalOf } from "./render-destinations.ts";
import {
  SERVICE_HEADER,
  UNSERVED_HEADER,
  VERSION_HEADER,
  hostsOf,
  outboundEnvoyCluster,
  outboundName,
} from "./render-names.ts";
import { countRetryCases, retryCases } from "./render-retry.ts";

export type RouteInit = MessageInitShape<typeof RouteSchema>;
export type HeaderMatchInit = MessageInitShape<typeof HeaderMatcherSchema>;
export type VirtualHostInit = MessageInitShape<typeof VirtualHostSchema>;

/** The routes of one port: a virtual host for each of its services. */
export function outboundRoutes(port: number, virtualHosts: readonly VirtualHost[]): RouteConfiguration {
  return create(RouteConfigurationSchema, {
    name: outboundName(port),
    ignorePortInHostMatching: true,
    virtualHosts: [...virtualHosts],
    // For the retry policy's eyes alone.
    responseHeadersToRemove: [UNSERVED_HEADER],
  });
}

/** A service alone on its port answers to any host. */
export type Hosts = "any-host" | "own-hosts";

/** One service's routes, rule by rule. */
export function virtualHost(routeSet: RouteSet, hosts: Hosts): VirtualHost {
  const destinations = destinationsOf(routeSet);
  return create(VirtualHostSchema, {
    name: routeSet.service,
    domains: hosts === "any-host" ? ["*"] : [...hostsOf(routeSet.service)],
    // What a gateway goes by, together with the version below. A fallback elsewhere is told as well.
    requestHeadersToAdd: [header(SERVICE_HEADER, routeSet.service)],
    routes: routeSet.rules.flatMap((rule) => routesOf(rule, { routeSet, destinations })),
  });
}

/** The weights of a service's virtual host, entry by entry as its bytes have them. */
export function virtualHostWeights({ rules, request, protocol }: RouteSet): readonly number[] {
  const cases = countRetryCases(request, protocol);
  return rules.flatMap(({ routes }) => {
    const weights = routes.map(({ weight }) => weight);
    return Array.from({ length: cases }, () => weights).flat();
  });
}

interface Within {
  readonly routeSet: RouteSet;
  readonly destinations: readonly RenderedDestination[];
}

function routesOf(rule: Rule, within: Within): readonly RouteInit[] {
  const { request, protocol } = within.routeSet;
  if (rule.routes.length === 0) return [nowhere(rule)];
  const split = create(WeightedClusterSchema, { clusters: rule.routes.map((route) => weighted(route, within)) });
  const timeout = milliseconds(request.requestTimeoutMs);
  return retryCases(request, protocol).map(({ headers, policy }) => ({
    match: { pathSpecifier: { case: "prefix", value: "/" }, headers: [...headerMatches(rule), ...headers] },
    action: {
      case: "route",
      value: { clusterSpecifier: { case: "weightedClusters", value: split }, timeout, retryPolicy: policy },
    },
  }));
}

function weighted(
  route: Route,
  { routeSet, destinations }: Within,
): MessageInitShape<typeof WeightedCluster_ClusterWeightSchema> {
  const { service } = routeSet;
  return {
    name: outboundEnvoyCluster(service, route.destination, ordinalOf(destinations, route)),
    weight: route.weight,
    requestHeadersToAdd: [header(VERSION_HEADER, route.destination.version)],
  };
}

/** A header that replaces whatever a caller may have sent under its name. */
export function header(key: string, value: string): MessageInitShape<typeof HeaderValueOptionSchema> {
  return { header: { key, value }, appendAction: Append.OVERWRITE_IF_EXISTS_OR_ADD };
}

function nowhere(rule: Rule): RouteInit {
  return {
    match: { pathSpecifier: { case: "prefix", value: "/" }, headers: [...headerMatches(rule)] },
    action: { case: "directResponse", value: { status: 503 } },
  };
}

/** A rule's conditions, in the order of their names. */
export function headerMatches({ match }: Rule): readonly HeaderMatchInit[] {
  return Object.keys(match.headers)
    .toSorted(compareNames)
    .map((name) => exactHeader(name, match.headers[name] ?? ""));
}

/** Matches a header with exactly this value. */
export function exactHeader(name: string, value: string): HeaderMatchInit {
  return {
    name,
    headerMatchSpecifier: { case: "stringMatch", value: { matchPattern: { case: "exact", value } } },
  };
}
