import type { Split } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId, RouteSetHash } from "../model/ids.ts";

/** What a route set does with requests that no special rule takes; undefined when it is not known. */
export function splitOf(state: FleetState, hash: RouteSetHash | undefined): Split | undefined {
  const routeSet = hash === undefined ? undefined : state.routeSets.get(hash);
  return routeSet?.rules.at(-1)?.routes.map(({ destination, weight }) => ({ destination, weight }));
}

/** What a source was told last to do with requests of a service; undefined before the first release. */
export function releasedSplit(state: FleetState, service: ServiceState, source: ClusterId): Split | undefined {
  return splitOf(state, service.released[source]);
}

/** Basis points that a split sends to a cluster, all versions together. */
export function shareOf(split: Split | undefined, cluster: ClusterId): number {
  return (split ?? [])
    .filter(({ destination }) => destination.cluster === cluster)
    .reduce((sum, { weight }) => sum + weight, 0);
}

/** Sources that were released something of a service, by name. */
export function sourcesOf(service: ServiceState): readonly ClusterId[] {
  return (Object.keys(service.released) as ClusterId[]).toSorted(compareNames);
}

/** One source that still sends a cluster requests of one service. */
export interface Sender {
  readonly service: ServiceState;
  readonly source: ClusterId;
  readonly weight: number;
}

/** Everybody who is told to send the cluster something, by service and source. Revoked and forgotten sources do not count. */
export function sendersTo(state: FleetState, cluster: ClusterId): readonly Sender[] {
  const services = [...state.services].toSorted(([a], [b]) => compareNames(a, b));
  return services.flatMap(([, service]) =>
    sourcesOf(service)
      .filter((source) => isMember(state, source))
      .map((source) => ({ service, source, weight: shareOf(releasedSplit(state, service, source), cluster) }))
      .filter(({ weight }) => weight > 0),
  );
}

/** Whether anybody is told to send the service's requests to a cluster that was cut off or forgotten. */
export function sendsToNonMember(state: FleetState, service: ServiceState): boolean {
  return sourcesOf(service)
    .filter((source) => isMember(state, source))
    .some((source) =>
      (releasedSplit(state, service, source) ?? []).some(({ destination }) => !isMember(state, destination.cluster)),
    );
}

function isMember(state: FleetState, cluster: ClusterId): boolean {
  return state.clusters.get(cluster)?.membership === "active";
}

/** Basis points as per cent: 1234 is `12.34 %`. */
export function percent(weight: number): string {
  return `${(weight / 100).toFixed(2)} %`;
}
