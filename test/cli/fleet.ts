import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { initDirectory } from "../../src/io/pki/init.ts";
import { resolvePart } from "../../deploy/parts/resolve-part.ts";
import { runCommand } from "../../src/cli/run.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import { freePort } from "../support/free-port.ts";

const REPO = join(import.meta.dirname, "..", "..");

/** A service of two clusters, as a file. */
export const SERVICE = `kind: Service
name: shop/checkout
protocol: http
port: 8080
stableVersion: v1
deployments:
  - {cluster: eu-west, version: v1, capacityRps: 100}
  - {cluster: us-east, version: v1, capacityRps: 100}
demandRps: {us-east: 40, eu-west: 20}
pace: {bake: 300ms, maxStep: 25%}
`;

/** What one run of `weir` printed, and how it ended. */
export interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** How one run of the program is to be made. */
export interface ProcessOptions {
  readonly stdin?: string;
  /** Sends SIGINT as soon as the output holds this. */
  readonly interruptAt?: string;
}

/** A folder for `weir`'s configuration, and runs of `weir` with it. */
export class Operator {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Runs the command line in this process: all of it but what Node does before and after. */
  async weir(args: readonly string[]): Promise<Run> {
    const [out, err]: [string[], string[]] = [[], []];
    const environment = {
      folder: join(this.folder, "config", "weir"),
      context: undefined,
      address: undefined,
      socket: undefined,
      output: undefined,
      requestTimeout: "30s",
      isColourWanted: false,
    };
    const terminal: Terminal = {
      out: (line) => out.push(line),
      note: (line) => err.push(line),
      isScreen: false,
      draw: () => undefined,
      paint: (_, text) => text,
      columns: 120,
    };
    const code = await runCommand(args, { environment, terminal, signal: AbortSignal.timeout(RUN_MS_MAX) });
    const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");
    return { code, out: text(out), err: text(err) };
  }

  /** Runs the program as people do, in a process of its own. */
  async process(args: readonly string[], { stdin = "", interruptAt }: ProcessOptions = {}): Promise<Run> {
    const child = spawn(process.execPath, [join(REPO, "src", "cli", "main.ts"), ...args], {
      cwd: this.folder,
      env: { PATH: process.env["PATH"], HOME: this.folder, XDG_CONFIG_HOME: join(this.folder, "config") },
    });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      if (interruptAt !== undefined && out.includes(interruptAt)) child.kill("SIGINT");
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    child.stdin.on("error", () => undefined).end(stdin);
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    return { code, out, err };
  }

  /** Runs it and returns its answer as JSON. */
  async json(args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
    const { code, out, err } = await this.weir([...args, "-o", "json"]);
    if (code !== 0) throw new Error(`weir ${args.join(" ")} ended with ${code}: ${err}`);
    return JSON.parse(out) as Readonly<Record<string, unknown>>;
  }
}

/** No run of a test takes longer; what does hangs. */
const RUN_MS_MAX = 100_000;

/** An operator's folder of its own. */
export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "weir-cli-"));
}

/** A real planner on a real nats-server, with agents whose mesh is in memory. */
export class Fleet {
  readonly folder = newFolder();
  readonly operator = new Operator(this.folder);
  readonly #children = new Map<string, ChildProcess>();

  get socket(): string {
    return join(this.folder, "weir.sock");
  }

  /** Starts NATS and the planner, and waits until it answers. */
  async start(): Promise<void> {
    const nats = { host: HOST, port: await freePort(HOST) };
    const paths = await initDirectory(this.folder, { trustDomain: "weir", nats, operator: "admin", nowMs: Date.now() });
    const { path } = await resolvePart("nats-server");
    this.#spawn("nats", path, ["-c", paths.natsConfig]);
    writeFileSync(paths.plannerConfig, `${readFileSync(paths.plannerConfig, "utf8")}${await plannerConfig()}`);
    await this.startPlanner();
  }

  async startPlanner(): Promise<void> {
    this.#spawn("planner", process.execPath, [
      join(REPO, "src", "main.ts"),
      "--config",
      join(this.folder, "planner.yaml"),
    ]);
    await this.until("the planner leads", async () => {
      const { out } = await this.operator.weir(["status", "--socket", this.socket, "--request-timeout", "2s"]);
      return out.includes(" leads ");
    });
  }

  /** Starts a planner that ana is logged in to, with two clusters: eu-west and us-east. */
  async startWithTwo(): Promise<void> {
    await this.start();
    await this.operator.weir(["login", "--socket", this.socket, "--operator", "ana"]);
    await this.join("eu-west");
    await this.join("us-east");
  }

  /** Registers a cluster, starts its agent, accepts it, and waits until it is active. */
  async join(cluster: string): Promise<void> {
    const { token } = await this.operator.json(["cluster", "register", cluster, "--region", "here"]);
    const data = join(this.folder, `agent-${cluster}`);
    const [config, endpoints] = [`${data}.yaml`, `${data}-endpoints.yaml`];
    writeFileSync(endpoints, "services: {shop/checkout: {v1: [{address: 127.0.0.1, port: 9000}]}}\n");
    const gateway = "gateway: {address: 127.0.0.1, port: 15000}";
    writeFileSync(config, `mesh: {kind: memory}\nbakeMs: 100\n${gateway}\nendpointsFile: ${endpoints}\n`);
    const tokenFile = `${data}.token`;
    writeFileSync(tokenFile, String(token), { mode: 0o600 });
    const args = ["--config", config, "--data-dir", data, "--token-file", tokenFile];
    this.#spawn(cluster, process.execPath, [join(REPO, "agents", "main.ts"), ...args]);
    await this.until(`${cluster} is pending`, async () => (await this.#clusters()).includes(`${cluster} pending`));
    await this.operator.weir(["cluster", "accept", cluster]);
    await this.until(`${cluster} is active`, async () =>
      (await this.#clusters()).includes(`${cluster} active healthy`),
    );
  }

  async #clusters(): Promise<readonly string[]> {
    const { out } = await this.operator.weir(["cluster", "list"]);
    return out.split("\n").map((line) => {
      const [cluster, , ...rest] = line.split(/ +/);
      return [cluster, ...rest.slice(0, rest[0] === "active" ? 2 : 1)].join(" ");
    });
  }

  /** Waits until something holds; fails with what it was after a while. */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + RUN_MS_MAX;
    while (performance.now() < deadlineMs) {
      if (await holds()) return;
      await sleep(100);
    }
    throw new Error(`it did not come to this: ${what}`);
  }

  #spawn(name: string, path: string, args: readonly string[]): void {
    this.#children.set(name, spawn(path, args, { cwd: this.folder, stdio: "ignore" }));
  }

  /** Ends one process at once. */
  async kill(name: string): Promise<void> {
    const child = this.#children.get(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGKILL");
    await gone;
  }

  async stop(): Promise<void> {
    for (const name of [...this.#children.keys()].toReversed()) await this.kill(name);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Listeners wherever there is room, and times that suit a test. What agents and operators dial must be known before. */
async function plannerConfig(): Promise<string> {
  const [join, agent, operator] = [await freePort(HOST), await freePort(HOST), await freePort(HOST)];
  return `
listen: {join: "${HOST}:${join}", agent: "${HOST}:${agent}", operator: "${HOST}:${operator}", http: "${HOST}:0"}
settings: {healthyAfterMs: 500, coldStartMs: 500, rampStepMs: 200, routineIntervalMs: 200}
`;
}

const HOST = "127.0.0.1";
