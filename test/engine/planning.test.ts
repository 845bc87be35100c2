import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startPlanRunner } from "../../src/io/plan-worker-runner.ts";
import type { Command } from "../../src/model/command.ts";
import { keyOf } from "../../src/model/destination.ts";
import type { Actor, ClusterId, ShiftId } from "../../src/model/ids.ts";
import type { FleetEvent } from "../../src/model/event.ts";
import { DEFAULT_PACE_POLICY } from "../../src/model/service.ts";
import { DEFAULT_SETTINGS } from "../../src/model/settings.ts";
import type { Settings } from "../../src/model/settings.ts";
import { releasedSplit } from "../../src/planner/released.ts";
import { aGreeting, aRegistration, aShift, aSpec, CHECKOUT, secretHash } from "../planner/play.ts";
import { startReplica, until } from "../support/engine/replica.ts";
import type { TestReplica } from "../support/engine/replica.ts";
import { startNatsServer } from "../support/nats/server.ts";
import type { TestServer } from "../support/nats/server.ts";

const signal = AbortSignal.timeout(300_000);
const TIMEOUT_MS = 60_000;
const NAMES = ["ap-south", "eu-west", "us-east"];

/** Short waits; the steps and their order are the product's. */
const SETTINGS: Partial<Settings> = { coldStartMs: 200, healthyAfterMs: 200, rampStepMs: 100, routineIntervalMs: 100 };

let server: TestServer;
let replicas: TestReplica[] = [];
let agents: NodeJS.Timeout;
let sequence = 0;

beforeEach(async () => {
  server = await startNatsServer();
  replicas = [];
  for (const replica of ["p1", "p2"]) replicas.push(await startPlanning(replica));
  await until("one leads", () => leader() !== undefined);
  // Every replica hears every report, as over NATS.
  agents = setInterval(() => replicas.forEach(reportAll), 50);
}, TIMEOUT_MS);
afterEach(async () => {
  clearInterval(agents);
  for (const replica of replicas) await replica.stop();
  await server.stop();
}, TIMEOUT_MS);

async function startPlanning(replica: string): Promise<TestReplica> {
  const settings = { ...DEFAULT_SETTINGS, ...SETTINGS };
  const runner = startPlanRunner({ settings, timeoutMs: 15_000 });
  return await startReplica({ url: server.url, replica, settings, runner });
}

function leader(): TestReplica | undefined {
  return replicas.find(({ engine }) => engine.leader()?.isSelf === true);
}

/** Agents that apply at once what they are released, send what they were told, and see one another. */
function reportAll({ engine }: TestReplica): void {
  const state = engine.state();
  sequence += 1;
  for (const name of state.clusters.keys()) {
    const services = [...state.services];
    const appliedHashes = Object.fromEntries(services.map(([id, { released }]) => [id, released[name] ?? ""]));
    const traffic = services.flatMap(([service, found]) =>
      (releasedSplit(state, found, name) ?? []).map(({ destination, weight }) => {
        return { service, destination: keyOf(destination), requests: weight, failures: 0 };
      }),
    );
    const peers = NAMES.filter((peer) => peer !== name).map((peer) => {
      return { cluster: peer as ClusterId, isReachable: true };
    });
    const head = { cluster: name, uid: `uid-${name}`, bootId: "b", sequence, receivedAtMs: performance.now() };
    const rest = { refusals: [], workloads: [], windowMs: 50, isStreamOpen: true };
    engine.acceptReport({
      ...head,
      appliedHashes,
      traffic,
      peers,
      ...rest,
    });
  }
}

async function ask(command: Command): Promise<void> {
  const asked = replicas[0] ?? leader();
  const forwarded = { command, actor: "operator:ana" as Actor, requestId: crypto.randomUUID(), requestDigest: "d" };
  expect(await asked?.engine.submit(forwarded, signal)).toMatchObject({ ok: true });
}

async function settleFleet(): Promise<void> {
  for (const name of NAMES) {
    await ask(aRegistration(name, Date.now()));
    await ask({ kind: "redeem-token", secretHash: secretHash(name), uid: `uid-${name}`, serial: `0a-${name}` });
    await ask({ kind: "accept-cluster", cluster: name as ClusterId });
    await ask(aGreeting(name));
  }
  const pace = { ...DEFAULT_PACE_POLICY, bakeMs: 100 };
  const demandRps = Object.fromEntries(NAMES.map((name) => [name, 200]));
  await ask({
    kind: "apply-service",
    spec: aSpec(
      NAMES.map((name) => `${name}/v1`),
      { pace, demandRps },
    ),
  });
  await until("every cluster was released its routes", () => NAMES.every((name) => weightOf(name, name) === 10_000));
}

function weightOf(source: string, destination: string): number | undefined {
  const state = replicas[0]?.engine.state();
  const service = state?.services.get(CHECKOUT);
  if (state === undefined || service === undefined) return undefined;
  const split = releasedSplit(state, service, source as ClusterId);
  return split?.find(({ destination: to }) => to.cluster === destination)?.weight;
}

describe("the leader's loop", { timeout: TIMEOUT_MS }, () => {
  it("plans in the worker what is applied, and brings a shift to its end step by step", async () => {
    const kinds: FleetEvent["kind"][] = [];
    replicas[0]?.engine.onCommit((_, { events }) => kinds.push(...events.map(({ kind }) => kind)));
    await settleFleet();
    await ask(aShift({ "eu-west/v1": 5_000, "us-east/v1": 5_000 }));
    const shift = () => replicas[0]?.engine.state().shifts.get("s1" as ShiftId);
    await until("the shift is completed", () => shift()?.phase === "completed", 30_000);
    expect(weightOf("us-east", "eu-west")).toBe(5_000);
    expect(shift()?.stepsTaken).toBeGreaterThanOrEqual(2);
    // Bytes come before what names them.
    expect(kinds.indexOf("route-sets-stored")).toBeLessThan(kinds.indexOf("plan-committed"));
    expect(kinds.indexOf("plan-committed")).toBeLessThan(kinds.indexOf("route-set-released"));
  });

  it("carries a shift to its end when the lead changes in its middle", async () => {
    await settleFleet();
    await ask(aShift({ "eu-west/v1": 7_500, "us-east/v1": 2_500 }));
    const leaving = leader();
    await leaving?.stop();
    replicas = replicas.filter((replica) => replica !== leaving);
    const shift = () => replicas[0]?.engine.state().shifts.get("s1" as ShiftId);
    await until("the shift is completed", () => shift()?.phase === "completed", 30_000);
    expect(weightOf("us-east", "eu-west")).toBe(7_500);
  });

  it("appends nothing while nothing changes, over a restart of every replica too", async () => {
    await settleFleet();
    await until(
      "everything is settled",
      () => replicas[0]?.engine.state().services.get(CHECKOUT)?.rollout?.isSettled === true,
    );
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const before = replicas[0]?.engine.state();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(replicas[0]?.engine.state().sequence).toBe(before?.sequence);
    for (const replica of replicas.splice(0)) await replica.stop();
    for (const replica of ["p1", "p2"]) replicas.push(await startPlanning(replica));
    await until("one leads again", () => leader() !== undefined);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const after = leader()?.engine.state();
    expect(after?.revisions).toEqual(before?.revisions);
    expect(after?.services.get(CHECKOUT)?.released).toEqual(before?.services.get(CHECKOUT)?.released);
  });
});
