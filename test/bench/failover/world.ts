import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pause } from "../../../deploy/demo/waiting.ts";
import type { Calls } from "../calls.ts";
import { answerCalls } from "../calls.ts";
import { Crew } from "../crew.ts";
import type { Member } from "../crew.ts";
import { awaitPort } from "../ports.ts";
import { dropNetwork, dropNothing } from "./blackhole.ts";
import { backendAddress, CLUSTERS, envoyAddress, LOST, networkOf, PORTS, SIDES, SOURCES } from "./fleet.ts";
import type { ClusterName, Side } from "./fleet.ts";
import type { LoadTarget, Sent } from "./load.ts";
import { staticBootstrap } from "./static-envoy.ts";
import { verdictOf } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";
import { startWeirSide } from "./weir-side.ts";

/** How the cluster is lost. `kill`: SIGKILL. `drop`: its packets vanish. `stop`: SIGSTOP, where packets cannot be dropped. */
export type Fault = "kill" | "drop" | "stop";

/** One act: a world is built, put under load, and loses a cluster. */
export interface Act {
  readonly fault: Fault;
  /** Whether Weir's planner and agents still run when the cluster is lost. */
  readonly control: "stopped" | "running";
  readonly settleMs: number;
  readonly watchMs: number;
  readonly rps: number;
}

/** What an act showed. */
export type ActResult = Readonly<Record<Side, Verdict>>;

const [folder = "", envoy = ""] = process.argv.slice(2);
let acts = 0;

answerCalls({
  async play(act: Act): Promise<ActResult> {
    acts += 1;
    const crew = new Crew(folder, `act${acts}-`);
    try {
      return await play(act, crew);
    } finally {
      if (act.fault === "drop") dropNothing();
      await crew.close();
    }
  },
});

async function play(act: Act, crew: Crew): Promise<ActResult> {
  const load = crew.startNode({ name: "load", entry: join(import.meta.dirname, "load.ts") });
  const doomed: Member[] = [];
  for (const cluster of CLUSTERS) {
    const members = startCluster(crew, cluster);
    if (cluster === LOST) doomed.push(...members);
  }
  const weir = await startWeirSide({ crew, folder, envoy });
  await awaitAnswers(load);
  const targets = targetsAt(act.rps);
  await load.call("start", targets);
  await pause(act.settleMs);
  if (act.control === "stopped") await weir.stopControl();
  const lostAtMs = await lose(act.fault, { doomed: [...doomed, ...weir.membersOf(LOST)], load });
  await pause(act.watchMs);
  const sent = await load.call<Record<string, readonly Sent[]>>("finish");
  return judge(sent, lostAtMs);
}

function startCluster(crew: Crew, cluster: ClusterName): readonly Member[] {
  const backend = crew.start({
    name: `backend-${cluster}`,
    command: process.execPath,
    args: [join(import.meta.dirname, "backend.ts"), backendAddress(cluster), String(PORTS.backend), cluster],
  });
  return [backend, startEnvoy(crew, `static-${cluster}`, staticBootstrap(cluster))];
}

/** Starts an Envoy with this bootstrap. */
function startEnvoy(crew: Crew, name: string, bootstrap: object): Member {
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(bootstrap));
  const args = ["-c", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"];
  return crew.start({ name, command: envoy, args });
}

function targetsAt(rps: number): readonly LoadTarget[] {
  return SOURCES.flatMap((source) =>
    SIDES.map((side) => ({
      key: `${side}/${source}`,
      host: envoyAddress(source, side),
      port: PORTS.outbound,
      rps,
    })),
  );
}

/** Until every source has had an answer from its own cluster and from the one that will be lost. */
async function awaitAnswers(load: Calls): Promise<void> {
  for (const target of targetsAt(0)) {
    await awaitPort(target.host, target.port, 20_000);
    await awaitBoth(load, target);
  }
}

async function awaitBoth(load: Calls, target: LoadTarget): Promise<void> {
  const seen = new Set<string | undefined>();
  const [, source] = target.key.split("/");
  const deadline = performance.now() + 20_000;
  while (!seen.has(source) || !seen.has(LOST)) {
    if (performance.now() > deadline) throw new Error(`${target.key} got answers only from ${[...seen].join(", ")}`);
    // Each answer decides whether to ask again.
    seen.add(await load.call<string | undefined>("probe", target));
  }
}

/** Loses the cluster and returns when, on the load's clock. */
async function lose(
  fault: Fault,
  { doomed, load }: { readonly doomed: readonly Member[]; readonly load: Calls },
): Promise<number> {
  const lostAtMs = await load.call<number>("now");
  if (fault === "drop") dropNetwork(networkOf(LOST));
  else if (fault === "stop") for (const member of doomed) member.signal("SIGSTOP");
  else await Promise.all(doomed.map(async (member) => member.kill("SIGKILL")));
  return lostAtMs;
}

function judge(sent: Readonly<Record<string, readonly Sent[]>>, lostAtMs: number): ActResult {
  const of = (side: Side): Verdict => {
    const own = Object.entries(sent).filter(([key]) => key.startsWith(`${side}/`));
    return verdictOf(
      own.flatMap(([, list]) => list),
      { lostAtMs, lost: LOST },
    );
  };
  return { weir: of("weir"), static: of("static") };
}
