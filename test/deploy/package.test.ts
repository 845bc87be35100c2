import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { resolvePart } from "../../deploy/parts/resolve-part.ts";
import { freePort } from "../support/free-port.ts";

const REPO = join(import.meta.dirname, "..", "..");
const { version } = JSON.parse(readFileSync(join(REPO, "package.json"), "utf8")) as { readonly version: string };

/** Building takes seconds, installing 150 packages and a Node with a cold cache minutes. */
const INSTALL_TIMEOUT_MS = 10 * 60_000;

/** Joining takes a second or two; a busy machine takes longer. */
const JOIN_TIMEOUT_MS = 60_000;

describe("the package", () => {
  const folder = mkdtempSync(join(tmpdir(), "weir-package-"));
  const consumer = join(folder, "consumer");
  const bin = (name: string): string => join(consumer, "node_modules", ".bin", name);

  beforeAll(() => {
    run("npm", ["pack", "--loglevel=error", "--pack-destination", folder], REPO);
    mkdirSync(consumer);
    writeFileSync(join(consumer, "package.json"), `{ "private": true, "allowScripts": { "node": true } }`);
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
    run(
      "npm",
      ["install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error", join(folder, tarball)],
      consumer,
    );
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(["weir", "weir-planner", "weir-agent"])("installs a %s that says its version", (name) => {
    expect(run(bin(name), ["--version"], consumer).trim().split(" ").at(-1)).toBe(version);
  });

  it(
    "installs a planner, an agent and a CLI that work together",
    async () => {
      const free = async (): Promise<number> => freePort("127.0.0.1");
      const [natsPort, joining, agent, operator, http] = [
        await free(),
        await free(),
        await free(),
        await free(),
        await free(),
      ];
      const weir = (...args: readonly string[]): string => run(bin("weir"), args, consumer);
      weir("init", "--dir", "fleet", "--nats", `127.0.0.1:${natsPort}`);
      const nats = await resolvePart("nats-server");
      const started = [start(nats.path, ["-c", join(consumer, "fleet/nats/nats.conf")], consumer)];
      onTestFinished(() => started.forEach((child) => child.kill("SIGKILL")));
      const listen = Object.entries({ join: joining, agent, operator, http });
      const flags = listen.flatMap(([name, port]) => [`--listen.${name}`, `127.0.0.1:${port}`]);
      started.push(start(bin("weir-planner"), ["--config", "fleet/planner.yaml", ...flags], consumer));
      const socket = join(consumer, "fleet/weir.sock");
      await until("the planner to answer", () => JSON.parse(weir("--socket", socket, "-o", "json", "cluster", "list")));
      const { token } = JSON.parse(weir("--socket", socket, "-o", "json", "cluster", "register", "eu-west")) as {
        readonly token: string;
      };
      writeFileSync(join(consumer, "agent.yaml"), "mesh: {kind: memory}\ndataDir: data\n");
      writeFileSync(join(consumer, "token"), token);
      started.push(start(bin("weir-agent"), ["--config", "agent.yaml", "--token-file", "token"], consumer));
      await until("the cluster to be pending", () => weir("--socket", socket, "cluster", "accept", "eu-west"));
      await until("the cluster to be active", () =>
        expect(weir("--socket", socket, "cluster", "list")).toMatch(/eu-west .* active .* healthy/),
      );
    },
    JOIN_TIMEOUT_MS,
  );

  it("brings JavaScript only, and its license", () => {
    const installed = join(consumer, "node_modules", "weir");
    const files = readdirSync(installed, { recursive: true, encoding: "utf8" });
    expect(files.filter((path) => path.endsWith(".ts"))).toEqual([]);
    expect(readdirSync(installed).toSorted()).toEqual(["LICENSE", "README.md", "dist", "package.json"]);
  });
});

/** Starts a program that goes on. npm's settings are not its business either. */
function start(command: string, args: readonly string[], cwd: string): ChildProcess {
  return spawn(command, args, { cwd, env: plainEnvironment(), stdio: "ignore" });
}

/** Tries again until it does not throw; gives up with what it threw last. */
async function until(what: string, attempt: () => unknown): Promise<void> {
  const deadline = Date.now() + JOIN_TIMEOUT_MS / 2;
  for (;;) {
    try {
      attempt();
      return;
    } catch (cause) {
      if (Date.now() > deadline) throw new Error(`waited for ${what}`, { cause });
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));
}

/** Runs a program to its end and returns what it prints. npm must not take the settings of the npm that runs this test. */
function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, {
    cwd,
    env: plainEnvironment(),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
}
