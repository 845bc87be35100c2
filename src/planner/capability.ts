import type { ClusterState } from "../model/cluster.ts";
import type { Destination } from "../model/destination.ts";
import type { ServiceSpec } from "../model/service.ts";
import { servedVersions } from "./route-sets.ts";

/**
 * Most destinations that one route of a cluster's mesh may have: what is declared, else what its agent says; one where the
 * agent's mesh cannot divide requests by weight. Infinity where nobody says.
 */
export function destinationsMaxOf(cluster: ClusterState | undefined): number {
  if (cluster === undefined) return Infinity;
  const { spec, maxDestinations, features } = cluster;
  // An agent that said nothing of its mesh yet says nothing against it.
  const isUndivided = features.length > 0 && !features.includes("weighted-split");
  return isUndivided ? 1 : (spec.maxDestinations ?? maxDestinations ?? Infinity);
}

/** A destination that a route could do without. */
export interface Wanted {
  /** How much of the route goes there. */
  readonly amount: number;
  /** Whether it is of the version that everybody may be served by. */
  readonly isStable: boolean;
  /** Whether somebody chose it: it goes last. */
  readonly isKept?: boolean;
}

/**
 * Indices of the destinations that a route keeps where its mesh takes so many: what was chosen, then the largest; one of the
 * stable version in any case, unless others were chosen. Undefined: all of them fit.
 */
export function widest(wanted: readonly Wanted[], most: number): ReadonlySet<number> | undefined {
  if (wanted.length <= most) return undefined;
  const ranked = wanted
    .map((found, index) => ({ ...found, index }))
    .toSorted(
      (a, b) => Number(b.isKept ?? false) - Number(a.isKept ?? false) || b.amount - a.amount || a.index - b.index,
    );
  const kept = ranked.slice(0, most);
  const stable = ranked.find(({ isStable }) => isStable);
  const last = kept.at(-1);
  if (stable !== undefined && last?.isKept !== true && !kept.some(({ isStable }) => isStable))
    kept.splice(-1, 1, stable);
  return new Set(kept.map(({ index }) => index));
}

/**
 * Whether a source's mesh can send requests to just this version of a service: proxyless gRPC clients cannot name one in
 * another cluster, and get what that cluster serves first.
 */
export function canName(
  source: ClusterState | undefined,
  { cluster, version }: Destination,
  spec: ServiceSpec,
): boolean {
  if (spec.protocol !== "grpc" || source?.spec.cluster === cluster) return true;
  return source?.features.includes("proxyless") !== true || servedVersions(spec, cluster)[0] === version;
}

/** Whether a cluster's mesh can send requests by their headers. An agent that said nothing of its mesh yet cannot. */
export function canMatch(cluster: ClusterState | undefined): boolean {
  return cluster?.features.includes("header-match") === true;
}
