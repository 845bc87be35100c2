import { createHash } from "node:crypto";
import { toBinary } from "@bufbuild/protobuf";
import type { ServiceId } from "../../../src/model/ids.ts";
import type { ServiceInput, Site } from "./render-input.ts";
import type { Kind, Rendered } from "./render.ts";
import { KINDS, renderService, renderShared } from "./render.ts";

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

/** Serialises rendered resources; those of services whose inputs are the same objects as before are reused. */
export interface Sealer {
  seal(inputs: readonly ServiceInput[]): Snapshot;
}

/** A sealer for one cluster. It remembers a service's bytes for as long as somebody holds the service's input. */
export function createSealer(site: Site): Sealer {
  const sealed = new WeakMap<ServiceInput, readonly Resource[]>();
  const ownOf = (input: ServiceInput) => {
    const known = sealed.get(input) ?? renderService(site, input).map(sealOne);
    sealed.set(input, known);
    return known;
  };
  return {
    seal: (inputs) => snapshotOf([...inputs.flatMap(ownOf), ...renderShared(site, inputs).map(sealOne)]),
  };
}

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
export function sealOne({ schema, message, kind, name, audience, services }: Rendered): Resource {
  const bytes = toBinary(schema, message);
  const version = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  return { kind, name, audience, services, typeUrl: TYPE_URLS[kind], bytes, version };
}

/**
 * `next` with what only `previous` had. Requests that are still under way may need it: what goes away does so in a second
 * snapshot, some time after nothing leads there any more.
 */
export function withLingering(next: Snapshot, previous: Snapshot | undefined): Snapshot {
  if (previous === undefined) return next;
  return byKind((kind) => new Map([...previous[kind], ...next[kind]]));
}

/** Whether two snapshots hold the same resources. */
export function sameSnapshot(a: Snapshot, b: Snapshot): boolean {
  return KINDS.every((kind) => a[kind].size === b[kind].size && [...a[kind].values()].every((one) => isIn(b, one)));
}

function isIn(snapshot: Snapshot, { kind, name, version }: Resource): boolean {
  return snapshot[kind].get(name)?.version === version;
}
