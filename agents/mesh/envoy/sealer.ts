import { create, toBinary } from "@bufbuild/protobuf";
import type { RouteConfiguration } from "../../../proto/gen/envoy/config/route/v3/route_pb.ts";
import { RouteConfigurationSchema } from "../../../proto/gen/envoy/config/route/v3/route_pb.ts";
import type { ServiceInput, Site } from "./render-input.ts";
import type { Hosts } from "./render-routes.ts";
import { outboundRoutes } from "./render-routes.ts";
import { byPort, renderGateway, renderPeers, renderPort, renderService, renderVirtualHost } from "./render.ts";
import type { Rendered } from "./render.ts";
import type { Resource, Snapshot } from "./snapshot.ts";
import { sealBytes, sealOne, snapshotOf } from "./snapshot.ts";

/** Makes snapshots, and only what changed of each anew. */
export interface Sealer {
  /** The same inputs (the very objects, in the same order) give the same snapshot object. */
  seal(inputs: readonly ServiceInput[]): Snapshot;
}

/**
 * A sealer for one cluster. A service's own resources are remembered for as long as somebody holds its input; shared ones until
 * one of the inputs they depend on changes.
 */
export function createSealer(site: Site): Sealer {
  const own = new WeakMap<ServiceInput, readonly Resource[]>();
  const ports = new Map<number, Memo>();
  const hosts: Readonly<Record<Hosts, WeakMap<ServiceInput, Uint8Array>>> = {
    "any-host": new WeakMap(),
    "own-hosts": new WeakMap(),
  };
  let gateway: Memo | undefined;
  let whole: (Memo & { readonly snapshot: Snapshot }) | undefined;

  const ownOf = (input: ServiceInput) => remembered(own, input, () => renderService(site, input).map(sealOne));
  const hostOf = (input: ServiceInput, kind: Hosts) =>
    remembered(hosts[kind], input, () => virtualHostBytes(input, kind));
  const portOf = (port: number, inputs: readonly ServiceInput[]) => {
    const memo = fresh(ports.get(port), inputs, () => sealPort({ site, port, inputs, hostOf }));
    ports.set(port, memo);
    return memo.resources;
  };
  const gatewayOf = (inputs: readonly ServiceInput[]) => {
    // The weights of a service, which change most, are nothing to the gateway.
    gateway = fresh(gateway, inputs.map(served), () => renderGateway(site, inputs).map(sealOne));
    return gateway.resources;
  };
  const make = (inputs: readonly ServiceInput[]) => [
    ...inputs.flatMap(ownOf),
    ...[...byPort(inputs)].flatMap(([port, onPort]) => portOf(port, onPort)),
    ...gatewayOf(inputs),
    ...renderPeers(inputs).map(sealOne),
  ];
  return {
    seal: (inputs) => {
      if (whole !== undefined && isSame(whole.of, inputs)) return whole.snapshot;
      const resources = make(inputs);
      whole = { of: inputs, resources, snapshot: snapshotOf(resources) };
      return whole.snapshot;
    },
  };
}

/** Resources, and what they were made of. */
interface Memo {
  readonly of: readonly unknown[];
  readonly resources: readonly Resource[];
}

function fresh(memo: Memo | undefined, of: readonly unknown[], make: () => readonly Resource[]): Memo {
  return memo !== undefined && isSame(memo.of, of) ? memo : { of, resources: make() };
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}

function remembered<T>(memory: WeakMap<ServiceInput, T>, input: ServiceInput, make: () => T): T {
  const known = memory.get(input);
  if (known !== undefined) return known;
  const made = make();
  memory.set(input, made);
  return made;
}

/** What of a service the gateway's routes are made of. */
function served({ routeSet: { service, serves, request } }: ServiceInput): string {
  return `${service} ${serves.join()} ${request.requestTimeoutMs}`;
}

interface Port {
  readonly site: Site;
  readonly port: number;
  readonly inputs: readonly ServiceInput[];
  readonly hostOf: (input: ServiceInput, hosts: Hosts) => Uint8Array;
}

/**
 * A port's listener and routes. The routes' bytes are put together from each service's: protobuf reads two encodings of a message, one
 * behind the other, as one message with the lists of both.
 */
function sealPort({ site, port, inputs, hostOf }: Port): readonly Resource[] {
  const [first] = inputs;
  if (first === undefined) return [];
  const hosts: Hosts = inputs.length === 1 ? "any-host" : "own-hosts";
  const parts = [
    toBinary(RouteConfigurationSchema, outboundRoutes(port, [])),
    ...inputs.map((one) => hostOf(one, hosts)),
  ];
  const services = inputs.map(({ routeSet }) => routeSet.service);
  return renderPort(site, port, [first]).map((rendered: Rendered) => {
    const all = { ...rendered, services };
    return rendered.kind === "route" ? sealBytes(all, Buffer.concat(parts)) : sealOne(all);
  });
}

function virtualHostBytes(input: ServiceInput, hosts: Hosts): Uint8Array {
  const part: RouteConfiguration = create(RouteConfigurationSchema, {
    virtualHosts: [renderVirtualHost(input, hosts)],
  });
  return toBinary(RouteConfigurationSchema, part);
}
