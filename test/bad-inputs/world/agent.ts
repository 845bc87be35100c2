import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { eventually, run } from "./process.ts";
import type { Running } from "./process.ts";

const MAIN = join(import.meta.dirname, "../../../agents/main.ts");

/** A folder with an agent's configuration, and runs of a real agent in it. */
export class AgentSite {
  readonly folder: string;
  readonly config: string;
  readonly data: string;
  readonly #runs: Running[] = [];

  /** `mesh` is the configuration's mesh, in YAML; default: a mesh in memory. */
  constructor(folder: string, mesh = "mesh: {kind: memory}") {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    this.config = join(folder, "agent.yaml");
    this.data = join(folder, "data");
    const endpoints = "services: {shop/checkout: {v1: [{address: 127.0.0.1, port: 8081}]}}\n";
    writeFileSync(join(folder, "endpoints.yaml"), endpoints);
    writeFileSync(this.config, `${mesh}\ndataDir: data\nendpointsFile: endpoints.yaml\nbakeMs: 100\n`);
  }

  /** Starts the agent. */
  start(token = ""): Running {
    const running = run(
      process.execPath,
      [MAIN, "--config", this.config],
      token === "" ? {} : { WEIR_AGENT_TOKEN: token },
    );
    this.#runs.push(running);
    return running;
  }

  /** Asks its operators' socket; undefined while there is none. */
  async ask(path: string, method = "GET"): Promise<Readonly<Record<string, unknown>> | undefined> {
    return await new Promise((resolve) => {
      const asking = request({ socketPath: join(this.data, "agent.sock"), method, path }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("end", () => resolve(JSON.parse(text) as Readonly<Record<string, unknown>>));
      });
      asking.on("error", () => resolve(undefined));
      asking.end();
    });
  }

  /** Waits until its status has these fields. */
  async untilStatus(fields: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
    const wanted = Object.entries(fields).map(([key, value]) => [key, JSON.stringify(value)] as const);
    return await eventually(`the agent's status ${JSON.stringify(fields)}`, async () => {
      const status = await this.ask("/status");
      return status !== undefined && wanted.every(([key, value]) => JSON.stringify(status[key]) === value)
        ? status
        : undefined;
    });
  }

  /** Every stored plan's bytes. */
  plans(): Readonly<Record<string, string>> {
    const folder = join(this.data, "plans");
    const names = readdirSync(folder).filter((name) => name.endsWith(".plan"));
    return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name)).toString("hex")]));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#runs.map(async (running) => running.kill()));
  }
}
