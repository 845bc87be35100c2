import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { describe, expect, it, onTestFinished } from "vitest";
import { DeltaBase, PlanDeltaSchema } from "../../proto/gen/weir/v1/agent_pb.ts";
import { planDigest } from "../../src/wire/digest.ts";
import { toPosition } from "../../src/wire/position.ts";
import { aFolder, until } from "./io/folders.ts";
import { startScriptedPlanner } from "./io/scripted-planner.ts";
import type { ScriptedPlanner } from "./io/scripted-planner.ts";
import { CHECKOUT, at, stored } from "./plans.ts";

const MAIN = join(import.meta.dirname, "..", "..", "agents", "main.ts");
const EXIT_CONFIG = 78;

interface Running {
  readonly child: ChildProcess;
  /** Everything it printed. */
  said(): string;
}

/** A folder with a configuration for a mesh in memory. */
function aSite(): { readonly folder: string; readonly args: readonly string[] } {
  const folder = aFolder();
  writeFileSync(join(folder, "agent.yaml"), "mesh: {kind: memory}\ndataDir: data\nendpointsFile: endpoints.yaml\n");
  writeFileSync(
    join(folder, "endpoints.yaml"),
    "services: {shop/checkout: {v1: [{address: 127.0.0.1, port: 8081}]}}\n",
  );
  return { folder, args: [MAIN, "--config", join(folder, "agent.yaml")] };
}

function start(args: readonly string[], token = ""): Running {
  const env = { PATH: process.env["PATH"] ?? "", WEIR_AGENT_TOKEN: token };
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (bytes: Buffer) => (text += bytes.toString()));
  onTestFinished(() => void child.kill("SIGKILL"));
  return { child, said: () => text };
}

async function end({ child }: Running, signal: NodeJS.Signals): Promise<number | null> {
  const gone = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  child.kill(signal);
  return await gone;
}

/** Sends the planner's first plan down the n-th stream and waits for the answer. */
async function sendPlan(planner: ScriptedPlanner, index: number, revision: number): Promise<void> {
  await until("the stream", () => planner.streams.length > index);
  const entry = stored();
  const digest = planDigest(new Map([[CHECKOUT, entry.hash]]));
  const fields = { position: toPosition(at(revision)), base: DeltaBase.NOTHING, routeSets: [entry.bytes], digest };
  planner.streams[index]?.send({ message: { case: "plan", value: create(PlanDeltaSchema, fields) } });
  await until("the acknowledgement", () => (planner.streams[index]?.said.length ?? 0) > 0);
}

/** Asks the agent's own socket. */
async function ask(folder: string, method: string, path: string): Promise<Record<string, unknown>> {
  return await new Promise((resolve, reject) => {
    const asking = request({ socketPath: join(folder, "data", "agent.sock"), method, path }, (response) => {
      let text = "";
      response.on("data", (bytes: Buffer) => (text += bytes.toString()));
      response.on("end", () => resolve(JSON.parse(text) as Record<string, unknown>));
    });
    asking.on("error", reject);
    asking.end();
  });
}

describe("the agent's process", () => {
  it("says its version and its help", () => {
    const run = (flag: string) => spawnSync(process.execPath, [MAIN, flag], { encoding: "utf8" });
    expect(run("--version").stdout).toMatch(/^weir-agent \d+\.\d+\.\d+\n$/);
    expect(run("--help").stdout).toContain("--config FILE");
  });

  it("prints what its cluster's Envoys start with", () => {
    const folder = aFolder();
    writeFileSync(
      join(folder, "agent.yaml"),
      "gateway: {address: 127.0.0.1, port: 15443}\nmesh: {kind: envoy, xds: {address: 127.0.0.1, port: 18123}}\n",
    );
    const run = (cluster: string) =>
      spawnSync(process.execPath, [MAIN, "--config", join(folder, "agent.yaml"), "--envoy-bootstrap", cluster], {
        encoding: "utf8",
      });
    expect(JSON.parse(run("eu-west").stdout)).toMatchObject({
      node: { cluster: "eu-west", locality: { zone: "eu-west" } },
      dynamic_resources: { ads_config: { api_type: "GRPC" } },
    });
    expect(run("eu-west").stdout).toContain("18123");
    expect(run("EU")).toMatchObject({ status: EXIT_CONFIG, stderr: expect.stringContaining("--envoy-bootstrap") });
  });

  it.each([
    ["a wrong configuration", "mesh: {kind: none}\nfoo: 1\n", ["mesh.kind", "foo"]],
    ["no identity and no token", "mesh: {kind: memory}\n", ["weir cluster register"]],
  ])("ends with 78 and every reason on %s", (_name, text, words) => {
    const folder = aFolder();
    writeFileSync(join(folder, "agent.yaml"), `${text}dataDir: data\n`);
    const { status, stderr } = spawnSync(process.execPath, [MAIN, "--config", join(folder, "agent.yaml")], {
      encoding: "utf8",
    });
    expect(status).toBe(EXIT_CONFIG);
    for (const word of words) expect(stderr).toContain(word);
  });

  it("joins, takes a plan, and serves it after kill -9 without any planner", async () => {
    const planner = await startScriptedPlanner();
    const { folder, args } = aSite();
    const first = start(args, planner.token());
    await sendPlan(planner, 0, 5);
    expect(await end(first, "SIGKILL")).toBeNull();
    planner.kill();

    start(args);
    await until("the socket", () => existsSync(join(folder, "data", "agent.sock")));
    await until("the plan", () => existsSync(join(folder, "data", "plans", "current.plan")));
    let status: Record<string, unknown> = {};
    await expect
      .poll(async () => (status = await ask(folder, "GET", "/status").catch(() => ({}))), { timeout: 15_000 })
      .toMatchObject({ position: "1/1/5", isLinked: false });
    expect(status["appliedHashes"]).toEqual({ [CHECKOUT]: stored().hash });
  });

  it("links again after a restart with what it holds, without its token", async () => {
    const planner = await startScriptedPlanner();
    const { args } = aSite();
    const first = start(args, planner.token());
    await sendPlan(planner, 0, 5);
    expect(await end(first, "SIGTERM")).toBe(0);
    start(args);
    await until("the second stream", () => planner.streams.length === 2);
    const [before, after] = planner.streams.map(({ hello }) => hello);
    expect(after).toMatchObject({ held: { revision: 5n }, routeSets: [{ service: CHECKOUT }] });
    expect(after?.clusterUid).toBe(before?.clusterUid);
    expect(after?.bootId).not.toBe(before?.bootId);
    expect(planner.joins).toHaveLength(1);
  });

  it("refuses to run with a key that others may read, and says how to mend it", async () => {
    const planner = await startScriptedPlanner();
    const { folder, args } = aSite();
    const first = start(args, planner.token());
    await until("the stream", () => planner.streams.length === 1);
    await end(first, "SIGTERM");
    const key = join(folder, "data", "identity", "agent.pem");
    expect(statSync(key).mode & 0o777).toBe(0o600);
    chmodSync(key, 0o644);
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect([status, stderr]).toEqual([EXIT_CONFIG, expect.stringContaining(`chmod 600 ${key}`)]);
  });

  it("can be frozen at its socket, which nobody else may open, and stays frozen over a restart", async () => {
    const planner = await startScriptedPlanner();
    const { folder, args } = aSite();
    const first = start(args, planner.token());
    await sendPlan(planner, 0, 5);
    expect(statSync(join(folder, "data", "agent.sock")).mode & 0o777).toBe(0o600);
    expect(await ask(folder, "POST", "/freeze")).toMatchObject({ alarms: [expect.stringContaining("FROZEN")] });
    await end(first, "SIGKILL");
    start(args);
    await sendPlan(planner, 1, 6);
    expect(planner.streams[1]?.said[0]?.message).toMatchObject({ value: { refusals: [{ code: "FROZEN" }] } });
    expect(await ask(folder, "POST", "/unfreeze")).toMatchObject({ position: "1/1/5", alarms: [] });
    expect(await ask(folder, "GET", "/elsewhere")).toMatchObject({ error: expect.stringContaining("GET /status") });
  });

  it("writes nothing secret into its log", async () => {
    const planner = await startScriptedPlanner();
    const { folder, args } = aSite();
    const running = start(args, planner.token());
    await sendPlan(planner, 0, 5);
    const key = readFileSync(join(folder, "data", "identity", "agent.pem"), "utf8").split("\n")[1] ?? "none";
    expect(running.said()).toContain("joined the fleet");
    expect(running.said()).not.toContain(planner.token());
    expect(running.said()).not.toContain(key);
  });
});
