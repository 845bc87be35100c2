import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { credentials, status } from "@grpc/grpc-js";
import type { Client } from "@grpc/grpc-js";
import { ClusterService } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { PlanService } from "../../../proto/gen/weir/v1/plan_pb.ts";
import { ServiceService, ShiftService, StatusService } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { resolvePart } from "../../../deploy/parts/resolve-part.ts";
import { loadAuthority } from "../../../src/io/pki/authority.ts";
import type { Authority } from "../../../src/io/pki/authority.ts";
import { initDirectory } from "../../../src/io/pki/init.ts";
import type { InitPaths } from "../../../src/io/pki/init.ts";
import { channelCredentials, clientOf, credentialsFor } from "../../io/grpc/clients.ts";
import type { Credentials } from "../../io/grpc/clients.ts";
import { freePort } from "../../support/free-port.ts";
import { ask } from "./ask.ts";
import type { Answer } from "./ask.ts";
import { eventually, run, until } from "./process.ts";
import type { Running } from "./process.ts";

const MAIN = join(import.meta.dirname, "../../../src/main.ts");
const HOST = "127.0.0.1";

/** host:port of a planner's listeners, and the path of its socket. */
export interface Addresses {
  readonly join: string;
  readonly agent: string;
  readonly operator: string;
  readonly http: string;
  readonly socket: string;
}

/** What a test file wants to be different. */
export interface WorldWish {
  /** nats-server to run; default: the pinned one. */
  readonly natsServer?: string;
  /** Further lines of planner.yaml. */
  readonly config?: string;
}

/** A real NATS server in operator mode and a real planner process on it. */
export class World {
  readonly folder: string;
  readonly paths: InitPaths;
  readonly authority: Authority;
  readonly caKeyPem: string;
  readonly operator: Credentials;
  readonly natsUrl: string;
  readonly servers: { readonly addresses: Addresses };
  planner: Running;
  #nats: Running;
  readonly #startNats: () => Running;
  readonly #clients = new Map<string, Client>();
  readonly #others: Running[] = [];

  constructor(parts: {
    readonly folder: string;
    readonly paths: InitPaths;
    readonly authority: Authority;
    readonly operator: Credentials;
    readonly addresses: Addresses;
    readonly natsUrl: string;
    readonly startNats: () => Running;
  }) {
    this.folder = parts.folder;
    this.paths = parts.paths;
    this.authority = parts.authority;
    this.operator = parts.operator;
    this.natsUrl = parts.natsUrl;
    this.servers = { addresses: parts.addresses };
    this.caKeyPem = readFileSync(parts.paths.caKey, "utf8");
    this.#startNats = parts.startNats;
    this.#nats = parts.startNats();
    this.planner = this.#startPlanner();
  }

  #startPlanner(): Running {
    return run(process.execPath, [MAIN, "--config", this.paths.plannerConfig]);
  }

  /** Runs the planner anew on the same log. */
  async restartPlanner(): Promise<void> {
    await this.planner.kill();
    this.planner = this.#startPlanner();
    await this.untilServes();
  }

  async restartNats(): Promise<void> {
    await this.#nats.kill();
    this.#nats = this.#startNats();
  }

  async stopNats(): Promise<void> {
    await this.#nats.kill();
  }

  /** Waits until the planner's listeners are open. */
  async untilServes(): Promise<void> {
    const { planner } = this;
    await until("the planner serves", () => {
      if (planner.outcome() !== undefined) throw new Error(`the planner ended: ${planner.said()}`);
      return planner.said().includes("planner serves");
    });
  }

  /** Waits until the planner serves and leads. */
  async untilReady(): Promise<void> {
    await this.untilServes();
    await until("the planner leads", async () => (await this.http("/readyz")).status === 200);
  }

  /** Starts a process that ends with the world. */
  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
    const other = run(process.execPath, args, env);
    this.#others.push(other);
    return other;
  }

  /** A client of the operators' listener; the same one for each service. */
  client(service: DescService): Client {
    const { operator } = this.servers.addresses;
    return this.#client(service, operator, () => channelCredentials(this.authority, this.operator));
  }

  /** A client over the unix socket. */
  socketClient(service: DescService): Client {
    return this.#client(service, `unix:${this.servers.addresses.socket}`, () => credentials.createInsecure());
  }

  /** A client of the join listener. */
  joinClient(service: DescService): Client {
    return this.#client(service, this.servers.addresses.join, () => channelCredentials(this.authority));
  }

  #client(service: DescService, address: string, secure: () => ReturnType<typeof channelCredentials>): Client {
    const key = `${service.typeName} ${address}`;
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const made = clientOf(service, address, secure());
    this.#clients.set(key, made);
    return made;
  }

  /** Asks one of the operators' services, as an operator does. */
  async ask(service: DescService, method: string, request: object): Promise<Answer> {
    return await ask(this.client(service), { method, request });
  }

  /** As `ask`; fails unless it succeeds. */
  async must<T = Readonly<Record<string, unknown>>>(service: DescService, method: string, request: object): Promise<T> {
    let answer = await this.ask(service, method, request);
    // A read is repeated when its connection broke, as any client does: on a busy machine keepalives come late.
    while (answer.status === UNAVAILABLE && answer.code === "" && READS.test(method)) {
      answer = await this.ask(service, method, request);
    }
    if (answer.status !== 0) throw new Error(`${method}: ${answer.code} ${answer.field}: ${answer.message}`);
    return answer.value as T;
  }

  /** Everything that is decided, and the log's sequence with it: equal before and after means that nothing changed. */
  async state(): Promise<unknown> {
    const clusters = await this.must<{ readonly clusters: readonly object[] }>(ClusterService, "listClusters", {});
    const decided = {
      ...clusters,
      // What a cluster said last, and how long ago, is no decision.
      clusters: clusters.clusters.map((cluster) => ({
        ...cluster,
        silentForMs: undefined,
        applied: undefined,
        alarms: [],
      })),
      services: await this.must(ServiceService, "listServices", {}),
      shifts: await this.must(ShiftService, "listShifts", {}),
      plans: await this.must(PlanService, "getPlan", {}),
    };
    return JSON.parse(JSON.stringify(decided, plain)) as unknown;
  }

  /** Waits until nothing is decided any more, so that what changes afterwards was changed by the test. */
  async untilQuiet(): Promise<void> {
    let [last, since] = ["", 0];
    await until("the planner decides nothing more", async () => {
      const now = JSON.stringify(await this.state());
      if (now !== last) [last, since] = [now, performance.now()];
      return performance.now() - since > QUIET_MS;
    });
  }

  /** What halts the replica; empty when nothing does. */
  async halted(): Promise<string> {
    const { replicas } = await this.must<{ readonly replicas: readonly { readonly halted: string }[] }>(
      StatusService,
      "getStatus",
      {},
    );
    return replicas[0]?.halted ?? "";
  }

  /** Asks the HTTP listener. */
  async http(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`http://${this.servers.addresses.http}${path}`);
    return { status: response.status, text: await response.text() };
  }

  /** A counter, summed over all lines that hold these labels. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const { text } = await this.http("/metrics");
    const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
    const found = text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return found
      .filter((line) => wanted.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  }

  /** Whether the planner is alive and answers an operator. */
  async answers(): Promise<boolean> {
    return this.planner.outcome() === undefined && (await this.ask(StatusService, "getStatus", {})).status === 0;
  }

  /** Waits for a line of the planner's log with these fields. */
  async logged(fields: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
    const holds = (line: Readonly<Record<string, unknown>>): boolean =>
      Object.entries(fields).every(([key, value]) => JSON.stringify(line[key]) === JSON.stringify(value));
    return await eventually(`the log line ${JSON.stringify(fields)}`, () => this.planner.lines().find(holds));
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    await Promise.all(this.#others.map(async (other) => other.kill()));
    await this.planner.kill();
    await this.#nats.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const UNAVAILABLE: number = status.UNAVAILABLE;

/** Methods that change nothing. */
const READS = /^(get|list|whoAmI)/;

/** As long as the slowest thing that goes on by itself in these worlds: some ticks. */
const QUIET_MS = 700;

function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}

/** Starts NATS and a planner; does not wait for them. */
export async function startWorld({ natsServer, config = "" }: WorldWish = {}): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "weir-bad-"));
  const nats = { host: HOST, port: await freePort(HOST) };
  const paths = await initDirectory(folder, { trustDomain: "weir", nats, operator: "admin", nowMs: Date.now() });
  const [path, authority] = [
    natsServer ?? (await resolvePart("nats-server")).path,
    await loadAuthority({ caCertificate: paths.caCertificate, caKey: paths.caKey }, "weir"),
  ];
  if (!authority.ok) throw new Error(authority.refusal.message);
  const ports = await Promise.all(Array.from({ length: 4 }, async () => freePort(HOST)));
  const [joining, agent, operator, http] = ports.map((port) => `${HOST}:${port}`) as [string, string, string, string];
  const addresses = { join: joining, agent, operator, http, socket: join(folder, "weir.sock") };
  writeFileSync(
    paths.plannerConfig,
    `${readFileSync(paths.plannerConfig, "utf8")}${plannerConfig(addresses)}${config}`,
  );
  return new World({
    folder,
    paths,
    authority: authority.value,
    operator: await credentialsFor(authority.value, { kind: "operator", name: "ana" }),
    addresses,
    natsUrl: `nats://${nats.host}:${nats.port}`,
    startNats: () => run(path, ["-c", paths.natsConfig]),
  });
}

function plannerConfig({ join: joining, agent, operator, http }: Addresses): string {
  return `
listen: {join: "${joining}", agent: "${agent}", operator: "${operator}", http: "${http}"}
timing: {tickMs: 100, heartbeatMs: 200, leaderTimeoutMs: 1000, electionSpreadMs: 50, storeCheckMs: 300}
settings: {healthyAfterMs: 300, coldStartMs: 300, unknownAfterMs: 4000, deadAfterMs: 600000, deadWithoutPeersAfterMs: 600000}
`;
}
