import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { GatewayAddress } from "../../../src/model/cluster.ts";
import type { ClusterId, ServiceId } from "../../../src/model/ids.ts";
import { compareNames } from "../../../src/model/ids.ts";
import { ClusterSchema } from "../../../proto/gen/envoy/config/cluster/v3/cluster_pb.ts";
import { ClusterLoadAssignmentSchema } from "../../../proto/gen/envoy/config/endpoint/v3/endpoint_pb.ts";
import { ListenerSchema } from "../../../proto/gen/envoy/config/listener/v3/listener_pb.ts";
import type { VirtualHost } from "../../../proto/gen/envoy/config/route/v3/route_components_pb.ts";
import { RouteConfigurationSchema } from "../../../proto/gen/envoy/config/route/v3/route_pb.ts";
import { avoiding } from "./render-avoid.ts";
import { inboundCluster, outboundCluster, peerCluster, proxylessCluster } from "./render-clusters.ts";
import { destinationsOf } from "./render-destinations.ts";
import { assignment, localAssignment } from "./render-endpoints.ts";
import { gatewayRoutes } from "./render-gateway.ts";
import type { ServiceInput, Site } from "./render-input.ts";
import { gatewayListener, outboundListener, proxylessListener } from "./render-listeners.ts";
import {
  GATEWAY,
  hostOf,
  inboundEnvoyCluster,
  outboundEnvoyCluster,
  outboundName,
  peerEnvoyCluster,
  proxylessEnvoyCluster,
  proxylessRoutes,
} from "./render-names.ts";
import { proxylessGap, proxylessRouteConfiguration } from "./render-proxyless.ts";
import type { Hosts } from "./render-routes.ts";
import { outboundRoutes, virtualHost } from "./render-routes.ts";

/** The four kinds of resources, in the order in which additions must arrive. */
export const KINDS = ["cluster", "endpoints", "listener", "route"] as const;
export type Kind = (typeof KINDS)[number];

/** One resource for the proxies, immutable. */
export interface Rendered {
  readonly kind: Kind;
  readonly name: string;
  /** Envoys ask for all that is theirs; proxyless clients for what they dial, by name. */
  readonly audience: "envoy" | "proxyless";
  /** Whose plan this comes from: who is to blame if a proxy refuses it. Empty: it is the cluster's own. */
  readonly services: readonly ServiceId[];
  readonly schema: DescMessage;
  readonly message: Message;
}

type Body = Pick<Rendered, "schema" | "message">;

/** Everything the proxies of one cluster shall know. The same inputs give the same resources in the same order. */
export function renderResources(site: Site, inputs: readonly ServiceInput[]): readonly Rendered[] {
  const sorted = inputs.toSorted(byService);
  return [
    ...sorted.flatMap((input) => renderService(site, input)),
    ...[...byPort(sorted)].flatMap(([port, onPort]) => renderPort(site, port, onPort)),
    ...renderGateway(site, sorted),
    ...peersOf(sorted).map(renderPeer),
  ];
}

function byService(a: ServiceInput, b: ServiceInput): number {
  return compareNames(a.routeSet.service, b.routeSet.service);
}

/** Which services share a port, in the order of ports and names. */
export function byPort(inputs: readonly ServiceInput[]): ReadonlyMap<number, readonly ServiceInput[]> {
  const groups = Map.groupBy(inputs.toSorted(byService), ({ routeSet }) => routeSet.port);
  return new Map([...groups].toSorted(([a], [b]) => a - b));
}

/** The resources that are one service's own. */
export function renderService(site: Site, input: ServiceInput): readonly Rendered[] {
  return [...renderSteady(site, input), ...renderOwnRoutes(input)];
}

/** Those of a service's own resources that its rules' weights do not touch. */
export function renderSteady(site: Site, given: ServiceInput): readonly Rendered[] {
  const input = { ...given, routeSet: avoiding(given.routeSet, given.avoid) };
  return [...outbound(site, input), ...inbound(site, input), ...proxyless(site, input)];
}

function outbound(site: Site, input: ServiceInput): readonly Rendered[] {
  const { routeSet } = input;
  return destinationsOf(routeSet).flatMap((wanted) => {
    const name = outboundEnvoyCluster(routeSet.service, wanted.destination, wanted.ordinal);
    const own = { name, audience: "envoy", services: [routeSet.service] } as const;
    return [
      { kind: "cluster", ...own, ...cluster(outboundCluster(name, wanted.destination.cluster, routeSet)) },
      { kind: "endpoints", ...own, ...endpoints(assignment(name, wanted, { site, input })) },
    ] as const;
  });
}

function inbound(site: Site, input: ServiceInput): readonly Rendered[] {
  const { service, serves } = input.routeSet;
  return serves.flatMap((version) => {
    const name = inboundEnvoyCluster(service, version);
    const own = { name, audience: "envoy", services: [service] } as const;
    const destination = { cluster: site.cluster, version };
    return [
      { kind: "cluster", ...own, ...cluster(inboundCluster(input.routeSet, version)) },
      { kind: "endpoints", ...own, ...endpoints(localAssignment(name, destination, { site, input })) },
    ] as const;
  });
}

function proxyless(site: Site, input: ServiceInput): readonly Rendered[] {
  const { routeSet } = input;
  const { service } = routeSet;
  if (proxylessGap(routeSet) !== undefined) return [];
  const own = { audience: "proxyless", services: [service] } as const;
  const destinations = destinationsOf(routeSet).flatMap((wanted) => {
    const name = proxylessEnvoyCluster(service, wanted.destination, wanted.ordinal);
    return [
      { kind: "cluster", name, ...own, ...cluster(proxylessCluster(name)) },
      { kind: "endpoints", name, ...own, ...endpoints(assignment(name, wanted, { site, input })) },
    ] as const;
  });
  return [
    ...destinations,
    { kind: "listener", name: hostOf(service), ...own, ...listener(proxylessListener(routeSet)) },
  ];
}

/** A service's own routes: those of its proxyless clients. Envoys have all services of a port in one. */
export function renderOwnRoutes({ routeSet: given, avoid }: ServiceInput): readonly Rendered[] {
  const routeSet = avoiding(given, avoid);
  if (proxylessGap(routeSet) !== undefined) return [];
  const own = { audience: "proxyless", services: [routeSet.service] } as const;
  const message = proxylessRouteConfiguration(routeSet);
  return [{ kind: "route", name: proxylessRoutes(routeSet.service), ...own, ...route(message) }];
}

/** The listener of one port and its routes. `onPort` are all services of the port, in the order of their names. */
export function renderPort(site: Site, port: number, onPort: readonly ServiceInput[]): readonly Rendered[] {
  const services = onPort.map(({ routeSet }) => routeSet.service);
  const hosts = onPort.map((input) => renderVirtualHost(input, onPort.length === 1 ? "any-host" : "own-hosts"));
  const { listener: outer, route: inner } = renderPortShell(site, port, services);
  return [outer, { ...inner, ...route(outboundRoutes(port, hosts)) }];
}

/** A port without its services' routes, for which `services` are the ones to blame. */
export function renderPortShell(site: Site, port: number, services: readonly ServiceId[]) {
  const own = { name: outboundName(port), audience: "envoy", services } as const;
  return {
    listener: { kind: "listener", ...own, ...listener(outboundListener(site, port)) },
    route: { kind: "route", ...own, ...route(outboundRoutes(port, [])) },
  } as const;
}

/** A service's part of its port's routes. */
export function renderVirtualHost({ routeSet, avoid }: ServiceInput, hosts: Hosts): VirtualHost {
  return virtualHost(avoiding(routeSet, avoid), hosts);
}

/** Where other clusters' requests arrive, and what becomes of them. */
export function renderGateway(site: Site, inputs: readonly ServiceInput[]): readonly Rendered[] {
  const routeSets = inputs.toSorted(byService).map(({ routeSet }) => routeSet);
  const services = routeSets.filter(({ serves }) => serves.length > 0).map(({ service }) => service);
  const own = { name: GATEWAY, audience: "envoy" } as const;
  return [
    { kind: "listener", ...own, services: [], ...listener(gatewayListener(site)) },
    { kind: "route", ...own, services, ...route(gatewayRoutes(routeSets)) },
  ];
}

/** Gateways that the plan leads to, in the order of their clusters' names. */
export function peersOf(inputs: readonly ServiceInput[]): readonly Peer[] {
  const found = new Map<ClusterId, GatewayAddress>();
  for (const { routeSet } of inputs) {
    for (const { destination, gateway } of routeSet.reaches) {
      if (gateway !== undefined) found.set(destination.cluster, gateway);
    }
  }
  return [...found].toSorted(([a], [b]) => compareNames(a, b)).map(([id, gateway]) => ({ id, gateway }));
}

/** Another cluster's gateway. */
export interface Peer {
  readonly id: ClusterId;
  readonly gateway: GatewayAddress;
}

/** What watches a peer. */
export function renderPeer({ id, gateway }: Peer): Rendered {
  const own = { name: peerEnvoyCluster(id), audience: "envoy", services: [] } as const;
  return { kind: "cluster", ...own, ...cluster(peerCluster(id, gateway)) };
}

function cluster(message: Message): Body {
  return { schema: ClusterSchema, message };
}

function endpoints(message: Message): Body {
  return { schema: ClusterLoadAssignmentSchema, message };
}

function listener(message: Message): Body {
  return { schema: ListenerSchema, message };
}

function route(message: Message): Body {
  return { schema: RouteConfigurationSchema, message };
}
