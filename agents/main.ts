import { randomUUID } from "node:crypto";
import { once } from "node:events";
import manifest from "../package.json" with { type: "json" };
import type { ClusterId } from "../src/model/ids.ts";
import { HELP, configure, foldersOf } from "./config.ts";
import type { Config } from "./config/settings.ts";
import type { Mesh } from "./core/ports.ts";
import { SYSTEM_CLOCK as clock } from "./io/clock.ts";
import { messageOf } from "./io/durable-file.ts";
import { enrol } from "./io/enrolment.ts";
import { lockFolder } from "./io/folder-lock.ts";
import { IdentityFiles } from "./io/identity.ts";
import { createLog } from "./io/log.ts";
import type { AgentLog } from "./io/log.ts";
import { OperatorSocket, frozenIn } from "./io/operator-socket.ts";
import { Runtime } from "./io/runtime.ts";
import { FilePlanStore } from "./io/store.ts";
import { clusterUid } from "./io/uid.ts";
import { printBootstrap } from "./io/print-bootstrap.ts";

/** EX_CONFIG of sysexits.h: no restart will mend it. */
const EXIT_CONFIG = 78;

/** No identity, and none to be had: a person has to act. */
class NotEnrolled extends Error {}

async function run(config: Config, log: AgentLog): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  const lock = await lockFolder(config.dataDir);
  const [uid, folders] = [await clusterUid(config.dataDir), foldersOf(config)];
  const files = new IdentityFiles(folders.identity);
  const enrolment = await enrol({ config, files, uid, clock, log, signal: stop.signal }).catch((cause: unknown) => {
    throw new NotEnrolled(messageOf(cause), { cause });
  });
  const mesh = await openMesh(config, { cluster: enrolment.cluster(), log });
  const version = manifest.version;
  const store = new FilePlanStore(folders.plans);
  const runtime = new Runtime({ config, enrolment, uid, bootId: randomUUID(), version, mesh, store, clock, log });
  const socket = new OperatorSocket({
    path: config.socket,
    agent: runtime.agent,
    isLinked: () => runtime.isLinked(),
    folder: config.dataDir,
  });
  await runtime.start(await frozenIn(config.dataDir));
  await socket.start();
  log.info({ cluster: enrolment.cluster(), version, mesh: config.mesh.kind, uid }, "agent runs");
  if (!stop.signal.aborted) await once(stop.signal, "abort");
  await Promise.all([runtime.close(), socket.close()]);
  await mesh.close();
  await lock.release();
}

/** Adapters are loaded when they are wanted: none costs an agent that does not use it any memory. */
async function openMesh(
  { mesh, gateway }: Config,
  { cluster, log }: { readonly cluster: ClusterId; readonly log: AgentLog },
): Promise<Mesh> {
  if (mesh.kind === "memory") return new (await import("./mesh/memory/mesh.ts")).MemoryMesh(clock);
  const { createEnvoyMesh } = await import("./mesh/envoy/mesh.ts");
  const { address, xds, envoys } = mesh;
  return await createEnvoyMesh({
    clusterName: cluster,
    address,
    // `configure` asks for it with this kind of mesh.
    gateway: gateway ?? { address, port: 0 },
    ads: xds,
    envoys,
    log: (level, phrase, data) => log[level](data, phrase),
  });
}

async function main(): Promise<void> {
  const asked = configure(process.argv.slice(2));
  if (!asked.ok) {
    process.stderr.write(`${asked.refusal.join("\n")}\n`);
    process.exitCode = EXIT_CONFIG;
    return;
  }
  if (asked.value.kind === "help") return void process.stdout.write(HELP);
  if (asked.value.kind === "version") return void process.stdout.write(`weir-agent ${manifest.version}\n`);
  if (asked.value.kind === "bootstrap") {
    const problem = await printBootstrap(asked.value.config, asked.value.cluster);
    if (problem === undefined) return;
    process.stderr.write(`${problem}\n`);
    process.exitCode = EXIT_CONFIG;
    return;
  }
  const log = createLog(asked.value.config.logLevel);
  try {
    await run(asked.value.config, log);
    // Nothing may keep a stopped agent alive, whatever timers a library left.
    process.exit(0);
  } catch (cause) {
    process.stderr.write(`weir-agent: ${messageOf(cause)}\n`);
    process.exit(cause instanceof NotEnrolled ? EXIT_CONFIG : 1);
  }
}

await main();
