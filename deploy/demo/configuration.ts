import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { envoyBootstrap } from "../../agents/mesh/envoy/bootstrap.ts";
import type { ClusterId } from "../../src/model/ids.ts";
import type { Settings } from "../../src/model/settings.ts";
import { initDirectory, type InitPaths } from "../../src/io/pki/init.ts";
import { capacityRps, PORTS, roundTripMs, type DemoCluster, type Topology } from "./topology.ts";
import { wanConfig, type Wan } from "./wan.ts";
import type { Workspace } from "./workspace.ts";

/** Names of the planner replicas, in the order of their ports. */
export const REPLICAS = ["planner-1", "planner-2"] as const;

/** What the demo wrote for NATS and the planners. */
export interface PlannerFiles {
  readonly init: InitPaths;
  readonly configs: Readonly<Record<string, string>>;
  readonly sockets: Readonly<Record<string, string>>;
}

/**
 * Short times, so that a minute shows what takes ten in production. They are configuration, printed at the start;
 * nothing else about the demo's planners differs.
 */
export const DEMO_SETTINGS = {
  healthyAfterMs: 3_000,
  rampStepMs: 1_500,
  coldStartMs: 5_000,
  emergencyWatchMs: 3_000,
  routineIntervalMs: 1_000,
} as const;

/** How often the leader looks, and how long a follower bears its silence. */
export const DEMO_TIMING = { tickMs: 200, leaderTimeoutMs: 2_000 } as const;

/** Where planners and NATS are to run, and how they plan. */
export interface PlannerPlace {
  /** Everything is written there. */
  readonly folder: string;
  /** Address of NATS and of every planner replica. */
  readonly host: string;
  readonly settings: Partial<Settings>;
}

/** Half as many requests make a window as in production: the demo's callers are few. */
export const DEMO_REPORT = { requestsEnough: 50 } as const;

/** Makes the fleet's CA, NATS accounts and first operator, and one configuration per planner replica. */
export async function writePlannerFiles({ folder, host, settings }: PlannerPlace): Promise<PlannerFiles> {
  const fleet = join(folder, "fleet");
  mkdirSync(fleet);
  const init = await initDirectory(fleet, {
    trustDomain: "weir",
    nats: { host, port: PORTS.nats },
    operator: "admin",
    nowMs: Date.now(),
  });
  const sockets = Object.fromEntries(REPLICAS.map((replica) => [replica, join(folder, `${replica}.sock`)]));
  const configs = REPLICAS.map((replica, index) => {
    const path = join(fleet, `${replica}.yaml`);
    writeFileSync(path, stringify(plannerConfig(host, { replica, index, socket: sockets[replica] ?? "", settings })));
    return [replica, path] as const;
  });
  return { init, sockets, configs: Object.fromEntries(configs) };
}

interface Replica {
  readonly replica: string;
  readonly index: number;
  readonly socket: string;
  readonly settings: Partial<Settings>;
}

function plannerConfig(host: string, { replica, index, socket, settings }: Replica): object {
  const at = (port: number): string => `${host}:${port + index}`;
  const everyone = (port: number): readonly string[] => REPLICAS.map((_, other) => `${host}:${port + other}`);
  return {
    replica,
    nats: { urls: [`nats://${host}:${PORTS.nats}`] },
    listen: {
      join: at(PORTS.plannerJoin),
      agent: at(PORTS.plannerAgent),
      operator: at(PORTS.plannerOperator),
      http: at(PORTS.plannerHttp),
      socket,
    },
    advertise: {
      join: everyone(PORTS.plannerJoin),
      agent: everyone(PORTS.plannerAgent),
      operator: everyone(PORTS.plannerOperator),
    },
    timing: DEMO_TIMING,
    settings,
  };
}

/** What the demo wrote for one cluster. */
export interface ClusterFiles {
  readonly agentConfig: string;
  readonly envoyConfig: string;
}

/** Writes a cluster's agent configuration, endpoints file and Envoy bootstrap. */
export function writeClusterFiles(
  { folder, topology }: Workspace,
  cluster: DemoCluster,
  mode: "envoy" | "proxyless",
): ClusterFiles {
  const home = join(folder, cluster.name);
  mkdirSync(home, { recursive: true });
  const path = (name: string): string => join(home, name);
  writeFileSync(path("endpoints.yaml"), stringify({ services: endpointsOf(cluster) }));
  writeFileSync(path("agent.yaml"), stringify(agentConfig(cluster, mode)));
  writeFileSync(path("envoy.json"), bootstrapOf(cluster, wanConfig(cluster, wanOf(topology))));
  return { agentConfig: path("agent.yaml"), envoyConfig: path("envoy.json") };
}

/** Proxyless callers, all of them in us-east, do not bind to their cluster's address. */
function wanOf({ clusters }: Topology): Wan {
  return { clusters, roundTripMs, unboundCallersIn: "us-east" };
}

function endpointsOf({ address, workloads }: DemoCluster): object {
  const services = [...new Set(workloads.map(({ service }) => service))];
  return Object.fromEntries(
    services.map((service) => [
      service,
      Object.fromEntries(
        workloads
          .filter((workload) => workload.service === service)
          .map((workload) => [
            workload.version,
            [{ address, port: workload.port, capacityRps: capacityRps(workload) }],
          ]),
      ),
    ]),
  );
}

function agentConfig({ address, workloads }: DemoCluster, mode: "envoy" | "proxyless"): object {
  // Without Envoy there is no gateway: proxyless callers of other clusters reach the sample service itself.
  const greeter = workloads.find(({ service }) => service === "shop/greeter");
  const gatewayPort = mode === "envoy" ? PORTS.gateway : (greeter?.port ?? 0);
  return {
    dataDir: "agent",
    gateway: { address, port: gatewayPort },
    endpointsFile: "endpoints.yaml",
    bakeMs: 1_500,
    report: DEMO_REPORT,
    mesh: { kind: "envoy", address, envoys: mode === "envoy" ? 1 : 0, xds: { address, port: PORTS.ads } },
  };
}

function bootstrapOf(cluster: DemoCluster, wan: ReturnType<typeof wanConfig>): string {
  const { name, address } = cluster;
  return envoyBootstrap({
    cluster: name as ClusterId,
    ads: { address, port: PORTS.ads },
    admin: { address, port: PORTS.envoyAdmin },
    extra: {
      static_resources: wan,
      // Requests leave from the cluster's own address, so that the other side knows which round trip to add.
      cluster_manager: { upstream_bind_config: { source_address: { address, port_value: 0 } } },
    },
  });
}

/** What to type in another terminal to talk to the fleet. */
export function invitationFor({ sockets }: PlannerFiles): string {
  return [
    `  export WEIR_SOCKET=${sockets[REPLICAS[0]]}`,
    "  npm run -s weir -- status",
    "  npm run -s weir -- cluster list",
    "  npm run -s weir -- plan explain shop/checkout",
    "  npm run -s weir -- shift preview shop/checkout --from us-east --to eu-west/v2=10% --to us-east/v1=90%",
    "  npm run -s weir -- shift request shop/checkout --from us-east --to eu-west/v2=10% --to us-east/v1=90% --reason try --wait",
    "  npm run -s weir -- cluster drain ap-south --bake 2s --wait",
  ].join("\n");
}
