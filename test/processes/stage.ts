import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials } from "@grpc/grpc-js";
import { onTestFailed } from "vitest";
import { stringify } from "yaml";
import { CallFailure, call } from "../../agents/io/planner-client.ts";
import { Processes, tailOf } from "../../deploy/demo/processes.ts";
import type { DemoProcess } from "../../deploy/demo/processes.ts";
import { waitFor } from "../../deploy/demo/waiting.ts";
import { resolvePart } from "../../deploy/parts/resolve-part.ts";
import { runCommand } from "../../src/cli/run.ts";
import { initDirectory } from "../../src/io/pki/init.ts";
import type { InitPaths } from "../../src/io/pki/init.ts";
import type { Refusal } from "../../src/model/refusal.ts";
import { rpcService } from "../../src/wire/rpc.ts";
import { AdminService } from "../../proto/gen/weir/v1/admin_pb.ts";
import { freePort } from "../support/free-port.ts";
import { agentDocument, endpointsDocument, HOST, plannerDocument, serviceDocument } from "./documents.ts";
import type { PlannerPorts, StageOptions } from "./documents.ts";
import { fetched } from "./fetched.ts";
import type { AgentView, ReplicaView, Run } from "./views.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Nothing that a test waits for takes longer, on a slow machine neither. */
export const PATIENCE_MS = 60_000;

/** Time for a whole test. */
export const TEST_MS = 180_000;

/** The planner replicas that every stage has room for. */
export type ReplicaName = "p1" | "p2";

/**
 * A whole installation in processes of their own: one nats-server in operator mode, planner replicas, agents whose mesh is
 * in memory. Everything listens on ports that were free, keeps its files in one folder, and is gone after `close`.
 */
export class Stage {
  readonly folder: string;
  readonly #processes: Processes;
  readonly #running = new Map<string, DemoProcess>();
  readonly #ports = new Map<string, PlannerPorts>();
  readonly #natsPort: number;
  readonly init: InitPaths;

  constructor(init: InitPaths, natsPort: number, folder: string) {
    this.init = init;
    this.#natsPort = natsPort;
    this.folder = folder;
    this.#processes = new Processes(folder);
  }

  get natsUrl(): string {
    return `nats://${HOST}:${this.#natsPort}`;
  }

  /** Starts the server; with what is in its store. */
  async startNats(): Promise<void> {
    const { path } = await resolvePart("nats-server");
    this.#start("nats", path, ["-c", this.init.natsConfig]);
  }

  /** Writes the configuration of the replicas. */
  async configure(options: StageOptions): Promise<void> {
    for (const replica of ["p1", "p2"]) {
      this.#ports.set(replica, await freePorts());
    }
    for (const [replica, ports] of this.#ports) this.#writeConfig(replica, { replica, ports, options });
  }

  /** A third process that goes by the name of a replica, with ports of its own. */
  async startTwinOf(replica: ReplicaName): Promise<void> {
    const ports = await freePorts();
    this.#ports.set("twin", ports);
    this.#writeConfig("twin", { replica, ports, options: {} });
    this.startPlanner("twin");
  }

  startPlanner(name: string): void {
    this.#start(name, process.execPath, [join(ROOT, "src/main.ts"), "--config", this.#file(`${name}.yaml`)]);
  }

  /** Starts both replicas and waits until one leads and both are ready. */
  async startPlanners(): Promise<void> {
    for (const replica of ["p1", "p2"]) this.startPlanner(replica);
    for (const replica of ["p1", "p2"]) await this.untilReady(replica);
  }

  /** Starts an agent; with a token it joins, without it is known already. */
  startAgent(cluster: string, token = ""): void {
    const env = token === "" ? {} : { WEIR_AGENT_TOKEN: token };
    const args = [join(ROOT, "agents/main.ts"), "--config", this.#file(`${cluster}.yaml`)];
    this.#start(cluster, process.execPath, args, env);
  }

  /** Registers clusters with agents, accepts them, and waits until they are active. */
  async joinClusters(...clusters: readonly string[]): Promise<void> {
    for (const cluster of clusters) {
      const { token } = await this.json(["cluster", "register", cluster, "--region", "here"]);
      this.writeAgent(cluster);
      this.startAgent(cluster, String(token));
    }
    for (const cluster of clusters) await this.accept(cluster);
  }

  /** Accepts a cluster as soon as it is pending and waits until it is active and healthy. */
  async accept(cluster: string): Promise<void> {
    await this.until(
      `${cluster} is pending`,
      async () => (await this.cluster(cluster)).membership === "MEMBERSHIP_PENDING",
    );
    await this.json(["cluster", "accept", cluster]);
    await this.until(`${cluster} is healthy`, async () => {
      const { membership, verdict } = await this.cluster(cluster);
      return membership === "MEMBERSHIP_ACTIVE" && verdict === "VERDICT_HEALTHY";
    });
  }

  writeAgent(cluster: string): void {
    writeFileSync(this.#file(`${cluster}-endpoints.yaml`), stringify(endpointsDocument()));
    writeFileSync(this.#file(`${cluster}.yaml`), stringify(agentDocument(cluster)));
  }

  /** Declares shop/checkout as v1 in these clusters and waits until each agent routes it. */
  async declareService(...clusters: readonly string[]): Promise<void> {
    await this.applyService({ clusters, port: 8_080 });
    await this.until("every agent routes it", async () => {
      const views = await Promise.all(clusters.map(async (cluster) => this.agent(cluster)));
      return views.every((view) => view?.appliedHashes["shop/checkout"] !== undefined);
    });
  }

  /** Declares it, and waits for nobody. */
  async applyService(service: { readonly clusters: readonly string[]; readonly port: number }): Promise<void> {
    writeFileSync(this.#file("service.yaml"), stringify(serviceDocument(service)));
    await this.json(["service", "apply", "-f", this.#file("service.yaml")]);
  }

  /** Runs `weir` over a replica's unix socket, whichever answers when none is named. */
  async weir(args: readonly string[], replica?: string): Promise<Run> {
    const [out, err]: [string[], string[]] = [[], []];
    const socket = this.#file(`${replica ?? this.#someReplica()}.sock`);
    const isLoggedIn = args.includes("--context");
    const code = await runCommand(args, {
      environment: {
        folder: this.#file("operator"),
        context: undefined,
        address: undefined,
        socket: isLoggedIn ? undefined : socket,
        output: undefined,
        requestTimeout: "20s",
        isColourWanted: false,
      },
      terminal: {
        out: (line) => out.push(line),
        note: (line) => err.push(line),
        isScreen: false,
        draw: () => undefined,
        paint: (_, text) => text,
        columns: 120,
      },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return { code, out: out.join("\n"), err: err.join("\n") };
  }

  /** Runs `weir` and returns its answer; throws when it is refused. */
  async json(args: readonly string[], replica?: string): Promise<Readonly<Record<string, unknown>>> {
    const { code, out, err } = await this.weir([...args, "-o", "json"], replica);
    if (code !== 0) throw new Error(`weir ${args.join(" ")} ended with ${code}: ${err}`);
    return JSON.parse(out) as Readonly<Record<string, unknown>>;
  }

  /** Asks for a recovery by a digest of one's own choice; returns the refusal. */
  async recover(request: { readonly digest: string; readonly reason: string }): Promise<Refusal | undefined> {
    const client = new Client(`unix:${this.#file(`${this.#someReplica()}.sock`)}`, credentials.createInsecure());
    try {
      const message = { ...request, requestId: `recover-${request.digest}` };
      await call(client, rpcService(AdminService).recover, { message, timeoutMs: PATIENCE_MS });
      return undefined;
    } catch (cause) {
      if (cause instanceof CallFailure) return cause.refusal;
      throw cause;
    } finally {
      client.close();
    }
  }

  /** What the planners know of a cluster. */
  async cluster(name: string, replica?: string): Promise<{ readonly membership?: string; readonly verdict?: string }> {
    return (await this.json(["cluster", "show", name], replica))["cluster"] as object;
  }

  /** The replicas as one of them sees them; none when it does not answer. */
  async replicas(replica: string): Promise<readonly ReplicaView[]> {
    const { code, out } = await this.weir(["status", "-o", "json", "--request-timeout", "3s"], replica);
    if (code !== 0) return [];
    return ((JSON.parse(out) as { replicas?: readonly ReplicaView[] }).replicas ?? []).filter((view) => view !== null);
  }

  /** How a replica sees itself. */
  async self(replica: string): Promise<ReplicaView | undefined> {
    return (await this.replicas(replica))[0];
  }

  /** The leader and the other, as both agree. */
  async roles(): Promise<readonly [ReplicaName, ReplicaName]> {
    return await waitFor(
      "one of two to lead",
      async () => {
        const [p1, p2] = [await this.self("p1"), await this.self("p2")];
        if ((p1?.isLeading === true) === (p2?.isLeading === true)) return undefined;
        return p1?.isLeading === true ? (["p1", "p2"] as const) : (["p2", "p1"] as const);
      },
      { timeoutMs: PATIENCE_MS },
    );
  }

  /** What an agent says on its operator's socket; undefined when it does not answer. */
  async agent(cluster: string): Promise<AgentView | undefined> {
    const text = await fetched({ socketPath: join(this.#file(`${cluster}-data`), "agent.sock"), path: "/status" });
    return text === undefined ? undefined : (JSON.parse(text.body) as AgentView);
  }

  /** Status and body of a replica's HTTP side. */
  async http(replica: string, path: string): Promise<{ readonly status: number; readonly body: string } | undefined> {
    return await fetched({ host: HOST, port: this.#ports.get(replica)?.http ?? 0, path });
  }

  /** A series of /metrics; undefined when it is not there. */
  async metric(replica: string, series: string): Promise<number | undefined> {
    const { body = "" } = (await this.http(replica, "/metrics")) ?? {};
    const line = body.split("\n").find((candidate) => candidate.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length));
  }

  /** Waits until a replica says that it is ready; one that ended instead is not waited for. */
  async untilReady(replica: string): Promise<void> {
    let end: string | undefined;
    void this.#running.get(replica)?.exited.then((how) => (end = how));
    await this.until(`${replica} is ready`, async () => {
      if (end !== undefined) throw new Error(`${replica} ended (${end}):\n${this.#lastWords()}`);
      return (await this.http(replica, "/readyz"))?.status === 200;
    });
  }

  /** Folder that an agent keeps its identity and plans in. */
  dataOf(cluster: string): string {
    return this.#file(`${cluster}-data`);
  }

  /** Address of a replica's agent listener. */
  agentAddress(replica: string): string {
    return `${HOST}:${this.#ports.get(replica)?.agent ?? 0}`;
  }

  /** Address of a replica's operator listener. */
  operatorAddress(replica: string): string {
    return `${HOST}:${this.#ports.get(replica)?.operator ?? 0}`;
  }

  signal(name: string, signal: "SIGSTOP" | "SIGCONT"): void {
    void this.#running.get(name)?.kill(signal);
  }

  /** `kill -9`, and waits until it is gone. */
  async kill(...names: readonly string[]): Promise<void> {
    await Promise.all(
      names.map(async (name) => {
        const running = this.#running.get(name);
        this.#running.delete(name);
        await running?.kill("SIGKILL");
      }),
    );
  }

  /** A copy of the server's store, made while it does not run. */
  keepStore(): string {
    const copy = this.#file(`store-${Date.now()}`);
    cpSync(this.init.natsStore, copy, { recursive: true });
    return copy;
  }

  /** Puts a copy in the store's place; undefined: nothing. The server must not run. */
  restoreStore(copy: string | undefined): void {
    rmSync(this.init.natsStore, { recursive: true, force: true });
    if (copy !== undefined) cpSync(copy, this.init.natsStore, { recursive: true });
    else mkdirSync(this.init.natsStore, { recursive: true });
  }

  /** What a process has written so far. */
  log(name: string): string {
    return readFileSync(this.#file(`${name}.log`), "utf8");
  }

  /** Waits until something holds; fails with the last words of every process. */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const describe = (): string => this.#lastWords();
    await waitFor(what, async () => ((await holds()) ? true : undefined), { timeoutMs: PATIENCE_MS, describe });
  }

  /** Shows what every process said last when the running test fails. */
  explainFailure(): void {
    onTestFailed(() => console.error(this.#lastWords()));
  }

  async close(): Promise<void> {
    await this.#processes.closeAll();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #lastWords(): string {
    return [...this.#running.values()].map(({ name, logFile }) => `--- ${name}\n${tailOf(logFile, 25)}`).join("\n");
  }

  #someReplica(): string {
    return ["p1", "p2"].find((name) => this.#running.has(name)) ?? "p1";
  }

  #file(name: string): string {
    return join(this.folder, name);
  }

  #start(name: string, command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): void {
    this.#running.set(name, this.#processes.start({ name, command, args, env }));
  }

  #writeConfig(
    name: string,
    place: { readonly replica: string; readonly ports: PlannerPorts; readonly options: StageOptions },
  ): void {
    const everyone = ["p1", "p2"].map((known) => this.#ports.get(known)).filter((known) => known !== undefined);
    const { natsUrl } = this;
    const document = plannerDocument({ ...place, everyone, natsUrl, socket: `${name}.sock` }, place.options);
    writeFileSync(this.#file(`${name}.yaml`), stringify(document));
  }
}

/** A stage whose server and two planners run. */
export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "weir-processes-"));
  const natsPort = await freePort(HOST);
  const nats = { host: HOST, port: natsPort };
  const init = await initDirectory(join(folder, "fleet"), {
    trustDomain: "weir",
    nats,
    operator: "admin",
    nowMs: Date.now(),
  });
  const stage = new Stage(init, natsPort, folder);
  await stage.configure(options);
  await stage.startNats();
  await stage.startPlanners();
  return stage;
}

async function freePorts(): Promise<PlannerPorts> {
  const [joins, agent] = [await freePort(HOST), await freePort(HOST)];
  return { join: joins, agent, operator: await freePort(HOST), http: await freePort(HOST) };
}
