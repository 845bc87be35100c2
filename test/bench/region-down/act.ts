import { join } from "node:path";
import { pause } from "../../../deploy/demo/waiting.ts";
import { wanConfig } from "../../../deploy/demo/wan.ts";
import type { RouteSet } from "../../../proto/gen/weir/v1/plan_pb.ts";
import type { Calls } from "../calls.ts";
import type { Member } from "../crew.ts";
import type { LoadTarget, Sent } from "../failover/load.ts";
import { awaitPort } from "../ports.ts";
import { HOST, PORTS } from "./fleet.ts";
import type { Fleet, Site } from "./fleet.ts";
import type { Cast } from "./cast.ts";
import { assertLost, phaseOf } from "./judge.ts";
import type { Phase } from "./judge.ts";
import { localityFailoverBootstrap } from "./locality-failover.ts";
import type { Tries } from "./locality-failover.ts";
import { startWeirSide } from "./weir-side.ts";
import type { WeirSide } from "./weir-side.ts";

/** How long an act's phases are, ms. */
export interface Timing {
  /** Everybody lives and is measured. */
  readonly beforeMs: number;
  /** From the loss on. */
  readonly watchMs: number;
}

/** What one act showed. */
export interface ActResult {
  readonly before: Phase;
  /** All requests from the loss on. */
  readonly after: Phase;
  /** What came once the loss had been met: from a tenth of the time on. */
  readonly settled: Phase;
}

/** Weir's act, with the plan that was in force when its planner and agents were killed. */
export interface WeirResult extends ActResult {
  readonly released: ReadonlyMap<string, RouteSet>;
  /** What the planner had measured, rps. */
  readonly demandRps: Readonly<Record<string, number>>;
}

type Say = (line: string) => void;

/** The live planner plans; then it and every agent are killed, and then a cluster. */
export async function playWeir(cast: Cast, fleet: Fleet, timing: Timing, say: Say): Promise<WeirResult> {
  const net = startNet(cast, fleet);
  const weir = await startWeirSide(cast, fleet);
  const load = await startLoad(cast, fleet);
  const released = await settledPlan(weir, fleet);
  say("the planner has measured everybody's demand and its plan stands still");
  const fromMs = await load.call<number>("now");
  await pause(timing.beforeMs);
  const [demandRps, last] = await Promise.all([weir.demandRps(), weir.released()]);
  await weir.stopControl();
  say(`planner, NATS and agents are killed, then ${fleet.lost}`);
  const phases = await lose({ net, load, fleet }, { fromMs, ...timing });
  return { ...phases, demandRps, released: last.size === 0 ? released : last };
}

/** The same with Envoys that were configured by hand. */
export async function playRival(
  cast: Cast,
  fleet: Fleet,
  timing: Timing & { readonly tries: Tries },
): Promise<ActResult> {
  const net = startNet(cast, fleet);
  for (const site of fleet.sites)
    cast.startEnvoy(`envoy-${site.name}`, JSON.stringify(localityFailoverBootstrap(site, fleet, timing.tries)));
  const load = await startLoad(cast, fleet);
  await pause(SETTLE_MS);
  const fromMs = await load.call<number>("now");
  await pause(timing.beforeMs);
  return await lose({ net, load, fleet }, { fromMs, ...timing });
}

/** Connections open, code gets warm. */
const SETTLE_MS = 5_000;

/** What of the fleet is neither Weir nor its rival: backends, and the ways between clusters. By cluster. */
type Net = ReadonlyMap<string, readonly Member[]>;

function startNet(cast: Cast, fleet: Fleet): Net {
  return new Map(
    fleet.sites.map((site, index) => [site.name, [startBackend(cast, site, index), startWay(cast, site, fleet)]]),
  );
}

function startBackend(cast: Cast, { name, address, servers, meanWorkMs }: Site, index: number): Member {
  const args = [address, String(PORTS.backend), name, String(servers), String(meanWorkMs), String(index + 1)];
  const command = process.execPath;
  return cast.start({ name: `backend-${name}`, command, args: [join(import.meta.dirname, "backend.ts"), ...args] });
}

/**
 * The way into a cluster is a process of its own, so that a cluster's gateway can die while the proxy of its callers lives:
 * whoever calls from the lost region goes on asking.
 */
function startWay(cast: Cast, site: Site, { sites, roundTripMs }: Fleet): Member {
  const bootstrap = {
    node: { id: `way-${site.name}`, cluster: site.name },
    static_resources: wanConfig(site, { clusters: sites, roundTripMs }),
  };
  return cast.startEnvoy(`way-${site.name}`, JSON.stringify(bootstrap));
}

/** Callers of every cluster, at random, once each of them has had an answer. */
async function startLoad(cast: Cast, { sites }: Fleet): Promise<Member & Calls> {
  const entry = join(import.meta.dirname, "../failover/load.ts");
  const load = cast.startNode({ name: "load", entry });
  const targets = sites.map(({ name, address, demandRps }, index): LoadTarget => ({
    key: name,
    host: address,
    port: PORTS.outbound,
    rps: demandRps,
    seed: 100 + index,
  }));
  await Promise.all(targets.map(async (target) => await awaitAnswer(load, target)));
  await load.call("start", targets);
  return load;
}

async function awaitAnswer(load: Calls, target: LoadTarget): Promise<void> {
  await awaitPort(target.host, target.port, 40_000);
  const deadline = performance.now() + 40_000;
  while ((await load.call<string | undefined>("probe", target)) === undefined) {
    if (performance.now() > deadline) throw new Error(`no answer of ${HOST} through ${target.key}`);
    await pause(100);
  }
}

/** A plan that stands still this long, with everybody's demand known, is what the planner wants. */
const STILL_MS = 8_000;
const SETTLING_MAX_MS = 90_000;

async function settledPlan(weir: WeirSide, { sites }: Fleet): Promise<ReadonlyMap<string, RouteSet>> {
  const deadline = performance.now() + SETTLING_MAX_MS;
  let seen = "";
  let sinceMs = performance.now();
  for (;;) {
    const [demand, released] = await Promise.all([weir.demandRps(), weir.released()]);
    const text = JSON.stringify([...released].map(([cluster, { rules }]) => [cluster, rules]));
    const isKnown = sites.every(({ name, demandRps }) => (demand[name] ?? 0) > demandRps / 2);
    if (text !== seen || !isKnown) sinceMs = performance.now();
    if (performance.now() - sinceMs > STILL_MS) return released;
    if (performance.now() > deadline)
      throw new Error(`the plan does not come to rest; demand ${JSON.stringify(demand)}`);
    seen = text;
    await pause(250);
  }
}

interface Scene {
  readonly net: Net;
  readonly load: Calls;
  readonly fleet: Fleet;
}

async function lose(
  { net, load, fleet }: Scene,
  { fromMs, watchMs }: Timing & { readonly fromMs: number },
): Promise<ActResult> {
  const lostAtMs = await load.call<number>("now");
  await Promise.all((net.get(fleet.lost) ?? []).map(async (member) => await member.kill("SIGKILL")));
  await pause(watchMs);
  const untilMs = await load.call<number>("now");
  const sent = await load.call<Record<string, readonly Sent[]>>("finish");
  assertLost(sent, { lost: fleet.lost, lostAtMs });
  return {
    before: phaseOf(sent, { fromMs, untilMs: lostAtMs }),
    after: phaseOf(sent, { fromMs: lostAtMs, untilMs }),
    settled: phaseOf(sent, { fromMs: lostAtMs + watchMs / 10, untilMs }),
  };
}
