import { connect } from "node:net";
import { request, type RequestOptions } from "node:http";
import { join } from "node:path";
import { proxylessBootstrap } from "../../agents/mesh/envoy/bootstrap.ts";
import type { ClusterId } from "../../src/model/ids.ts";
import { DEMO_SETTINGS, invitationFor, REPLICAS, writeClusterFiles, writePlannerFiles } from "./configuration.ts";
import type { ClusterFiles, PlannerFiles } from "./configuration.ts";
import { METHODS, Operator } from "./operator.ts";
import type { RandomArrivals } from "./pacer.ts";
import { Processes, tailOf, type DemoProcess, type ProcessSpec } from "./processes.ts";
import type { RealParts } from "./real-parts.ts";
import type { Tally } from "./tally.ts";
import { PORTS, type DemoCluster, type Topology } from "./topology.ts";
import { waitFor } from "./waiting.ts";
import type { Workspace } from "./workspace.ts";

const ROOT = join(import.meta.dirname, "../..");
/** Requests per second of one cluster's callers. */
const HTTP_RPS = 70;
const PROXYLESS_RPS = 30;
/** Those who search. */
export const SEARCH_RPS = { "eu-west": 35, "us-east": 40, "ap-south": 20 } as const;
/** Seed of those who search every day. */
const EVERYDAY = 1;
/** Without Envoy the proxyless callers carry the play alone. */
const PROXYLESS_ALONE_RPS = 70;

/** What a demo is opened with. */
export interface StackOptions {
  readonly workspace: Workspace;
  readonly tally: Tally;
  readonly parts: RealParts;
  readonly say: (line: string) => void;
}

/** Starts NATS and both planners; clusters come later, one by one. */
export async function openStack(options: StackOptions): Promise<Stack> {
  const { folder, topology } = options.workspace;
  const files = await writePlannerFiles({ folder, host: topology.controlAddress, settings: DEMO_SETTINGS });
  const stack = new Stack(options, files);
  try {
    await stack.startControlPlane();
    return stack;
  } catch (error) {
    await stack.close();
    throw error;
  }
}

/** Every process of the demo, started and killed as a whole machine room would. */
export class Stack {
  readonly operator: Operator;
  readonly movedService: "shop/checkout" | "shop/greeter";
  readonly #options: StackOptions;
  readonly #processes: Processes;
  readonly #running = new Map<string, DemoProcess>();
  readonly #files: PlannerFiles;

  constructor(options: StackOptions, files: PlannerFiles) {
    this.#options = options;
    this.#processes = new Processes(options.workspace.folder);
    this.#files = files;
    this.operator = new Operator(Object.values(files.sockets));
    this.movedService = options.parts.envoy === undefined ? "shop/greeter" : "shop/checkout";
  }

  /** NATS and both planners, until one of them leads. */
  async startControlPlane(): Promise<void> {
    const { nats } = this.#options.parts;
    this.#start({ name: "nats", command: nats.path, args: ["-c", this.#files.init.natsConfig] });
    await awaitPort(this.#topology.controlAddress, PORTS.nats);
    await Promise.all(REPLICAS.map(async (replica) => this.startPlanner(replica)));
    await this.#watched("a planner to lead", async () => (await this.#leads()) || undefined, 30_000);
  }

  async startPlanner(replica: string): Promise<void> {
    const config = this.#files.configs[replica] ?? "";
    this.#start({ name: replica, command: process.execPath, args: [join(ROOT, "src/main.ts"), "--config", config] });
    const index = REPLICAS.findIndex((name) => name === replica);
    await awaitPort(this.#topology.controlAddress, PORTS.plannerAgent + index);
  }

  async killPlanner(replica: string): Promise<void> {
    await this.#kill(replica);
  }

  async killControlPlane(): Promise<void> {
    await Promise.all(["nats", ...REPLICAS].map(async (name) => this.#kill(name)));
  }

  /** Everything that runs in one cluster but its callers. With a token the agent joins, without it is known already. */
  async startCluster(name: string, token?: string): Promise<void> {
    const cluster = this.#cluster(name);
    const backends = this.#startReady(`${name}-backends`, "backend.ts", [String(this.#topology.block), name]);
    this.#startAgent(cluster, token);
    this.#startEnvoy(cluster);
    await backends;
  }

  /** SIGKILL to everything in one cluster. */
  async killCluster(name: string): Promise<void> {
    const names = [...this.#running.keys()].filter((process) => process.startsWith(`${name}-`));
    await Promise.all(names.map(async (process) => this.#kill(process)));
  }

  async restartAgent(name: string): Promise<void> {
    await this.#kill(`${name}-agent`);
    this.#startAgent(this.#cluster(name));
  }

  /** Load generators of one cluster: HTTP through its Envoy for both services, and in us-east proxyless gRPC beside it. */
  startCallers(name: string): void {
    const { address } = this.#cluster(name);
    if (this.#options.parts.envoy !== undefined) {
      const args = [name, address, String(PORTS.checkout), "shop/checkout", String(HTTP_RPS)];
      this.#startCaller(`${name}-callers`, "load-http.ts", args);
      this.startSearchers(name, { rps: SEARCH_RPS[this.#cluster(name).name], seed: EVERYDAY });
    }
    if (this.#options.parts.envoy === undefined || name === "us-east") this.#startProxyless(name);
  }

  /** Callers of shop/search in one cluster, at random, through its Envoy; the seed tells apart several groups of them. */
  startSearchers(name: string, { rps, seed }: RandomArrivals): void {
    const { address } = this.#cluster(name);
    const args = [name, address, String(PORTS.search), "shop/search", String(rps), String(seed)];
    this.#startCaller(`${name}-searchers-${seed}`, "load-http.ts", args);
  }

  async endSearchers(name: string, { seed }: Pick<RandomArrivals, "seed">): Promise<void> {
    await this.#kill(`${name}-searchers-${seed}`);
  }

  /** Whether HTTP callers take part. */
  get hasEnvoy(): boolean {
    return this.#options.parts.envoy !== undefined;
  }

  /** Waits until a request through the cluster's Envoy is answered. */
  async awaitTraffic(name: string, service: "checkout" | "search"): Promise<void> {
    const { address } = this.#cluster(name);
    if (this.#options.parts.envoy === undefined) return;
    const target = { host: address, port: PORTS[service], headers: { host: `${service}.shop` } };
    await this.#watched(`an answer through ${name}'s Envoy`, async () => await answers(target), 20_000);
  }

  /** What to type in another terminal. */
  invitation(): string {
    return invitationFor(this.#files);
  }

  async close(): Promise<void> {
    this.operator.close();
    await this.#processes.closeAll();
  }

  killAllNow(): void {
    this.#processes.killAllNow();
  }

  get #topology(): Topology {
    return this.#options.workspace.topology;
  }

  #cluster(name: string): DemoCluster {
    const cluster = this.#topology.clusters.find((candidate) => candidate.name === name);
    if (cluster === undefined) throw new Error(`the demo has no cluster ${name}`);
    return cluster;
  }

  #startAgent(cluster: DemoCluster, token?: string): void {
    const args = [join(ROOT, "agents/main.ts"), "--config", this.#filesOf(cluster).agentConfig];
    const env = token === undefined ? {} : { WEIR_AGENT_TOKEN: token };
    this.#start({ name: `${cluster.name}-agent`, command: process.execPath, args, env });
  }

  #startEnvoy(cluster: DemoCluster): void {
    const { envoy } = this.#options.parts;
    if (envoy === undefined) return;
    // Own shared memory id: Envoys beside each other must not hand over to one another.
    const args = [
      "-c",
      this.#filesOf(cluster).envoyConfig,
      "--disable-hot-restart",
      "--concurrency",
      "1",
      "-l",
      "warn",
    ];
    this.#start({ name: `${cluster.name}-envoy`, command: envoy.path, args });
  }

  #filesOf(cluster: DemoCluster): ClusterFiles {
    return writeClusterFiles(
      this.#options.workspace,
      cluster,
      this.#options.parts.envoy === undefined ? "proxyless" : "envoy",
    );
  }

  #startProxyless(name: string): void {
    const { address } = this.#cluster(name);
    const rps = this.#options.parts.envoy === undefined ? PROXYLESS_ALONE_RPS : PROXYLESS_RPS;
    this.#start({
      name: `${name}-callers-grpc`,
      command: process.execPath,
      args: [join(import.meta.dirname, "load-grpc.ts"), name, "xds:///greeter.shop", String(rps)],
      env: { GRPC_XDS_BOOTSTRAP_CONFIG: this.#proxyless(name, address) },
      onMessage: this.#options.tally.accept,
    });
  }

  #proxyless(name: string, address: string): string {
    return proxylessBootstrap({
      cluster: name as ClusterId,
      node: `${name}-callers`,
      ads: { address, port: PORTS.ads },
    });
  }

  #startCaller(name: string, script: string, args: readonly string[]): void {
    this.#start({
      name,
      command: process.execPath,
      args: [join(import.meta.dirname, script), ...args],
      onMessage: this.#options.tally.accept,
    });
  }

  async #startReady(name: string, script: string, args: readonly string[]): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const started = this.#start({
        name,
        command: process.execPath,
        args: [join(import.meta.dirname, script), ...args],
        onMessage: (message) => (message === "ready" ? resolve() : undefined),
      });
      void started.exited.then((how) => reject(new Error(`${name} ended (${how}):\n${tailOf(started.logFile)}`)));
    });
  }

  #start(spec: ProcessSpec): DemoProcess {
    const started = this.#processes.start(spec);
    this.#running.set(spec.name, started);
    return started;
  }

  async #kill(name: string): Promise<void> {
    const running = this.#running.get(name);
    this.#running.delete(name);
    await running?.kill("SIGKILL");
  }

  async #leads(): Promise<boolean> {
    const { replicas } = await this.operator.call(METHODS.getStatus, {});
    return replicas.some(({ isLeading }) => isLeading);
  }

  /** Waits, and fails at once with its last words when a process that should run has ended. */
  async #watched(what: string, ask: () => Promise<true | undefined>, timeoutMs: number): Promise<void> {
    const endings = [...this.#running.values()].map(async ({ name, exited, logFile }) => {
      const how = await exited;
      if (this.#running.has(name))
        throw new Error(`${name} ended while waiting for ${what} (${how}):\n${tailOf(logFile)}`);
      return await new Promise<never>(() => undefined);
    });
    await Promise.race([waitFor(what, ask, { timeoutMs }), ...endings]);
  }
}

async function awaitPort(address: string, port: number): Promise<void> {
  await waitFor(`${address}:${port} to listen`, async () => await canConnect(address, port), { timeoutMs: 20_000 });
}

async function canConnect(address: string, port: number): Promise<true | undefined> {
  return await new Promise((resolve) => {
    const socket = connect({ host: address, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(undefined));
  });
}

async function answers(target: RequestOptions): Promise<true | undefined> {
  return await new Promise((resolve) => {
    const asking = request({ ...target, path: "/", timeout: 1_000 }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode === 200 ? true : undefined));
    });
    asking.once("timeout", () => asking.destroy());
    asking.once("error", () => resolve(undefined));
    asking.end();
  });
}
