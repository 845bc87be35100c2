import { isDeepStrictEqual } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import type { ClusterId, ServiceId } from "../../../src/model/ids.ts";
import { RouteConfigurationSchema } from "../../../proto/gen/envoy/config/route/v3/route_pb.ts";
import type { ServiceInput, Site } from "./render-input.ts";
import { avoiding } from "./render-avoid.ts";
import { proxylessWeights } from "./render-proxyless.ts";
import type { Hosts } from "./render-routes.ts";
import { virtualHostWeights } from "./render-routes.ts";
import {
  byPort,
  peersOf,
  renderGateway,
  renderOwnRoutes,
  renderPeer,
  renderPortShell,
  renderSteady,
  renderVirtualHost,
} from "./render.ts";
import type { Peer } from "./render.ts";
import { differInWeights, reweigh } from "./reweigh.ts";
import type { Piece, Resource, Snapshot } from "./snapshot.ts";
import { pieceOf, sealEach, sealOne, sealPieces, snapshotOf } from "./snapshot.ts";

/** Makes snapshots, and only what changed of each anew. */
export interface Sealer {
  /** The same inputs (the very objects, in the same order) give the same snapshot object. */
  seal(inputs: readonly ServiceInput[]): Snapshot;
}

/** A sealer for one cluster. It remembers what the last snapshot was made of, piece by piece. */
export function createSealer(site: Site): Sealer {
  let last: Sealed | undefined;
  return {
    seal: (inputs) => {
      if (last === undefined || !isSame(last.inputs, inputs)) last = sealAll(site, inputs, last);
      return last.snapshot;
    },
  };
}

/** A snapshot with the pieces it consists of. */
interface Sealed {
  readonly inputs: readonly ServiceInput[];
  readonly services: ReadonlyMap<ServiceId, SealedService>;
  readonly ports: ReadonlyMap<number, SealedPort>;
  readonly gateway: Made<readonly Resource[]>;
  readonly peers: ReadonlyMap<ClusterId, Made<Resource>>;
  readonly snapshot: Snapshot;
}

/** Something, and what it was made of. */
interface Made<T> {
  readonly of: readonly unknown[];
  readonly made: T;
}

interface SealedService {
  readonly input: ServiceInput;
  /** What its weights do not touch. */
  readonly steady: readonly Resource[];
  readonly routes: readonly Resource[];
  /** Its part of its port's routes, by the hosts that it answers to. */
  readonly parts: Map<Hosts, Piece>;
  /** What the gateway's routes are made of; the weights, which change most, are nothing to them. */
  readonly served: string;
}

interface SealedPort {
  readonly shell: Made<Shell>;
  readonly routes: Made<Resource>;
}

/** A port's listener, and the head of its routes. */
interface Shell {
  readonly listener: Resource;
  readonly head: Resource;
}

function sealAll(site: Site, inputs: readonly ServiceInput[], last: Sealed | undefined): Sealed {
  const services = new Map(
    inputs.map((input) => {
      const { service } = input.routeSet;
      return [service, sealService(site, input, last?.services.get(service))] as const;
    }),
  );
  const ports = new Map(
    [...byPort(inputs)].map(([port, onPort]) => {
      const sealed = onPort.flatMap(({ routeSet }) => services.get(routeSet.service) ?? []);
      return [port, sealPort({ site, port, services: sealed }, last?.ports.get(port))] as const;
    }),
  );
  const served = [...services.values()].map((one) => one.served);
  const gateway = fresh(last?.gateway, served, () => renderGateway(site, inputs).map(sealOne));
  const peers = new Map(peersOf(inputs).map((peer) => [peer.id, sealPeer(peer, last?.peers.get(peer.id))] as const));
  const resources = [
    ...[...services.values()].flatMap(({ steady, routes }) => [...steady, ...routes]),
    ...[...ports.values()].flatMap(({ shell, routes }) => [shell.made.listener, routes.made]),
    ...gateway.made,
    ...[...peers.values()].map(({ made }) => made),
  ];
  return { inputs, services, ports, gateway, peers, snapshot: snapshotOf(resources) };
}

function sealService(site: Site, input: ServiceInput, last: SealedService | undefined): SealedService {
  if (last?.input === input) return last;
  if (last !== undefined && isReweighed(last.input, input)) return reweighService(input, last);
  const { service, serves, request } = input.routeSet;
  return {
    input,
    steady: sealEach(renderSteady(site, input)),
    routes: renderOwnRoutes(input).map(sealOne),
    parts: new Map(),
    served: `${service} ${serves.join()} ${request.requestTimeoutMs}`,
  };
}

/** Whether the weights are all that is new: the commonest change of all. */
function isReweighed(last: ServiceInput, input: ServiceInput): boolean {
  if (last.avoid !== input.avoid || !isDeepStrictEqual(last.local, input.local)) return false;
  return differInWeights(avoiding(last.routeSet, last.avoid), avoiding(input.routeSet, input.avoid));
}

/** Puts new weights into the bytes that are there: much quicker than rendering them, and the same. */
function reweighService(input: ServiceInput, last: SealedService): SealedService {
  const routeSet = avoiding(input.routeSet, input.avoid);
  const weights = virtualHostWeights(routeSet);
  const routes = last.routes.map((route) => ({
    ...route,
    ...pieceOf(reweigh(route.bytes, proxylessWeights(routeSet))),
  }));
  const parts = last.parts.entries().map(([hosts, { bytes }]) => [hosts, pieceOf(reweigh(bytes, weights))] as const);
  return { ...last, input, routes, parts: new Map(parts) };
}

interface Port {
  readonly site: Site;
  readonly port: number;
  readonly services: readonly SealedService[];
}

/**
 * A port's listener and routes. The routes' bytes are put together from each service's: protobuf reads two encodings of a message, one
 * behind the other, as one message with the lists of both.
 */
function sealPort({ site, port, services }: Port, last: SealedPort | undefined): SealedPort {
  const names = services.map(({ input }) => input.routeSet.service);
  const shell = fresh(last?.shell, names, () => {
    const { listener, route } = renderPortShell(site, port, names);
    return { listener: sealOne(listener), head: sealOne(route) };
  });
  const { head } = shell.made;
  const hosts: Hosts = services.length === 1 ? "any-host" : "own-hosts";
  const pieces = [head, ...services.map((service) => partOf(service, hosts))];
  return { shell, routes: fresh(last?.routes, pieces, () => sealPieces(head, pieces)) };
}

function partOf({ input, parts }: SealedService, hosts: Hosts): Piece {
  const known = parts.get(hosts);
  if (known !== undefined) return known;
  const message = create(RouteConfigurationSchema, { virtualHosts: [renderVirtualHost(input, hosts)] });
  const part = pieceOf(toBinary(RouteConfigurationSchema, message));
  parts.set(hosts, part);
  return part;
}

function sealPeer(peer: Peer, last: Made<Resource> | undefined): Made<Resource> {
  const { address, port } = peer.gateway;
  return fresh(last, [address, port], () => sealOne(renderPeer(peer)));
}

function fresh<T>(last: Made<T> | undefined, of: readonly unknown[], make: () => T): Made<T> {
  return last !== undefined && isSame(last.of, of) ? last : { of, made: make() };
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}
