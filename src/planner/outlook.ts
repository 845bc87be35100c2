import type { Split } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";
import type { RouteSet } from "../model/plan.ts";
import { offersTo } from "./eligible.ts";
import { doubtsReadiness } from "./readiness.ts";
import type { Offer } from "./eligible.ts";
import { demandOf as offeredDemandOf } from "./room.ts";

/** One source cluster of a service: what it asks for, what it sends now, and what it could use. */
export interface SourceOutlook {
  readonly cluster: ClusterId;
  /** Requests per second it is reckoned with. A dead cluster asks for nothing; 0 as well when nobody knows. */
  readonly demandRps: number;
  /** What was released to it last; undefined before the first release. */
  readonly released?: RouteSet;
  /** Its split as released; undefined before the first release. */
  readonly now?: Split;
  readonly offers: readonly Offer[];
}

/** The sources of a service, sorted: every active member, dead and draining ones too, for when they are back. */
export function outlookOf(state: FleetState, service: ServiceState): readonly SourceOutlook[] {
  const isDoubted = doubtsReadiness(state, service);
  return [...state.clusters]
    .filter(([, { membership }]) => membership === "active")
    .map(([cluster]) => cluster)
    .toSorted(compareNames)
    .map((cluster) => sourceOutlook({ cluster, isDoubted }, state, service));
}

interface Viewpoint {
  readonly cluster: ClusterId;
  readonly isDoubted: boolean;
}

function sourceOutlook({ cluster, isDoubted }: Viewpoint, state: FleetState, service: ServiceState): SourceOutlook {
  const released = releasedTo(cluster, state, service);
  const now = released && splitOf(released);
  return {
    cluster,
    demandRps: demandOf(cluster, state, service),
    ...(released !== undefined && { released }),
    ...(now !== undefined && { now }),
    offers: offersTo({ source: cluster, now, isDoubted }, state, service),
  };
}

/** Requests per second that a cluster's callers ask for; 0 when it is dead. Declared demand wins over what was measured. */
export function demandOf(cluster: ClusterId, state: FleetState, service: ServiceState): number {
  return state.clusters.get(cluster)?.verdict === "dead" ? 0 : offeredDemandOf(service, cluster);
}

function releasedTo(cluster: ClusterId, state: FleetState, service: ServiceState): RouteSet | undefined {
  const hash = service.released[cluster];
  return hash === undefined ? undefined : state.routeSets.get(hash);
}

/** The split of a route set's last rule, which takes every request that no other rule takes. */
export function splitOf(routeSet: RouteSet): Split {
  const routes = routeSet.rules.at(-1)?.routes ?? [];
  return routes.map(({ destination, weight }) => ({ destination, weight }));
}
