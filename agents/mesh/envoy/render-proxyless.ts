import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RouteSet, Rule } from "../../../src/model/plan.ts";
import type { RouteConfiguration } from "../../../proto/gen/envoy/config/route/v3/route_pb.ts";
import { RouteConfigurationSchema } from "../../../proto/gen/envoy/config/route/v3/route_pb.ts";
import type { RetryPolicySchema } from "../../../proto/gen/envoy/config/route/v3/route_components_pb.ts";
import { milliseconds } from "./render-address.ts";
import { destinationsOf, ordinalOf } from "./render-destinations.ts";
import { hostOf, proxylessEnvoyCluster, proxylessRoutes } from "./render-names.ts";
import type { RouteInit } from "./render-routes.ts";
import { headerMatches } from "./render-routes.ts";

/** gRPC's library caps attempts at 5 whatever the policy says. */
const MAX_RETRIES = 4;

/** A service's routes for proxyless clients: prefix and exact headers alone, since they ignore what they do not know. */
export function proxylessRouteConfiguration(routeSet: RouteSet): RouteConfiguration {
  return create(RouteConfigurationSchema, {
    name: proxylessRoutes(routeSet.service),
    virtualHosts: [
      {
        name: routeSet.service,
        domains: [hostOf(routeSet.service)],
        routes: routeSet.rules.filter(({ routes }) => routes.length > 0).map((rule) => route(rule, routeSet)),
      },
    ],
  });
}

/** The weights of that, entry by entry as its bytes have them. */
export function proxylessWeights({ rules }: RouteSet): readonly number[] {
  return rules.flatMap(({ routes }) => routes.map(({ weight }) => weight));
}

function route(rule: Rule, routeSet: RouteSet): RouteInit {
  const destinations = destinationsOf(routeSet);
  const policy = retryPolicy(routeSet);
  return {
    match: { pathSpecifier: { case: "prefix", value: "/" }, headers: [...headerMatches(rule)] },
    action: {
      case: "route",
      value: {
        clusterSpecifier: {
          case: "weightedClusters",
          value: {
            clusters: rule.routes.map((entry) => ({
              name: proxylessEnvoyCluster(routeSet.service, entry.destination, ordinalOf(destinations, entry)),
              weight: entry.weight,
            })),
          },
        },
        maxStreamDuration: { maxStreamDuration: milliseconds(routeSet.request.requestTimeoutMs) },
        ...(policy === undefined ? {} : { retryPolicy: policy }),
      },
    },
  };
}

/**
 * A call that a server may have seen is repeated only where the service says that all may be. What never left is repeated by
 * the library without being told.
 */
function retryPolicy({ request }: RouteSet): MessageInitShape<typeof RetryPolicySchema> | undefined {
  if (request.retryScope !== "all" || request.retries === 0) return undefined;
  return {
    retryOn: "unavailable",
    numRetries: Math.min(request.retries, MAX_RETRIES),
    retryBackOff: { baseInterval: milliseconds(25), maxInterval: milliseconds(250) },
  };
}

/**
 * Why a service cannot be reached without a proxy as its plan wants; undefined when it can. A proxyless client has no way to
 * name a version to a gateway, so that of two versions behind one gateway only the first would ever be served.
 */
export function proxylessGap(routeSet: RouteSet): string | undefined {
  if (routeSet.protocol !== "grpc") return "only gRPC services can be reached without a proxy";
  for (const [rank, rule] of routeSet.rules.entries()) {
    const gap = twoVersions(rule, routeSet);
    if (gap !== undefined) return `rule ${rank}: ${gap}`;
  }
  return undefined;
}

function twoVersions(rule: Rule, { cluster }: RouteSet): string | undefined {
  const remote = rule.routes.filter(({ destination }) => destination.cluster !== cluster);
  const seen = new Map<string, string>();
  for (const { destination } of remote) {
    const other = seen.get(destination.cluster);
    if (other !== undefined) {
      return `${destination.cluster} is sent both ${other} and ${destination.version}, which proxyless callers cannot tell its gateway`;
    }
    seen.set(destination.cluster, destination.version);
  }
  return undefined;
}
