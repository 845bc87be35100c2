import type { GatewayAddress } from "../../src/model/cluster.ts";
import { compareDestinations } from "../../src/model/destination.ts";
import type { Split, Weighted } from "../../src/model/destination.ts";
import type { ClusterId, ServiceId, Version } from "../../src/model/ids.ts";
import type { Reach, Route, RouteSet } from "../../src/model/plan.ts";
import { DEFAULT_REQUEST_POLICY } from "../../src/model/service.ts";
import type { Protocol } from "../../src/model/service.ts";

/** A route set in few words. Every destination is version v1, or named `cluster/version`. */
export interface RouteSetWords {
  readonly service: string;
  readonly cluster: string;
  readonly protocol?: Protocol;
  readonly port?: number;
  /** Basis points by destination. */
  readonly weights: Readonly<Record<string, number>>;
  /** What takes over for each weighted destination, basis points. */
  readonly fallbacks: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Gateway of every other cluster. */
  readonly gateways: Readonly<Record<string, GatewayAddress>>;
  readonly serves?: readonly string[];
}

/** Makes the route set that these words describe. */
export function routeSetOf(words: RouteSetWords): RouteSet {
  const { service, cluster, protocol = "http", port = 8080, serves = ["v1"] } = words;
  const routes = splitOf(words.weights).map((entry): Route => {
    const fallback = splitOf(words.fallbacks[nameOf(entry)] ?? {});
    return { ...entry, fallback };
  });
  const named = new Set([...Object.keys(words.weights), ...Object.values(words.fallbacks).flatMap(Object.keys)]);
  return {
    service: service as ServiceId,
    cluster: cluster as ClusterId,
    protocol,
    port,
    rules: routes.length === 0 ? [] : [{ match: { headers: {} }, routes }],
    reaches: reachesOf([...named], words),
    serves: serves as Version[],
    request: DEFAULT_REQUEST_POLICY,
  };
}

function reachesOf(names: readonly string[], { cluster, gateways }: RouteSetWords): readonly Reach[] {
  const destinations = names.map(destinationOf).toSorted(compareDestinations);
  return destinations.map((destination) => {
    const gateway = gateways[destination.cluster];
    if (destination.cluster === cluster || gateway === undefined) return { destination, rttMs: 0 };
    return { destination, gateway, rttMs: 20 };
  });
}

function splitOf(weights: Readonly<Record<string, number>>): Split {
  return Object.entries(weights)
    .map(([name, weight]) => ({ destination: destinationOf(name), weight }))
    .toSorted((a, b) => compareDestinations(a.destination, b.destination));
}

function destinationOf(name: string): Weighted["destination"] {
  const [cluster = "", version = "v1"] = name.split("/");
  return { cluster: cluster as ClusterId, version: version as Version };
}

function nameOf({ destination: { cluster, version } }: Weighted): string {
  return version === "v1" ? cluster : `${cluster}/${version}`;
}
