import { EMPTY_SERVICE } from "../service-spec.ts";
import type { FleetEvent } from "../../../src/model/event.ts";
import type { ClusterId, RouteSetHash, ServiceId } from "../../../src/model/ids.ts";
import type { RouteSet } from "../../../src/model/plan.ts";
import { encodeRouteSet } from "../../../src/wire/route-set.ts";
import { routeSetOf } from "../route-sets.ts";

/** Other clusters that each service has as well. */
const REMOTES = ["east", "south", "west"] as const;
const GATEWAY_PORT = 15_443;
const BACKEND_PORT = 9_001;

/** Addresses of everything that the agent under test sees. */
export interface Scene {
  readonly cluster: string;
  readonly services: number;
  /** Where its Envoy listens for callers. */
  readonly address: string;
  readonly backend: string;
  /** Gateways of the other clusters, in order. */
  readonly gateways: readonly string[];
}

/** The n-th service. */
export function serviceName(n: number): string {
  return `shop/s${n}`;
}

/** Every service declared, stored and released to the cluster. */
export function sceneEvents(scene: Scene): readonly (readonly FleetEvent[])[] {
  const names = Array.from({ length: scene.services }, (_, n) => serviceName(n));
  const routeSets: Record<RouteSetHash, RouteSet> = {};
  const released = names.map((service): FleetEvent => {
    const routeSet = routeSetFor(service, scene);
    const { hash } = encodeRouteSet(routeSet);
    routeSets[hash] = routeSet;
    const cluster = scene.cluster as ClusterId;
    return { kind: "route-set-released", service: service as ServiceId, cluster, hash, waveIndex: 0 };
  });
  const declared = names.map((service): FleetEvent => ({
    kind: "service-applied",
    spec: { ...EMPTY_SERVICE, service: service as ServiceId },
  }));
  return [declared, [{ kind: "route-sets-stored", routeSets }], released];
}

function routeSetFor(service: string, { cluster, gateways }: Scene): RouteSet {
  const all = [cluster, ...REMOTES];
  const weights = Object.fromEntries(all.map((name) => [name, name === cluster ? 7_000 : 1_000]));
  const fallbacks = Object.fromEntries(
    all.map((lost) => {
      const others = all.filter((name) => name !== lost);
      return [lost, Object.fromEntries(others.map((name, index) => [name, index === 0 ? 3_334 : 3_333]))];
    }),
  );
  const places = REMOTES.map((name, index) => [name, { address: gateways[index] ?? "", port: GATEWAY_PORT }]);
  return routeSetOf({ service, cluster, weights, fallbacks, gateways: Object.fromEntries(places) });
}

/** Everything that has to listen so that nothing looks lost. */
export function listenersOf({
  backend,
  gateways,
}: Scene): readonly { readonly address: string; readonly port: number }[] {
  return [{ address: backend, port: BACKEND_PORT }, ...gateways.map((address) => ({ address, port: GATEWAY_PORT }))];
}

/** The agent's endpoints file. */
export function endpointsYaml({ services, backend }: Scene): string {
  const lines = Array.from(
    { length: services },
    (_, n) => `  ${serviceName(n)}: {v1: [{address: ${backend}, port: ${BACKEND_PORT}}]}`,
  );
  return `services:\n${lines.join("\n")}\n`;
}
