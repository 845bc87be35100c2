import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { IdentityFiles } from "../../../agents/io/identity.ts";
import { envoyBootstrap } from "../../../agents/mesh/envoy/bootstrap.ts";
import { pause, waitFor } from "../../../deploy/demo/waiting.ts";
import { resolvePart } from "../../../deploy/parts/resolve-part.ts";
import { foundBus } from "../../../src/io/nats/accounts.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import type { Bench, Stage } from "../bench.ts";
import type { Calls } from "../calls.ts";
import type { Member } from "../crew.ts";
import { privateMiB } from "../memory.ts";
import { startNats } from "../nats-server.ts";
import { CLUSTER_UID } from "../planner/planner.ts";
import { rowOf } from "../row.ts";
import type { Row } from "../row.ts";
import { median } from "../statistics.ts";
import { bundle } from "./bundle.ts";
import { endpointsYaml } from "./plan.ts";
import type { Scene } from "./plan.ts";
import type { Opened, Opening } from "./planner.ts";

/** What the whole agent weighs, beside a Node that does nothing but hold the same two connections. */
export const agentBench: Bench = {
  name: "agent",
  about: "private memory of the agent, 10 and 1000 services, Envoy attached / bare Node with mTLS stream and NATS",
  run,
};

const ROOT = join(import.meta.dirname, "../../..");
const ADS_PORT = 15_010;

/** The same for both: small nurseries, because an agent has little that is young. */
const FLAGS = ["--expose-gc", "--max-semi-space-size=1", "--max-old-space-size=64"];

/** Collects garbage when it is asked from outside. */
const COLLECT = `process.on("SIGUSR2", () => { globalThis.gc(); globalThis.gc(); });\n`;

async function run(stage: Stage): Promise<readonly Row[]> {
  const world = await openWorld(stage);
  const rival = await weighBare(world);
  const rows: Row[] = [];
  for (const scene of world.scenes) {
    const value = await weighAgent(world, scene);
    const name = `${scene.services} services`;
    rows.push(rowOf({ case: `agent with ${name}`, unit: "MiB private", atMost: 1.6, value, rival }));
  }
  return rows;
}

interface World {
  readonly stage: Stage;
  readonly planner: Calls;
  readonly opened: Opened;
  readonly scenes: readonly Scene[];
  readonly natsUrl: string;
  readonly agentFile: string;
  readonly bareFile: string;
  readonly collectFile: string;
  readonly envoy: string;
}

async function openWorld(stage: Stage): Promise<World> {
  stage.say(`Node ${process.version}, flags ${FLAGS.join(" ")}`);
  const envoy = await resolvePart("envoy", { log: (line) => stage.say(line) });
  const foundation = await foundBus();
  const natsUrl = await startNats(stage, { host: stage.address(9), foundation });
  const scenes = [10, 1_000].map((services, index) => sceneAt(stage, services, 20 + index * 20));
  const planner = stage.crew.startNode({ name: "planner", entry: join(import.meta.dirname, "planner.ts") });
  const opening = { host: stage.address(1), folder: stage.folder, natsUrl, signer: foundation.fleetSigner, scenes };
  const opened = await planner.call<Opened>("open", opening satisfies Opening);
  const collectFile = join(stage.folder, "collect.cjs");
  writeFileSync(collectFile, COLLECT);
  return {
    stage,
    planner,
    opened,
    scenes,
    natsUrl,
    collectFile,
    envoy: envoy.path,
    agentFile: await bundle(join(ROOT, "agents/main.ts"), join(stage.folder, "agent")),
    bareFile: await bundle(join(import.meta.dirname, "bare-agent.ts"), join(stage.folder, "bare")),
  };
}

function sceneAt(stage: Stage, services: number, first: number): Scene {
  return {
    cluster: `with-${services}`,
    services,
    address: stage.address(first),
    backend: stage.address(first + 1),
    gateways: [2, 3, 4].map((offset) => stage.address(first + offset)),
  };
}

async function weighBare(world: World): Promise<number> {
  const { stage, planner, opened, natsUrl, bareFile, scenes } = world;
  stage.say("bare Node");
  const cluster = scenes[0]?.cluster ?? "";
  const { keyPem = "", chainPem = "" } = opened.keys.agents[cluster] ?? {};
  const credentials = opened.credentials[cluster] ?? "";
  const known = { cluster, address: opened.bare, caPem: opened.keys.caPem, keyPem, chainPem, natsUrl, credentials };
  const file = join(stage.folder, "known.json");
  writeFileSync(file, JSON.stringify(known));
  const member = startBundled(world, { name: "bare", file: bareFile, args: [file] });
  const isConnected = async () => ((await planner.call<Seen>("seen")).bare > 0 ? true : undefined);
  await waitFor("the bare agent", isConnected, { timeoutMs: 20_000, describe: () => member.tail() });
  const weight = await weigh(member, stage);
  await member.kill("SIGKILL");
  return weight;
}

type Seen = Readonly<Record<"acknowledged" | "bare", number>>;

async function weighAgent(world: World, scene: Scene): Promise<number> {
  const { stage, planner, agentFile, envoy } = world;
  stage.say(`agent with ${scene.services} services`);
  const before = (await planner.call<Seen>("seen")).acknowledged;
  const config = await writeAgentFiles(world, scene);
  const member = startBundled(world, { name: scene.cluster, file: agentFile, args: ["--config", config] });
  const bootstrap = join(stage.folder, `${scene.cluster}-envoy.json`);
  const ads = { address: scene.address, port: ADS_PORT };
  writeFileSync(bootstrap, envoyBootstrap({ cluster: scene.cluster as ClusterId, ads }));
  const args = ["-c", bootstrap, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"];
  const proxy = stage.crew.start({ name: `${scene.cluster}-envoy`, command: envoy, args });
  const isApplied = async () => ((await planner.call<Seen>("seen")).acknowledged > before ? true : undefined);
  await waitFor("the plan to be applied", isApplied, { timeoutMs: 45_000, describe: () => member.tail() });
  const weight = await weigh(member, stage);
  await Promise.all([member.kill("SIGKILL"), proxy.kill("SIGKILL")]);
  return weight;
}

/** An agent that has joined already. */
async function writeAgentFiles({ stage, opened }: World, scene: Scene): Promise<string> {
  const dataDir = join(stage.folder, scene.cluster);
  const own = opened.keys.agents[scene.cluster];
  if (own === undefined) throw new Error(`no certificate for ${scene.cluster}`);
  const identity = { keyPem: own.keyPem, chainPem: own.chainPem, caPem: opened.keys.caPem };
  mkdirSync(dataDir, { mode: 0o700 });
  await new IdentityFiles(join(dataDir, "identity")).save(identity);
  writeFileSync(join(dataDir, "cluster-uid"), `${CLUSTER_UID}\n`, { mode: 0o600 });
  writeFileSync(join(dataDir, "endpoints.yaml"), endpointsYaml(scene));
  const config = join(dataDir, "agent.yaml");
  const { address } = scene;
  writeFileSync(
    config,
    JSON.stringify({
      dataDir,
      planners: [opened.weir],
      mesh: { kind: "envoy", address, xds: { address, port: ADS_PORT } },
      gateway: { address, port: 15_444 },
      endpointsFile: join(dataDir, "endpoints.yaml"),
    }),
  );
  return config;
}

function startBundled(
  { stage, collectFile }: World,
  { name, file, args }: { readonly name: string; readonly file: string; readonly args: readonly string[] },
): Member {
  const flags = [...FLAGS, "--require", collectFile];
  return stage.crew.start({ name, command: process.execPath, args: [...flags, file, ...args] });
}

/** Waits until start-up is forgotten, then measures some seconds apart, each time after garbage was collected. */
async function weigh(member: Member, stage: Stage): Promise<number> {
  const weights: number[] = [];
  await pause(stage.isQuick ? 2_000 : 8_000);
  for (let round = 0; round < 3; round += 1) {
    member.signal("SIGUSR2");
    // Some time apart is the point.
    await pause(500);
    weights.push(privateMiB(member.pid));
    await pause(1_000);
  }
  return median(weights);
}
