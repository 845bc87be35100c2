import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { envoyBootstrap } from "../../../agents/mesh/envoy/bootstrap.ts";
import { writePlannerFiles } from "../../../deploy/demo/configuration.ts";
import { enumName } from "../../../deploy/demo/enum-name.ts";
import { METHODS, Operator } from "../../../deploy/demo/operator.ts";
import { PORTS as DEMO_PORTS } from "../../../deploy/demo/topology.ts";
import { waitFor } from "../../../deploy/demo/waiting.ts";
import { Membership } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { Protocol } from "../../../proto/gen/weir/v1/plan_pb.ts";
import type { RouteSet } from "../../../proto/gen/weir/v1/plan_pb.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import type { Member } from "../crew.ts";
import { awaitPort } from "../ports.ts";
import { PORTS, REQUEST, SERVICE } from "./fleet.ts";
import type { Fleet, Site } from "./fleet.ts";
import type { Cast } from "./cast.ts";

/** Weir as it really runs: NATS, a planner, and an agent and an Envoy in each cluster. */
export interface WeirSide {
  /** What the planner has measured of each cluster's demand, rps. */
  demandRps(): Promise<Readonly<Record<string, number>>>;
  /** What was released to each cluster. */
  released(): Promise<ReadonlyMap<string, RouteSet>>;
  /** SIGKILL to the planner, NATS and every agent; the Envoys go on with what they were told. */
  stopControl(): Promise<void>;
}

const ROOT = join(import.meta.dirname, "../../..");

/** Short times, so that clusters are taken in at once; how plans divide is as shipped. */
const SETTINGS = { healthyAfterMs: 2_000, coldStartMs: 2_000, routineIntervalMs: 2_000 };

/** Starts everything, lets every cluster join as real ones do, and declares the service. */
export async function startWeirSide(cast: Cast, fleet: Fleet): Promise<WeirSide> {
  const folder = join(cast.folder, "weir");
  mkdirSync(folder);
  const files = await writePlannerFiles({ folder, host: fleet.controlAddress, settings: SETTINGS });
  const [replica = "", config = ""] = Object.entries(files.configs)[0] ?? [];
  const control = [cast.start({ name: "nats", command: cast.nats, args: ["-c", files.init.natsConfig] })];
  await awaitPort(fleet.controlAddress, DEMO_PORTS.nats);
  const planner = { name: "planner", command: process.execPath, args: [join(ROOT, "src/main.ts"), "--config", config] };
  control.push(cast.start(planner));
  const operator = new Operator([files.sockets[replica] ?? ""]);
  await waitFor("the planner to lead", async () => await leads(operator), { timeoutMs: 30_000 });
  control.push(...(await Promise.all(fleet.sites.map(async (site) => await takeIn(site, { cast, fleet, operator })))));
  await declare(operator, fleet);
  return {
    demandRps: async () => await demandOf(operator),
    released: async () => await releasedBy(operator),
    stopControl: async () => {
      operator.close();
      await Promise.all(control.map(async (member) => await member.kill("SIGKILL")));
    },
  };
}

async function leads(operator: Operator): Promise<true | undefined> {
  const { replicas } = await operator.call(METHODS.getStatus, {});
  return replicas.some(({ isLeading }) => isLeading) || undefined;
}

interface Within {
  readonly cast: Cast;
  readonly fleet: Fleet;
  readonly operator: Operator;
}

/** Registers a cluster, starts its agent and its Envoy, and accepts it. Returns the agent. */
async function takeIn(site: Site, { cast, fleet, operator }: Within): Promise<Member> {
  const { name: cluster, address } = site;
  const others = fleet.sites.filter(({ name }) => name !== cluster);
  const rttMs = Object.fromEntries(others.map(({ name }) => [name, fleet.roundTripMs(cluster, name)]));
  const { token } = await operator.call(METHODS.registerCluster, {
    requestId: `register-${cluster}`,
    spec: { name: cluster, region: cluster, gateway: { address, port: PORTS.wan }, rttMs },
  });
  const agent = cast.start({
    name: `agent-${cluster}`,
    command: process.execPath,
    args: [join(ROOT, "agents/main.ts"), "--config", writeAgentFiles(site, cast.folder)],
    env: { WEIR_AGENT_TOKEN: token },
  });
  cast.startEnvoy(`envoy-${cluster}`, bootstrapOf(site));
  await waitForMembership(operator, cluster, Membership.PENDING);
  await operator.call(METHODS.acceptCluster, { requestId: `accept-${cluster}`, cluster });
  await waitForMembership(operator, cluster, Membership.ACTIVE);
  return agent;
}

function writeAgentFiles({ name, address }: Site, folder: string): string {
  const home = join(folder, name);
  mkdirSync(home);
  const path = (file: string): string => join(home, file);
  const endpoints = { services: { [SERVICE]: { v1: [{ address, port: PORTS.backend }] } } };
  writeFileSync(path("endpoints.yaml"), stringify(endpoints));
  const config = {
    dataDir: "agent",
    gateway: { address, port: PORTS.gateway },
    endpointsFile: "endpoints.yaml",
    bakeMs: 1_500,
    mesh: { kind: "envoy", address, envoys: 1, xds: { address, port: PORTS.ads } },
  };
  writeFileSync(path("agent.yaml"), stringify(config));
  return path("agent.yaml");
}

function bootstrapOf({ name, address }: Site): string {
  return envoyBootstrap({
    cluster: name as ClusterId,
    ads: { address, port: PORTS.ads },
    admin: { address, port: PORTS.admin },
    // The net knows by the address where a request comes from.
    extra: { cluster_manager: { upstream_bind_config: { source_address: { address, port_value: 0 } } } },
  });
}

async function waitForMembership(operator: Operator, cluster: string, wanted: Membership): Promise<void> {
  const hasCome = async (): Promise<true | undefined> => {
    const { clusters } = await operator.call(METHODS.listClusters, {});
    return clusters.some(({ spec, membership }) => spec?.name === cluster && membership === wanted) || undefined;
  };
  await waitFor(`${cluster} to be ${enumName(Membership, wanted)}`, hasCome, { timeoutMs: 40_000 });
}

/** The planner learns demand from reports, as it does everywhere. */
async function declare(operator: Operator, { sites }: Fleet): Promise<void> {
  const deployments = sites.map(({ name, servers, meanWorkMs }) => ({
    destination: { cluster: name, version: "v1" },
    curve: { servers, meanWorkMs },
  }));
  await operator.call(METHODS.applyService, {
    requestId: "declare",
    spec: {
      name: SERVICE,
      protocol: Protocol.HTTP,
      port: PORTS.outbound,
      stableVersion: "v1",
      deployments,
      request: REQUEST,
    },
  });
}

async function demandOf(operator: Operator): Promise<Readonly<Record<string, number>>> {
  const { sources } = await operator.call(METHODS.getStatus, { service: SERVICE });
  return Object.fromEntries(sources.map(({ cluster, demandRps }) => [cluster, demandRps]));
}

async function releasedBy(operator: Operator): Promise<ReadonlyMap<string, RouteSet>> {
  const { plans } = await operator.call(METHODS.getPlan, { service: SERVICE });
  return new Map((plans[0]?.released ?? []).map((routeSet) => [routeSet.cluster, routeSet]));
}
