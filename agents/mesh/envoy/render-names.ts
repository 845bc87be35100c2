import type { Destination, DestinationKey } from "../../../src/model/destination.ts";
import { destinationOf, keyOf } from "../../../src/model/destination.ts";
import type { ClusterId, ServiceId, Version } from "../../../src/model/ids.ts";

/** Names the service that a request from another cluster is for, `namespace/name`. */
export const SERVICE_HEADER = "x-weir-service";

/** Names the version that the sender's split chose. */
export const VERSION_HEADER = "x-weir-version";

/** On an answer of a gateway: the request reached no server, so that anyone may send it again. */
export const UNSERVED_HEADER = "x-weir-unserved";

/** Host of the gateway's own health answer: no service can have this name, because services have two labels before it. */
export const HEALTH_HOST = "health.weir";
export const HEALTH_PATH = "/.weir/health";

/** Name of the gateway's listener and of its route configuration. */
export const GATEWAY = "gateway";

/** Name of the listener, and of its route configuration, on which local callers reach the services of one port. */
export function outboundName(port: number): string {
  return `outbound/${port}`;
}

/**
 * Name of the envoyCluster for one destination. `ordinal` tells apart the envoyClusters of one destination whose fallbacks
 * differ between rules; the first has none.
 */
export function outboundEnvoyCluster(service: ServiceId, destination: Destination, ordinal: number): string {
  return named("out", `${service}/${keyOf(destination)}`, ordinal);
}

/** The same for proxyless clients, which need other settings. */
export function proxylessEnvoyCluster(service: ServiceId, destination: Destination, ordinal: number): string {
  return named("grpc", `${service}/${keyOf(destination)}`, ordinal);
}

function named(kind: string, rest: string, ordinal: number): string {
  return ordinal === 0 ? `${kind}/${rest}` : `${kind}/${rest}/${ordinal}`;
}

/** Name of the envoyCluster that holds a version's endpoints in this cluster and nothing else. */
export function inboundEnvoyCluster(service: ServiceId, version: Version): string {
  return `in/${service}/${version}`;
}

/** Name of the envoyCluster that only watches another cluster's gateway. */
export function peerEnvoyCluster(cluster: ClusterId): string {
  return `peer/${cluster}`;
}

/** Name of a service's route configuration for proxyless clients. */
export function proxylessRoutes(service: ServiceId): string {
  return `grpc/${service}`;
}

/** The name callers use: `checkout.shop` for `shop/checkout`. It is the target of `xds:///` too. */
export function hostOf(service: ServiceId): string {
  const [namespace, name] = service.split("/");
  return `${name}.${namespace}`;
}

/** Every host name a service answers to. */
export function hostsOf(service: ServiceId): readonly string[] {
  return [hostOf(service), `${hostOf(service)}.weir`];
}

/** What an envoyCluster stands for, read back from its name as statistics carry it. */
export type EnvoyClusterName =
  | { readonly kind: "out" | "grpc"; readonly service: ServiceId; readonly destination: Destination }
  | { readonly kind: "in"; readonly service: ServiceId; readonly version: Version }
  | { readonly kind: "peer"; readonly cluster: ClusterId };

/** Reads an envoyCluster's name back; undefined for one that Weir did not name. */
export function readEnvoyCluster(name: string): EnvoyClusterName | undefined {
  const [kind, ...parts] = name.split("/");
  if (kind === "peer" && parts.length === 1) return { kind, cluster: parts[0] as ClusterId };
  const service = `${parts[0]}/${parts[1]}` as ServiceId;
  if (kind === "in" && parts.length === 3) return { kind, service, version: parts[2] as Version };
  if ((kind !== "out" && kind !== "grpc") || (parts.length !== 4 && parts.length !== 5)) return undefined;
  const destination = destinationOf(`${parts[2]}/${parts[3]}`);
  return destination === undefined ? undefined : { kind, service, destination };
}

/** The zone of a destination's endpoints, so that the proxies' statistics by zone say who really served. */
export function zoneOf(destination: Destination): DestinationKey {
  return keyOf(destination);
}
