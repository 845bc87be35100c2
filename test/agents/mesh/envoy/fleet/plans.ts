import type { HeldPlan, LocalEndpoint, LocalEndpoints } from "../../../../../agents/core/ports.ts";
import type { GatewayAddress } from "../../../../../src/model/cluster.ts";
import type { Split } from "../../../../../src/model/destination.ts";
import { compareDestinations, destinationOf, keyOf } from "../../../../../src/model/destination.ts";
import type { ClusterId, ServiceId, Version } from "../../../../../src/model/ids.ts";
import type { Route, RouteSet, Rule } from "../../../../../src/model/plan.ts";
import { DEFAULT_REQUEST_POLICY } from "../../../../../src/model/service.ts";
import type { Protocol, RequestPolicy } from "../../../../../src/model/service.ts";

export const EU = "eu-west" as ClusterId;
export const US = "us-east" as ClusterId;
export const AP = "ap-south" as ClusterId;
export const CHECKOUT = "shop/checkout" as ServiceId;
export const GREETER_SERVICE = "shop/greeter" as ServiceId;

/** Weights by destination, `{ "eu-west/v1": 5000 }`. */
export type Weights = Readonly<Record<string, number>>;

/** A split in the order that plans have. */
export function split(weights: Weights): Split {
  return Object.entries(weights)
    .map(([key, weight]) => ({ destination: destination(key), weight }))
    .toSorted((a, b) => compareDestinations(a.destination, b.destination));
}

function destination(key: string) {
  const found = destinationOf(key);
  if (found === undefined) throw new Error(`not a destination: ${key}`);
  return found;
}

export interface RouteSetOptions {
  readonly service?: ServiceId;
  readonly cluster: ClusterId;
  readonly protocol?: Protocol;
  readonly port?: number;
  readonly weights: Weights;
  /** By destination, what takes over when it is lost. */
  readonly fallbacks?: Readonly<Record<string, Weights>>;
  /** Rules before the last. */
  readonly rules?: readonly Rule[];
  readonly gateways: Readonly<Record<string, GatewayAddress>>;
  readonly serves?: readonly string[];
  readonly request?: Partial<RequestPolicy>;
}

/** A route set that the given weights and fallbacks describe. */
export function aRouteSet(options: RouteSetOptions): RouteSet {
  const { weights, fallbacks = {}, rules = [], cluster, gateways } = options;
  const last: Rule = { match: { headers: {} }, routes: routes(weights, fallbacks) };
  const all = [...rules, last];
  return {
    service: options.service ?? CHECKOUT,
    cluster,
    protocol: options.protocol ?? "http",
    port: options.port ?? 8080,
    rules: all,
    reaches: reaches(all, { cluster, gateways }),
    serves: (options.serves ?? ["v1"]) as readonly Version[],
    request: { ...DEFAULT_REQUEST_POLICY, ...options.request },
  };
}

/** Routes with these weights, for a rule. */
export function routes(weights: Weights, fallbacks: Readonly<Record<string, Weights>> = {}): readonly Route[] {
  return split(weights).map((entry) => ({ ...entry, fallback: split(fallbacks[keyOf(entry.destination)] ?? {}) }));
}

function reaches(rules: readonly Rule[], { cluster, gateways }: Pick<RouteSetOptions, "cluster" | "gateways">) {
  const named = rules.flatMap((rule) => rule.routes.flatMap((route) => [route, ...route.fallback]));
  const byKey = new Map(named.map((entry) => [keyOf(entry.destination), entry.destination]));
  return [...byKey.values()].toSorted(compareDestinations).map((to) => {
    const gateway = to.cluster === cluster ? undefined : gateways[to.cluster];
    return { destination: to, rttMs: 0, ...(gateway === undefined ? {} : { gateway }) };
  });
}

/** A plan of these route sets. The hash names what matters to a test: the revision. */
export function aPlan(revision: number, ...routeSets: readonly RouteSet[]): HeldPlan {
  return {
    position: { incarnation: { generation: 1, id: "test" }, epoch: 1, revision },
    routeSets: new Map(
      routeSets.map((routeSet) => [routeSet.service, { hash: `${routeSet.service}@${revision}`, routeSet }]),
    ),
  };
}

/** Endpoints by service and version. */
export function someEndpoints(
  all: Readonly<Record<string, Readonly<Record<string, readonly LocalEndpoint[]>>>>,
): LocalEndpoints {
  return new Map(
    Object.entries(all).map(([service, versions]) => [service as ServiceId, new Map(Object.entries(versions))]),
  );
}
