import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { envoyBootstrap, proxylessBootstrap } from "../../../agents/mesh/envoy/bootstrap.ts";
import { pause } from "../../../deploy/demo/waiting.ts";
import { resolvePart } from "../../../deploy/parts/resolve-part.ts";
import type { Bench, Stage } from "../bench.ts";
import type { Calls } from "../calls.ts";
import { interleave } from "../interleave.ts";
import { awaitPort } from "../ports.ts";
import { rowOf } from "../row.ts";
import type { Row } from "../row.ts";
import { median, percentile } from "../statistics.ts";
import { CLUSTER, PORTS } from "./plans.ts";
import type { ClientKind, Version } from "./plans.ts";
import type { Flip } from "./servers.ts";

/** How soon new weights are in force in real clients, beside the least that any xDS server has to do. */
export const xdsBench: Bench = {
  name: "xds",
  about: "new weights to first request on them, Envoy and proxyless / bare grpc-js ADS server, prebuilt responses",
  run,
};

const FLIPS = 100;
const SIDES = ["weir", "bare"] as const;
type Side = (typeof SIDES)[number];

/** Between two changes, in ms: anything, so that no timer of the client is met in step. */
const PAUSE_MS = { min: 20, spread: 40 };

async function run(stage: Stage): Promise<readonly Row[]> {
  const servers = await startServers(stage);
  const probers = await startClients(stage);
  await servers.call("publish");
  const rows: Row[] = [];
  for (const kind of ["envoy", "proxyless"] as const) {
    stage.say(`${kind}: waits for the first answers`);
    for (const side of SIDES) await probers[kind][side]("v1");
    rows.push(...(await compare(stage, { kind, servers, probers: probers[kind] })));
  }
  return rows;
}

/** Resolves with the moment at which a version first answers. */
type Prober = (version: Version) => Promise<bigint>;

async function startServers(stage: Stage): Promise<Calls> {
  const servers = stage.crew.startNode({
    name: "servers",
    entry: join(import.meta.dirname, "servers.ts"),
    args: [prefixOf(stage)],
  });
  stage.crew.start({
    name: "backends",
    command: process.execPath,
    args: [join(import.meta.dirname, "backends.ts"), prefixOf(stage)],
  });
  await servers.call("open");
  return servers;
}

async function startClients(stage: Stage): Promise<Readonly<Record<ClientKind, Readonly<Record<Side, Prober>>>>> {
  const envoy = await resolvePart("envoy", { log: (line) => stage.say(line) });
  const http = stage.crew.startNode({ name: "http-prober", entry: join(import.meta.dirname, "http-prober.ts") });
  for (const side of SIDES) {
    const host = hostOf(stage, side);
    const file = join(stage.folder, `envoy-${side}.json`);
    writeFileSync(file, envoyBootstrap({ cluster: CLUSTER, ads: { address: host, port: PORTS.ads } }));
    const args = ["-c", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"];
    stage.crew.start({ name: `envoy-${side}`, command: envoy.path, args });
  }
  const proxyless = { weir: startProxyless(stage, "weir"), bare: startProxyless(stage, "bare") };
  const throughEnvoy = (side: Side): Prober => {
    const host = hostOf(stage, side);
    return async (version) => {
      await awaitPort(host, PORTS.checkout, 20_000);
      return await http.call<bigint>("until", { host, port: PORTS.checkout, version });
    };
  };
  return { envoy: { weir: throughEnvoy("weir"), bare: throughEnvoy("bare") }, proxyless };
}

function startProxyless(stage: Stage, side: Side): Prober {
  const ads = { address: hostOf(stage, side), port: PORTS.ads };
  const bootstrap = proxylessBootstrap({ cluster: CLUSTER, node: `proxyless-${side}`, ads });
  const prober = stage.crew.startNode({
    name: `grpc-prober-${side}`,
    entry: join(import.meta.dirname, "grpc-prober.ts"),
    env: { GRPC_XDS_BOOTSTRAP_CONFIG: bootstrap },
  });
  return async (version) => await prober.call<bigint>("until", { version });
}

async function compare(
  stage: Stage,
  { kind, servers, probers }: { kind: ClientKind; servers: Calls; probers: Readonly<Record<Side, Prober>> },
): Promise<readonly Row[]> {
  stage.say(`${kind}: changes`);
  const next = { weir: "v2", bare: "v2" } as Record<Side, Version>;
  const flip = (side: Side) => async (): Promise<number> => {
    const version = next[side];
    next[side] = version === "v1" ? "v2" : "v1";
    const seen = probers[side](version);
    await pause(PAUSE_MS.min + Math.random() * PAUSE_MS.spread);
    const startedAt = await servers.call<bigint>("flip", { side, kind, version } satisfies Flip);
    return Number((await seen) - startedAt) / 1e6;
  };
  const timed = { rounds: stage.isQuick ? 10 : FLIPS, warmUp: stage.isQuick ? 4 : 20 };
  const { ours, rivals } = await interleave({ ours: flip("weir"), rivals: flip("bare") }, timed);
  const name = kind === "envoy" ? "Envoy" : "proxyless gRPC";
  return [
    rowOf({ case: `${name}, p50`, unit: "ms", atMost: 1.2, value: median(ours), rival: median(rivals) }),
    rowOf({ case: `${name}, p95`, unit: "ms", value: percentile(ours, 95), rival: percentile(rivals, 95) }),
  ];
}

function prefixOf(stage: Stage): string {
  return stage.address(0).replace(/\.0$/, "");
}

function hostOf(stage: Stage, side: Side): string {
  return stage.address(side === "weir" ? 1 : 2);
}
