import { performance } from "node:perf_hooks";
import type { Mesh } from "../../core/ports.ts";
import type { Feature, GatewayAddress } from "../../../src/model/cluster.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import type { AdsAddress, AdsServer, AdsTls, Log } from "./ads-server.ts";
import { createApply } from "./apply.ts";
import { judgeListen, serveAds } from "./ads-server.ts";
import { loadReports } from "./lrs-server.ts";
import { metricsSink } from "./metrics-sink.ts";
import { createPublisher } from "./publisher.ts";
import { createTally } from "./tally.ts";
import { createUtilisations } from "./utilisation.ts";
import type { Scene } from "./view.ts";
import { createView } from "./view.ts";

export interface EnvoyMeshOptions {
  readonly clusterName: ClusterId;
  /** Address on which local callers reach every service, each on its own port. */
  readonly address: string;
  /** Where this cluster's gateway listens to the other clusters. */
  readonly gateway: GatewayAddress;
  /** Where proxies ask for their configuration; port 0 takes a free one. */
  readonly ads: AdsAddress;
  readonly tls?: AdsTls;
  /** How many Envoys must have acknowledged a plan before it counts as applied; 0 where there are only proxyless clients. */
  readonly envoys?: number;
  /** How long what no route leads to any more stays, for requests still under way. */
  readonly lingerMs?: number;
  /** How often proxyless clients report what they sent, and Envoys how busy local endpoints said that they are. */
  readonly loadReportMs?: number;
  readonly log?: Log;
}

/** The longest that a request of default policy can take. */
const LINGER_MS = 15_000;

const LOAD_REPORT_MS = 1_000;

/** What endpoints said last stands for as many load reports that did not come. */
const REPORTS_LOST_MAX = 3;

const SUPPORTS: ReadonlySet<Feature> = new Set([
  "weighted-split",
  "rendered-fallback",
  "header-match",
  "proxyless",
] as const);

/** The Envoy mesh, with where its proxies find it. */
export interface EnvoyMesh extends Mesh {
  readonly ads: AdsAddress;
  /** Envoys that are connected now. */
  envoys(): number;
}

/**
 * Starts the mesh of one cluster: the configuration server for its Envoys and proxyless gRPC clients, and what hears their
 * reports. Rejects with the refusal's words when the address may not be served, or with the cause when it cannot be had.
 */
export async function createEnvoyMesh(options: EnvoyMeshOptions): Promise<EnvoyMesh> {
  const allowed = judgeListen(options.ads, options.tls);
  if (!allowed.ok) throw new Error(`${allowed.refusal.field}: ${allowed.refusal.message}`);
  const log = options.log ?? (() => undefined);
  const clock = () => performance.now();
  const troubled = new Set<() => void>();
  const tally = createTally(clock);
  const onTrouble = () => {
    for (const listener of troubled) listener();
  };
  const view = createView({ cluster: options.clusterName, clock, tally, onTrouble });
  const intervalMs = options.loadReportMs ?? LOAD_REPORT_MS;
  const standsMs = REPORTS_LOST_MAX * intervalMs;
  const utilisations = createUtilisations({ cluster: options.clusterName, clock, standsMs });
  const loads = loadReports({ cluster: options.clusterName, intervalMs, tally, utilisations });
  const changed = new Set<() => void>();
  const server = await serveAds({
    listen: options.ads,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    beside: [loads, metricsSink({ view, clock })],
    onChange: () => {
      for (const listener of changed) listener();
    },
    log,
  });
  const offer: AdsServer["offer"] = (offered) => {
    server.offer(offered);
    loads.watch(offered.snapshot);
  };
  const publisher = createPublisher({
    site: { cluster: options.clusterName, address: options.address, gateway: options.gateway },
    server: { ...server, offer },
    changed,
    envoys: options.envoys ?? 1,
    lingerMs: options.lingerMs ?? LINGER_MS,
    log,
  });
  const show = (scene: Scene) => {
    utilisations.show(scene.endpoints);
    view.show(scene);
  };
  const apply = createApply({ publisher, server, show });
  return {
    supports: SUPPORTS,
    ads: server.listen,
    apply,
    takeWindow: () => ({ ...tally.take(), utilisations: utilisations.take() }),
    peers: () => view.peers(),
    evidence: () => view.evidence(),
    workloads: () => view.workloads(),
    onTrouble: (listener) => {
      troubled.add(listener);
      return () => void troubled.delete(listener);
    },
    envoys: () => server.standings().filter(({ isEnvoy }) => isEnvoy).length,
    close: async () => {
      publisher.close();
      server.close();
    },
  };
}
