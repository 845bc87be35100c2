import type { HeldPlan, LocalEndpoints } from "../../../agents/core/ports.ts";
import type { ServiceInput, Site } from "../../../agents/mesh/envoy/render-input.ts";
import type { ClusterId, ServiceId } from "../../../src/model/ids.ts";
import type { RouteSet } from "../../../src/model/plan.ts";
import { encodeRouteSet } from "../../../src/wire/route-set.ts";
import { routeSetOf } from "../route-sets.ts";

/** One service for Envoy, one for proxyless gRPC clients. */
export const SERVICES = { envoy: "shop/checkout", proxyless: "shop/greeter" } as const;
export type ClientKind = keyof typeof SERVICES;

/** Which version has nearly all requests. */
export type Version = "v1" | "v2";
export const VERSIONS: readonly Version[] = ["v1", "v2"];

export const CLUSTER = "local" as ClusterId;

/** Ports, on addresses of the bench's own. */
export const PORTS = { checkout: 8080, greeter: 8081, gateway: 15_444, ads: 15_010, admin: 15_000 } as const;

/** The n-th address of a run. */
export type AddressOf = (n: number) => string;

/** Backends: one for each service and version. */
export function backendsAt(address: AddressOf): Readonly<Record<ClientKind, Readonly<Record<Version, Place>>>> {
  return {
    envoy: { v1: { address: address(11), port: 9_001 }, v2: { address: address(12), port: 9_001 } },
    proxyless: { v1: { address: address(11), port: 9_002 }, v2: { address: address(12), port: 9_002 } },
  };
}

/** An address and a port. */
export interface Place {
  readonly address: string;
  readonly port: number;
}

/** What an agent knows of its own cluster. */
export function endpointsAt(address: AddressOf): LocalEndpoints {
  const all = Object.entries(backendsAt(address)) as [ClientKind, Readonly<Record<Version, Place>>][];
  return new Map(
    all.map(([kind, places]) => [
      SERVICES[kind] as ServiceId,
      new Map(Object.entries(places).map(([version, place]) => [version, [place]])),
    ]),
  );
}

/** The plan that gives `version` all but one in ten thousand requests of both services. Revisions only go up. */
export function planFor(chosen: Readonly<Record<ClientKind, Version>>, revision: number): HeldPlan {
  const position = { incarnation: { generation: 1, id: "bench" }, epoch: 1, revision };
  const routeSets = (["envoy", "proxyless"] as const).map((kind) => routeSetFor(kind, chosen[kind]));
  const held = routeSets.map(
    (routeSet) => [routeSet.service, { hash: encodeRouteSet(routeSet).hash, routeSet }] as const,
  );
  return { position, routeSets: new Map(held) };
}

function routeSetFor(kind: ClientKind, version: Version): RouteSet {
  const other = version === "v1" ? "v2" : "v1";
  const names = { v1: `${CLUSTER}/v1`, v2: `${CLUSTER}/v2` };
  return routeSetOf({
    service: SERVICES[kind],
    cluster: CLUSTER,
    protocol: kind === "envoy" ? "http" : "grpc",
    port: kind === "envoy" ? PORTS.checkout : PORTS.greeter,
    // Both keep some weight, so that only the weights change: the commonest change of all.
    weights: { [names[version]]: 9_999, [names[other]]: 1 },
    fallbacks: { [CLUSTER]: { [names.v2]: 10_000 }, [names.v2]: { [names.v1]: 10_000 } },
    gateways: {},
    serves: VERSIONS,
  });
}

/** A plan as the renderer takes it. */
export function inputsOf({ routeSets }: HeldPlan, endpoints: LocalEndpoints): readonly ServiceInput[] {
  return [...routeSets.values()].map(({ hash, routeSet }) => ({
    hash,
    routeSet,
    local: endpoints.get(routeSet.service) ?? new Map(),
  }));
}

/** Where Weir's own Envoy listens, and the bare server's. */
export function siteAt(address: AddressOf, side: "weir" | "bare"): Site {
  const own = address(side === "weir" ? 1 : 2);
  return { cluster: CLUSTER, address: own, gateway: { address: own, port: PORTS.gateway } };
}
