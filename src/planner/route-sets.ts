import type { Destination, DestinationKey, Split } from "../model/destination.ts";
import { compareDestinations, keyOf } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import type { ClusterId, Version } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { Reach, Route, RouteSet } from "../model/plan.ts";
import type { ServiceSpec } from "../model/service.ts";
import { gatewayOf, rttBetween } from "./eligible.ts";

/** What one source's route set is made of. */
export interface Routing {
  readonly cluster: ClusterId;
  readonly split: Split;
  /** Per destination of the split: where its requests go when it is lost. */
  readonly fallbacks: ReadonlyMap<DestinationKey, Split>;
}

/** The complete instruction for one source and service. */
export function routeSetOf({ cluster, split, fallbacks }: Routing, state: FleetState, service: ServiceState): RouteSet {
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
    rules: [{ match: { headers: {} }, routes }],
    reaches: namedIn(routes).map((destination) => reachOf(cluster, destination, state)),
    serves: servedVersions(spec, cluster),
    request: spec.request,
  };
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
