import type { DigestOf, Holding, StoredRouteSet } from "../../agents/core/holding.ts";
import { digestOf } from "../../agents/io/offer.ts";
import { destinationOf } from "../../src/model/destination.ts";
import type { Destination, Split } from "../../src/model/destination.ts";
import type { ClusterId, ServiceId } from "../../src/model/ids.ts";
import type { Route, RouteSet } from "../../src/model/plan.ts";
import type { Position } from "../../src/model/position.ts";
import { DEFAULT_REQUEST_POLICY } from "../../src/model/service.ts";
import { encodeRouteSet } from "../../src/wire/route-set.ts";

/** The cluster whose agent the tests are about. */
export const OWN = "us-east" as ClusterId;

export const CHECKOUT = "shop/checkout" as ServiceId;

/** A destination from its text form. */
export function destination(key: string): Destination {
  const found = destinationOf(key);
  if (found === undefined) throw new Error(`${key} is no destination`);
  return found;
}

/** A split from `cluster/version` to weight. */
export function split(weights: Readonly<Record<string, number>>): Split {
  return Object.entries(weights).map(([key, weight]) => ({ destination: destination(key), weight }));
}

/** What a route set is to say; everything else is ordinary. */
export interface RouteSetWish {
  readonly service?: ServiceId;
  readonly cluster?: ClusterId;
  readonly weights?: Readonly<Record<string, number>>;
  /** Fallback of each destination that has one. */
  readonly fallbacks?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** A sound route set: all to the own cluster unless told otherwise. */
export function aRouteSet(wish: RouteSetWish = {}): RouteSet {
  const { service = CHECKOUT, cluster = OWN, weights = { [`${OWN}/v1`]: 10_000 }, fallbacks = {} } = wish;
  const routes: Route[] = split(weights).map((entry) => {
    return { ...entry, fallback: split(fallbacks[`${entry.destination.cluster}/${entry.destination.version}`] ?? {}) };
  });
  const keys = new Set([...Object.keys(weights), ...Object.values(fallbacks).flatMap((all) => Object.keys(all))]);
  const reaches = [...keys].toSorted().map((key) => {
    const reach = { destination: destination(key), rttMs: 1 };
    return key.startsWith(`${cluster}/`) ? reach : { ...reach, gateway: { address: "127.0.0.1", port: 9_000 } };
  });
  const rules = [{ match: { headers: {} }, routes }];
  return {
    service,
    cluster,
    protocol: "http",
    port: 8_080,
    rules,
    reaches,
    serves: [],
    request: DEFAULT_REQUEST_POLICY,
  };
}

/** A route set with its bytes and hash. */
export function stored(wish: RouteSetWish = {}): StoredRouteSet {
  const routeSet = aRouteSet(wish);
  return { routeSet, ...encodeRouteSet(routeSet) };
}

/** A position of the tests' own log. */
export function at(revision: number, epoch = 1, incarnation = { generation: 1, id: "log-1" }): Position {
  return { incarnation, epoch, revision };
}

/** A plan that an agent holds. */
export function aHolding(revision: number, entries: readonly StoredRouteSet[]): Holding {
  const routeSets = new Map(entries.map((entry) => [entry.routeSet.service, entry]));
  return { position: at(revision), routeSets, refused: new Map() };
}

/** Names of many services. */
export function services(count: number): readonly ServiceId[] {
  return Array.from({ length: count }, (_, index) => `shop/s${index}` as ServiceId);
}

export const DIGEST_OF: DigestOf = digestOf;
