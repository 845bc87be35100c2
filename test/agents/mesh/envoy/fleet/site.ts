import { envoyBootstrap } from "../../../../../agents/mesh/envoy/bootstrap.ts";
import type { EnvoyMesh, EnvoyMeshOptions } from "../../../../../agents/mesh/envoy/mesh.ts";
import { createEnvoyMesh } from "../../../../../agents/mesh/envoy/mesh.ts";
import type { GatewayAddress } from "../../../../../src/model/cluster.ts";
import type { ClusterId } from "../../../../../src/model/ids.ts";
import type { Place, Running } from "./processes.ts";
import { startBackends, startEnvoy } from "./processes.ts";

/** How often Envoys report in tests, in ms. */
export const STATISTICS_MS = 200;

export const GATEWAY_PORT = 15_443;

/** One cluster on an address of its own: a mesh, a real Envoy, and workloads. */
export interface TestSite {
  readonly cluster: ClusterId;
  readonly address: string;
  readonly gateway: GatewayAddress;
  readonly mesh: EnvoyMesh;
  readonly envoy: Running | undefined;
  /** Starts endpoints here that call themselves `<cluster>/<version>`; all end with the site. */
  serve(places: readonly Omit<Place, "address">[]): Promise<Running>;
  startEnvoy(): Promise<Running>;
  stop(): Promise<void>;
}

export interface SiteOptions extends Partial<EnvoyMeshOptions> {
  readonly cluster: ClusterId;
  readonly address: string;
  /** Without an Envoy there are only proxyless clients. */
  readonly hasEnvoy?: boolean;
}

/** Starts a cluster. Nothing is applied yet. */
export async function startSite(options: SiteOptions): Promise<TestSite> {
  const { cluster, address, hasEnvoy = true, ...more } = options;
  const gateway = { address, port: GATEWAY_PORT };
  const ads = { address, port: 0 };
  const mesh = await createEnvoyMesh({ clusterName: cluster, address, gateway, ads, lingerMs: 500, ...more });
  const running: Running[] = [];
  const keep = (one: Running) => {
    running.push(one);
    return one;
  };
  const launch = async () =>
    keep(await startEnvoy(envoyBootstrap({ cluster, ads: mesh.ads, statisticsMs: STATISTICS_MS })));
  return {
    cluster,
    address,
    gateway,
    mesh,
    envoy: hasEnvoy ? await launch() : undefined,
    serve: async (places) => keep(await startBackends(places.map((place) => ({ ...place, address })))),
    startEnvoy: launch,
    stop: async () => {
      await mesh.close();
      await Promise.all(running.map(async (one) => await one.stop()));
    },
  };
}
