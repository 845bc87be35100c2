import { hash } from "node:crypto";
import { toBinary } from "@bufbuild/protobuf";
import type { ServiceId } from "../../../src/model/ids.ts";
import type { Kind, Rendered } from "./render.ts";

/** One resource as it goes over the wire. Its version is the hash of its bytes. */
export interface Resource {
  readonly kind: Kind;
  readonly name: string;
  readonly audience: "envoy" | "proxyless";
  readonly services: readonly ServiceId[];
  readonly typeUrl: string;
  readonly bytes: Uint8Array;
  readonly version: string;
}

/** Everything the proxies of one cluster shall know at one moment. */
export type Snapshot = Readonly<Record<Kind, ReadonlyMap<string, Resource>>>;

/** What each kind is called on the stream. */
export const TYPE_URLS: Readonly<Record<Kind, string>> = {
  cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  endpoints: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
  listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
  route: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
};

/** A snapshot of these resources, by kind and name. */
export function snapshotOf(resources: readonly Resource[]): Snapshot {
  return byKind((kind) => byName(resources.filter((resource) => resource.kind === kind)));
}

function byKind(make: (kind: Kind) => ReadonlyMap<string, Resource>): Snapshot {
  return { cluster: make("cluster"), endpoints: make("endpoints"), listener: make("listener"), route: make("route") };
}

function byName(resources: readonly Resource[]): ReadonlyMap<string, Resource> {
  return new Map(resources.map((resource) => [resource.name, resource]));
}

/** Serialises one resource. */
export function sealOne({ schema, message, ...rest }: Rendered): Resource {
  return sealBytes(rest, toBinary(schema, message));
}

/** Names a resource by its bytes. */
export function sealBytes(resource: Omit<Rendered, "schema" | "message">, bytes: Uint8Array): Resource {
  const { kind, name, audience, services } = resource;
  const version = hash("sha256", bytes).slice(0, 16);
  return { kind, name, audience, services, typeUrl: TYPE_URLS[kind], bytes, version };
}
