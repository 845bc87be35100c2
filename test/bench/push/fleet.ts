import type { FleetEvent } from "../../../src/model/event.ts";
import { EMPTY_SERVICE } from "../service-spec.ts";
import type { ClusterId, RouteSetHash, ServiceId } from "../../../src/model/ids.ts";
import type { RouteSet } from "../../../src/model/plan.ts";
import { encodeRouteSet } from "../../../src/wire/route-set.ts";
import { routeSetOf } from "../route-sets.ts";

/** Where an agent keeps its plans: in memory, or in files that are synced before anything is applied. */
export type Keeping = "memory" | "files";

/** Services that every agent routes; one of them changes. */
export const SERVICES = ["shop/s0", "shop/s1", "shop/s2", "shop/s3", "shop/s4"] as const;
export const CHANGING: string = SERVICES[0];

/** Clusters that one cluster's requests divide over. */
const SPREAD = 4;

/** Names of `count` clusters. The first letter says how their agents keep plans. */
export function clusterNames(keeping: Keeping, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${keeping}-${index}`);
}

/** The services themselves, as their owners declare them. */
export function serviceEvents(): readonly FleetEvent[] {
  return SERVICES.map((service) => ({
    kind: "service-applied",
    spec: { ...EMPTY_SERVICE, service: service as ServiceId },
  }));
}

/** A route set for each of the first `count` clusters and each service, to be stored and released. No two are alike. */
export function planEvents(
  clusters: readonly string[],
  { count, services, round }: { readonly count: number; readonly services: readonly string[]; readonly round: number },
): { readonly stored: FleetEvent; readonly released: readonly FleetEvent[] } {
  const routeSets: Record<RouteSetHash, RouteSet> = {};
  const released = clusters.slice(0, count).flatMap((cluster, index) =>
    services.map((service): FleetEvent => {
      const routeSet = routeSetFor({ clusters, index, service, round });
      const { hash } = encodeRouteSet(routeSet);
      routeSets[hash] = routeSet;
      return {
        kind: "route-set-released",
        service: service as ServiceId,
        cluster: cluster as ClusterId,
        hash,
        waveIndex: 0,
      };
    }),
  );
  return { stored: { kind: "route-sets-stored", routeSets }, released };
}

function routeSetFor({ clusters, index, service, round }: RouteSetFor): RouteSet {
  const names = Array.from({ length: SPREAD }, (_, step) => `${clusters[(index + step) % clusters.length]}`);
  const [own = "", ...others] = [...new Set(names)];
  // A step of 7 basis points a round: the bytes change, their number does not.
  const away = 1_000 + 7 * round;
  const weights = Object.fromEntries([
    [own, 10_000 - away * others.length],
    ...others.map((name): [string, number] => [name, away]),
  ]);
  const all = [own, ...others];
  const fallbacks = Object.fromEntries(all.map((lost) => [lost, evenly(all.filter((name) => name !== lost))]));
  const gateways = Object.fromEntries(others.map((name) => [name, { address: "10.0.0.1", port: 15_443 }]));
  return routeSetOf({ service, cluster: own, weights, fallbacks, gateways });
}

interface RouteSetFor {
  readonly clusters: readonly string[];
  readonly index: number;
  readonly service: string;
  readonly round: number;
}

function evenly(names: readonly string[]): Readonly<Record<string, number>> {
  const share = Math.floor(10_000 / Math.max(1, names.length));
  return Object.fromEntries(
    names.map((name, index) => [name, index === 0 ? 10_000 - share * (names.length - 1) : share]),
  );
}
