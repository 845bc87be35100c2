import { hash } from "node:crypto";
import { toBinary } from "@bufbuild/protobuf";
import type { ServiceId } from "../../../src/model/ids.ts";
import { KINDS } from "./render.ts";
import type { Kind, Rendered } from "./render.ts";

/** One resource as it goes over the wire. Its version is the hash of its bytes. */
export interface Resource {
  readonly kind: Kind;
  readonly name: string;
  readonly audience: "envoy" | "proxyless";
  readonly services: readonly ServiceId[];
  /** Some resources put them together whenever they are asked for. */
  readonly bytes: Uint8Array;
  readonly version: string;
}

/** Resources by kind and name. */
type ByKind = Readonly<Record<Kind, ReadonlyMap<string, Resource>>>;

/** Everything the proxies of one cluster shall know at one moment, and what of it every Envoy gets. */
export interface Snapshot extends ByKind {
  readonly envoy: ByKind;
}

/** What each kind is called on the stream. */
export const TYPE_URLS: Readonly<Record<Kind, string>> = {
  cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  endpoints: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
  listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
  route: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
};

/** A snapshot of these resources. Of two with one name the later counts. */
export function snapshotOf(resources: Iterable<Resource>): Snapshot {
  const all = nothing();
  for (const resource of resources) all[resource.kind].set(resource.name, resource);
  const envoy = nothing();
  for (const kind of KINDS) envoy[kind] = forEnvoys(all[kind]);
  return { ...all, envoy };
}

/** The very same map where there is nothing for anybody else, which is the rule: a map of thousands costs memory. */
function forEnvoys(all: Map<string, Resource>): Map<string, Resource> {
  const isForEnvoys = ({ audience }: Resource) => audience === "envoy";
  if (all.values().every(isForEnvoys)) return all;
  return new Map(all.entries().filter(([, resource]) => isForEnvoys(resource)));
}

function nothing(): Record<Kind, Map<string, Resource>> {
  return { cluster: new Map(), endpoints: new Map(), listener: new Map(), route: new Map() };
}

/** Every resource of a snapshot. */
export function* resourcesIn(snapshot: Snapshot): Generator<Resource> {
  for (const kind of KINDS) yield* snapshot[kind].values();
}

/** Serialises one resource. */
export function sealOne({ schema, message, ...rest }: Rendered): Resource {
  return { ...rest, ...pieceOf(toBinary(schema, message)) };
}

/** Serialises what comes and goes together. The bytes share one piece of memory: one each costs more than most of them are long. */
export function sealEach(all: readonly Rendered[]): readonly Resource[] {
  const sealed = all.map(sealOne);
  const together = new Uint8Array(sealed.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let end = 0;
  return sealed.map((resource) => {
    const start = end;
    end += resource.bytes.length;
    together.set(resource.bytes, start);
    return new Slice(resource, { all: together, start, end });
  });
}

interface Extent {
  readonly all: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** A resource whose bytes are a part of others. A view of them is made when it is wanted: thousands cost more than the bytes. */
class Slice implements Resource {
  readonly kind: Kind;
  readonly name: string;
  readonly audience: Resource["audience"];
  readonly services: readonly ServiceId[];
  readonly version: string;
  readonly #all: Uint8Array;
  readonly #start: number;
  readonly #end: number;

  constructor({ kind, name, audience, services, version }: Resource, { all, start, end }: Extent) {
    this.kind = kind;
    this.name = name;
    this.audience = audience;
    this.services = services;
    this.version = version;
    this.#all = all;
    this.#start = start;
    this.#end = end;
  }

  get bytes(): Uint8Array {
    return this.#all.subarray(this.#start, this.#end);
  }
}

/** A resource whose bytes are these pieces, one behind the other. Whoever knows the pieces' versions need not read them all again. */
export function sealPieces({ kind, name, audience, services }: Resource, pieces: readonly Piece[]): Resource {
  return {
    kind,
    name,
    audience,
    services,
    version: versionOf(pieces.map(({ version }) => version).join()),
    get bytes() {
      return Buffer.concat(pieces.map(({ bytes }) => bytes));
    },
  };
}

/** Bytes with their version. */
export type Piece = Pick<Resource, "bytes" | "version">;

/** These bytes with their version. */
export function pieceOf(bytes: Uint8Array): Piece {
  return { bytes, version: versionOf(bytes) };
}

/** The version of what has this content: the same for the same, everywhere. */
export function versionOf(content: string | Uint8Array): string {
  // Of bytes: the head of a string would keep the whole string.
  return hash("sha256", content, "buffer").toString("hex", 0, 8);
}
