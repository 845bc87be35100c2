import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DeltaBase } from "../../../proto/gen/weir/v1/agent_pb.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import { planDigest } from "../../../src/wire/digest.ts";
import { acknowledgement, connect, enrol, openStream } from "./agents.ts";
import type { TestAgent } from "./agents.ts";
import type { Credentials } from "./clients.ts";
import { must } from "./small-engine.ts";
import { startPlanner } from "./small-planner.ts";
import type { SmallPlanner } from "./small-planner.ts";

let planner: SmallPlanner;
let own: Credentials;
const agents: TestAgent[] = [];

beforeEach(async () => {
  planner = await startPlanner({ ackDeadlineMs: 1_000 });
  own = await enrol(planner, "c1");
});
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.close();
  await planner[Symbol.asyncDispose]();
});

function follow(agent: TestAgent): TestAgent {
  agents.push(agent);
  return agent;
}

/** Long enough for a message that should not come to have come. */
const A_WHILE_MS = 150;
const aWhile = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, A_WHILE_MS));

describe("a plan stream", () => {
  it("brings credentials and everything released to an agent that holds nothing", async () => {
    planner.engine.fold({ kind: "service-applied", spec: service("shop/a") });
    planner.engine.release("c1", "shop/a", 8080);
    const agent = follow(connect(planner, own, { cluster: "c1" }));
    expect(await agent.next("credentials")).toMatchObject({
      credentials: "creds of c1",
      urls: ["nats://127.0.0.1:4222"],
    });
    const plan = await agent.next("plan");
    expect(plan.base).toBe(DeltaBase.NOTHING);
    agent.apply(plan);
    expect(Buffer.from(planDigest(agent.held))).toEqual(Buffer.from(plan.digest));
  });

  it("brings only what changed afterwards, and names what is gone", async () => {
    planner.engine.fold(
      { kind: "service-applied", spec: service("shop/a") },
      { kind: "service-applied", spec: service("shop/b") },
    );
    planner.engine.release("c1", "shop/a", 8080);
    planner.engine.release("c1", "shop/b", 8081);
    const agent = follow(connect(planner, own, { cluster: "c1" }));
    agent.apply(await agent.next("plan"));
    planner.engine.release("c1", "shop/b", 9090);
    const change = await agent.next("plan");
    expect(change.base).toBe(DeltaBase.HELD);
    expect(change.routeSets).toHaveLength(1);
    agent.apply(change);
    expect(Buffer.from(planDigest(agent.held))).toEqual(Buffer.from(change.digest));
    planner.engine.fold({ kind: "route-set-removed", service: "shop/a" as never, cluster: "c1" as never });
    expect(await agent.next("plan")).toMatchObject({ removed: ["shop/a"], routeSets: [] });
  });

  it("sends an agent that comes back what differs, and nothing when nothing does", async () => {
    planner.engine.fold({ kind: "service-applied", spec: service("shop/a") });
    planner.engine.release("c1", "shop/a", 8080);
    const first = follow(connect(planner, own, { cluster: "c1" }));
    first.apply(await first.next("plan"));
    await aWhile();
    const state = planner.engine.state();
    const held = {
      incarnation: state.incarnation,
      epoch: state.epoch,
      revision: state.revisions.get("c1" as ClusterId) ?? 0,
    };
    first.close();
    const again = follow(connect(planner, own, { cluster: "c1", held, hashes: first.held }));
    await again.next("credentials");
    await aWhile();
    expect(again.messages.filter(({ message }) => message.case === "plan")).toEqual([]);
    planner.engine.release("c1", "shop/a", 8081);
    expect(await again.next("plan")).toMatchObject({ base: DeltaBase.HELD });
  });

  it("keeps one delta in flight and then sends the newest state, skipping what lay between", async () => {
    planner.engine.fold({ kind: "service-applied", spec: service("shop/a") });
    planner.engine.release("c1", "shop/a", 1);
    const agent = follow(connect(planner, own, { cluster: "c1" }));
    const first = await agent.next("plan");
    for (let port = 2; port <= 50; port += 1) planner.engine.release("c1", "shop/a", port);
    await aWhile();
    expect(agent.messages.filter(({ message }) => message.case === "plan")).toHaveLength(1);
    agent.apply(first);
    const second = await agent.next("plan");
    const revision = planner.engine.state().revisions.get("c1" as ClusterId) ?? 0;
    expect(Number(second.position?.revision)).toBe(revision);
    agent.apply(second);
    await aWhile();
    expect(agent.messages.filter(({ message }) => message.case === "plan")).toHaveLength(2);
  });

  it("sends nothing for changes of other clusters", async () => {
    await enrol(planner, "c2");
    planner.engine.fold({ kind: "service-applied", spec: service("shop/a") });
    const agent = follow(connect(planner, own, { cluster: "c1" }));
    await agent.next("credentials");
    planner.engine.release("c2", "shop/a", 8080);
    await aWhile();
    expect(agent.messages.filter(({ message }) => message.case === "plan")).toEqual([]);
  });

  it("names what is gone in a complete plan too, for an agent that could not use the last delta", async () => {
    const [kept, gone] = ["shop/a", "shop/b"];
    for (const name of [kept, gone]) {
      planner.engine.fold({ kind: "service-applied", spec: service(name) });
      planner.engine.release("c1", name, 8080);
    }
    const agent = follow(connect(planner, own, { cluster: "c1" }));
    agent.apply(await agent.next("plan"));
    planner.engine.fold({ kind: "route-set-removed", service: gone as never, cluster: "c1" as never });
    expect(await agent.next("plan")).toMatchObject({ removed: [gone] });
    agent.send({ message: { case: "resync", value: {} } });
    expect(await agent.next("plan")).toMatchObject({ base: DeltaBase.NOTHING, removed: [gone] });
  });

  it("names what is gone to an agent that refused the whole plan which said so", async () => {
    const [kept, gone] = ["shop/a", "shop/b"];
    for (const name of [kept, gone]) {
      planner.engine.fold({ kind: "service-applied", spec: service(name) });
      planner.engine.release("c1", name, 8080);
    }
    const agent = follow(connect(planner, own, { cluster: "c1" }));
    agent.apply(await agent.next("plan"));
    planner.engine.fold({ kind: "route-set-removed", service: gone as never, cluster: "c1" as never });
    agent.send(acknowledgement(await agent.next("plan"), agent.held, { service: "", code: "SCHEMA_INVALID" }));
    planner.engine.release("c1", kept, 9090);
    const plan = await agent.next("plan");
    expect(plan).toMatchObject({ base: DeltaBase.NOTHING, removed: [gone] });
    agent.apply(plan);
    planner.engine.release("c1", kept, 9091);
    expect(await agent.next("plan")).toMatchObject({ base: DeltaBase.HELD, removed: [] });
  });

  it("tells an agent of a recovered log's new life, even if its routes are the same", async () => {
    planner.engine.fold({ kind: "service-applied", spec: service("shop/a") });
    planner.engine.release("c1", "shop/a", 8080);
    const first = follow(connect(planner, own, { cluster: "c1" }));
    first.apply(await first.next("plan"));
    const { incarnation, epoch, revisions } = planner.engine.state();
    const held = { incarnation, epoch, revision: revisions.get("c1" as ClusterId) ?? 0 };
    first.close();
    planner.engine.fold({ kind: "incarnation-raised", incarnation: { generation: 2, id: "life-2" }, reason: "test" });
    const again = follow(connect(planner, own, { cluster: "c1", held, hashes: first.held }));
    const plan = await again.next("plan");
    expect(plan).toMatchObject({ base: DeltaBase.HELD, routeSets: [], removed: [] });
    expect(plan.position?.incarnation).toMatchObject({ generation: 2n, id: "life-2" });
  });

  it("publishes nothing while the replica is halted", async () => {
    planner.engine.fold({ kind: "service-applied", spec: service("shop/a") });
    planner.engine.halt({ code: "STORE_ROLLED_BACK", field: "", message: "" });
    planner.engine.release("c1", "shop/a", 8080);
    const agent = follow(connect(planner, own, { cluster: "c1" }));
    await agent.next("credentials");
    await aWhile();
    expect(agent.messages.filter(({ message }) => message.case === "plan")).toEqual([]);
  });

  it("tells streams that stayed open through a halt what came meanwhile, once it is lifted", async () => {
    planner.engine.fold({ kind: "service-applied", spec: service("shop/a") });
    planner.engine.release("c1", "shop/a", 8080);
    const agent = follow(connect(planner, own, { cluster: "c1" }));
    agent.apply(await agent.next("plan"));
    planner.engine.halt({ code: "STORE_ROLLED_BACK", field: "", message: "" });
    planner.engine.fold({ kind: "incarnation-raised", incarnation: { generation: 2, id: "life-2" }, reason: "test" });
    planner.engine.release("c1", "shop/a", 9090);
    await aWhile();
    expect(agent.messages.filter(({ message }) => message.case === "plan")).toHaveLength(1);
    planner.engine.halt(undefined);
    const plan = await agent.next("plan");
    expect(plan.position?.incarnation).toMatchObject({ generation: 2n, id: "life-2" });
    expect(plan.routeSets).toHaveLength(1);
  });

  it("sends everything on resync, and after a plan that was refused as a whole only when something changes", async () => {
    planner.engine.fold({ kind: "service-applied", spec: service("shop/a") });
    planner.engine.release("c1", "shop/a", 8080);
    const agent = follow(connect(planner, own, { cluster: "c1" }));
    agent.apply(await agent.next("plan"));
    agent.send({ message: { case: "resync", value: {} } });
    const whole = await agent.next("plan");
    expect(whole).toMatchObject({ base: DeltaBase.NOTHING });
    agent.apply(whole, { service: "", code: "INPUT_SHRINK" });
    await aWhile();
    expect(agent.messages.filter(({ message }) => message.case === "plan")).toHaveLength(2);
    planner.engine.release("c1", "shop/a", 8081);
    expect(await agent.next("plan")).toMatchObject({ base: DeltaBase.NOTHING });
  });

  it("takes an acknowledgement twice, and ends on one for a plan that was never sent", async () => {
    planner.engine.fold({ kind: "service-applied", spec: service("shop/a") });
    planner.engine.release("c1", "shop/a", 8080);
    const agent = follow(connect(planner, own, { cluster: "c1" }));
    const plan = await agent.next("plan");
    agent.apply(plan);
    agent.send(acknowledgement(plan, agent.held));
    await aWhile();
    if (plan.position !== undefined) plan.position.revision = 4_711n;
    agent.send(acknowledgement(plan, agent.held));
    expect(await agent.next("goodbye")).toMatchObject({ code: "UNKNOWN_REVISION" });
    expect(await agent.ended).toMatchObject({ ok: false, status: status.NOT_FOUND, code: "UNKNOWN_REVISION" });
  });

  it("ends when the agent does not acknowledge in time", async () => {
    planner.engine.fold({ kind: "service-applied", spec: service("shop/a") });
    planner.engine.release("c1", "shop/a", 8080);
    const agent = follow(connect(planner, own, { cluster: "c1" }));
    await agent.next("plan");
    expect(await agent.ended).toMatchObject({ ok: false, code: "APPLY_TIMEOUT" });
    expect(planner.engine.streams.size).toBe(0);
  });

  it("says SHUTTING_DOWN when the planner stops", async () => {
    const agent = follow(connect(planner, own, { cluster: "c1" }));
    await agent.next("credentials");
    await planner.pusher.shutDown();
    expect(await agent.next("goodbye")).toMatchObject({ code: "SHUTTING_DOWN" });
  });
});

describe("who may open a plan stream", () => {
  it("refuses a hello that names another cluster than the certificate", async () => {
    const agent = follow(connect(planner, own, { cluster: "c2" }));
    expect(await agent.ended).toMatchObject({ ok: false, status: status.PERMISSION_DENIED, code: "IDENTITY_MISMATCH" });
  });

  it("refuses a cluster that nobody accepted", async () => {
    planner.engine.fold(
      {
        kind: "cluster-registered",
        spec: { cluster: "c3" as ClusterId, region: "", labels: {}, rttMs: {} },
        secretHash: "3".repeat(64),
        expiresAtMs: 1,
      },
      { kind: "token-redeemed", cluster: "c3" as ClusterId, uid: "uid-c3", serial: own.serial },
    );
    const { credentialsFor } = await import("./clients.ts");
    const pending = await credentialsFor(planner.authority, { kind: "cluster", name: "c3" });
    planner.engine.fold({ kind: "certificate-renewed", cluster: "c3" as ClusterId, serial: pending.serial });
    const agent = follow(connect(planner, pending, { cluster: "c3" }));
    expect(await agent.ended).toMatchObject({ ok: false, code: "NOT_ACCEPTED" });
  });

  it("cuts a live stream off at once when its cluster is revoked", async () => {
    const agent = follow(connect(planner, own, { cluster: "c1" }));
    await agent.next("credentials");
    await must(planner.engine, { kind: "revoke-cluster", cluster: "c1" as ClusterId, reason: "test" });
    expect(await agent.next("goodbye")).toMatchObject({ code: "REVOKED" });
    expect(await agent.ended).toMatchObject({ ok: false, code: "REVOKED" });
    const again = follow(connect(planner, own, { cluster: "c1" }));
    expect(await again.ended).toMatchObject({ ok: false, code: "REVOKED" });
  });

  it("shuts out both when one identity comes from two clusters", async () => {
    const first = follow(connect(planner, own, { cluster: "c1" }));
    await first.next("credentials");
    const copy = follow(connect(planner, own, { cluster: "c1", uid: "uid-stolen", bootId: "boot-2" }));
    expect(await copy.ended).toMatchObject({ ok: false, code: "IDENTITY_CLONED" });
    expect(await first.ended).toMatchObject({ ok: false, code: "IDENTITY_CLONED" });
  });

  it("lets a newer instance of the same cluster take over", async () => {
    const first = follow(connect(planner, own, { cluster: "c1" }));
    await first.next("credentials");
    const second = follow(connect(planner, own, { cluster: "c1", bootId: "boot-2" }));
    await second.next("credentials");
    expect(await first.next("goodbye")).toMatchObject({ code: "TAKEN_OVER" });
    await aWhile();
    expect([...planner.engine.streams]).toEqual(["c1"]);
    expect(planner.pusher.clusters()).toEqual(["c1"]);
  });

  it("serves an active agent although nobody leads", async () => {
    const first = follow(connect(planner, own, { cluster: "c1" }));
    await first.next("credentials");
    first.close();
    planner.engine.loseLeader();
    const again = follow(connect(planner, own, { cluster: "c1" }));
    expect(await again.next("credentials")).toBeDefined();
  });

  it("wants a hello first", async () => {
    const agent = follow(openStream(planner, own));
    agent.send({ message: { case: "resync", value: {} } });
    expect(await agent.ended).toMatchObject({ ok: false, code: "FIELD_REQUIRED" });
  });
});

function service(name: string) {
  return {
    service: name as never,
    protocol: "http" as const,
    port: 8080,
    stableVersion: "v1" as never,
    deployments: [{ cluster: "c1" as ClusterId, version: "v1" as never }],
    demandRps: {},
    request: {
      connectTimeoutMs: 250,
      perTryTimeoutMs: 1_000,
      requestTimeoutMs: 15_000,
      retries: 3,
      retryScope: "all" as const,
    },
    pace: { maxStepWeight: 2_500, bakeMs: 0, toleranceWeight: 500 },
  };
}
