import type { Destination, DestinationKey, Split, Weighted } from "../model/destination.ts";
import { compareDestinations, keyOf } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import type { ClusterId, Version } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { Reach, Route, RouteSet, Rule } from "../model/plan.ts";
import type { ServiceSpec } from "../model/service.ts";
import { apportion } from "./apportion.ts";
import { gatewayOf } from "./eligible.ts";
import { ruleAgainst } from "./policy.ts";
import { rttBetween } from "./round-trip.ts";

/** What one source's route set is made of. */
export interface Routing {
  readonly cluster: ClusterId;
  readonly split: Split;
  /** Per destination of the split: where its requests go when it is lost. */
  readonly fallbacks: ReadonlyMap<DestinationKey, Split>;
  /** Rules before the one that takes every request; undefined: none. */
  readonly matching?: readonly Rule[];
}

/** The complete instruction for one source and service. */
export function routeSetOf(routing: Routing, state: FleetState, service: ServiceState): RouteSet {
  const { cluster, split, fallbacks, matching = [] } = routing;
  const { spec } = service;
  const routes: readonly Route[] = split.map(({ destination, weight }) => ({
    destination,
    weight,
    fallback: fallbacks.get(keyOf(destination)) ?? [],
  }));
  return {
    service: spec.service,
    cluster,
    protocol: spec.protocol,
    port: spec.port,
    rules: [...matching, { match: { headers: {} }, routes }],
    reaches: namedIn([...matching.flatMap((rule) => rule.routes), ...routes]).map((destination) =>
      reachOf(cluster, destination, state),
    ),
    serves: servedVersions(spec, cluster),
    request: spec.request,
  };
}

/** A route set that is kept, but for fallbacks that the policy has come to forbid; the same value where there are none. */
export function withAllowedFallbacks(routeSet: RouteSet, state: FleetState, { spec }: ServiceState): RouteSet {
  const isAllowed = ({ destination }: Weighted): boolean =>
    ruleAgainst({ source: routeSet.cluster, destination: destination.cluster }, spec, state) === undefined;
  const all = routeSet.rules.flatMap(({ routes }) => routes.flatMap(({ fallback }) => fallback));
  if (all.every(isAllowed)) return routeSet;
  const rules = routeSet.rules.map((rule) => ({
    ...rule,
    routes: rule.routes.map((route) => ({ ...route, fallback: wholeOf(route.fallback.filter(isAllowed), spec) })),
  }));
  const named = new Set(namedIn(rules.flatMap(({ routes }) => routes)).map(keyOf));
  return { ...routeSet, rules, reaches: routeSet.reaches.filter(({ destination }) => named.has(keyOf(destination))) };
}

/** A part of a split, in the same proportions. */
function wholeOf(part: Split, { service }: ServiceSpec): Split {
  if (part.length === 0) return [];
  return apportion(
    part.map(({ destination, weight }) => ({ destination, amount: weight })),
    service,
  );
}

function namedIn(routes: readonly Route[]): readonly Destination[] {
  const named = routes.flatMap(({ destination, fallback }) => [
    destination,
    ...fallback.map((entry) => entry.destination),
  ]);
  const byKey = new Map(named.map((destination) => [keyOf(destination), destination]));
  return [...byKey.values()].toSorted(compareDestinations);
}

function reachOf(source: ClusterId, destination: Destination, state: FleetState): Reach {
  const rttMs = rttBetween(state, source, destination.cluster);
  const cluster = state.clusters.get(destination.cluster);
  const gateway = destination.cluster === source || cluster === undefined ? undefined : gatewayOf(cluster);
  return { destination, ...(gateway !== undefined && { gateway }), rttMs };
}

/** Versions the cluster runs: the stable one first, for requests from elsewhere that name none. */
export function servedVersions({ deployments, stableVersion }: ServiceSpec, cluster: ClusterId): readonly Version[] {
  const versions = deployments.filter((deployment) => deployment.cluster === cluster).map(({ version }) => version);
  return [...new Set(versions)].toSorted(
    (a, b) => Number(a !== stableVersion) - Number(b !== stableVersion) || compareNames(a, b),
  );
}
