import { jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamManager } from "@nats-io/jetstream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connectPlanner } from "../../src/io/nats/connect.ts";
import { LOG_STREAM, LOG_SUBJECT } from "../../src/io/nats/subjects.ts";
import type { Actor, ClusterId } from "../../src/model/ids.ts";
import type { Position } from "../../src/model/position.ts";
import { codec } from "../../src/wire/codec.ts";
import { registration, startReplica, until } from "../support/engine/replica.ts";
import type { TestReplica } from "../support/engine/replica.ts";
import { startNatsServer } from "../support/nats/server.ts";
import type { TestServer } from "../support/nats/server.ts";

const signal = AbortSignal.timeout(300_000);
const TIMEOUT_MS = 60_000;

let server: TestServer;
let replicas: TestReplica[] = [];

beforeEach(async () => {
  server = await startNatsServer();
  replicas = [];
}, TIMEOUT_MS);
afterEach(async () => {
  for (const replica of replicas) await replica.stop();
  await server.stop();
}, TIMEOUT_MS);

async function start(replica = "p1", timing = {}): Promise<TestReplica> {
  const started = await startReplica({ url: server.url, replica, timing: { tickMs: 600_000, ...timing } });
  replicas.push(started);
  return started;
}

async function startLeader(timing = {}): Promise<TestReplica> {
  const replica = await start("p1", timing);
  await until("it leads", () => replica.engine.leader()?.isSelf === true);
  return replica;
}

async function stopAll(): Promise<void> {
  for (const replica of replicas.splice(0)) await replica.stop();
}

async function administer<T>(act: (manager: JetStreamManager) => Promise<T>): Promise<T> {
  const connection = await connectPlanner({ servers: [server.url], name: "by hand" });
  try {
    return await act(await jetstreamManager(connection));
  } finally {
    await connection.close();
  }
}

function code({ engine }: TestReplica): string | undefined {
  return engine.halted()?.code;
}

function positionOf({ engine }: TestReplica): Position {
  const { incarnation, epoch, sequence } = engine.state();
  return { incarnation, epoch, revision: sequence };
}

const recovery = {
  command: { kind: "recover", generation: 0, incarnationId: "", reason: "the disk was lost" },
  actor: "operator:test" as Actor,
  requestId: "recovery",
  requestDigest: "d",
} as const;

const EU = "eu-west" as ClusterId;

describe("a record that no planner wrote", { timeout: TIMEOUT_MS }, () => {
  it.each([
    ["is no record at all", async () => await Promise.resolve(new TextEncoder().encode("hello"))],
    [
      "is a copy of an older one",
      async () =>
        await administer(async (manager) => (await manager.streams.getMessage(LOG_STREAM, { seq: 2 }))?.data ?? ""),
    ],
  ])("that %s halts with STORE_CORRUPT and changes nothing", async (_what, make) => {
    const replica = await startLeader();
    await replica.engine.submit(registration("c1"), signal);
    const before = Buffer.from(codec.encodeSnapshot(replica.engine.state())).toString("hex");
    const bytes = await make();
    await administer(async (manager) => await manager.jetstream().publish(LOG_SUBJECT, bytes));
    await until("it is halted", () => code(replica) === "STORE_CORRUPT");
    expect(Buffer.from(codec.encodeSnapshot(replica.engine.state())).toString("hex")).toBe(before);
    expect(await replica.engine.submit(registration("c2"), signal)).toMatchObject({
      ok: false,
      refusal: { code: "STORE_CORRUPT" },
    });
    await stopAll();
    const again = await start();
    expect(code(again)).toBe("STORE_CORRUPT");
    expect(again.engine.state().clusters.size).toBe(1);
  });

  it("of a kind from the future halts with STORE_CORRUPT", async () => {
    const replica = await startLeader();
    const { incarnation, epoch, atMs } = replica.engine.state();
    const head = {
      incarnation,
      epoch,
      writer: "p1",
      nonce: "2.n",
      atMs,
      actor: "planner" as Actor,
      command: undefined,
    };
    const bytes = codec.encodeRecord({ ...head, events: [{ kind: "from-the-future" } as never] });
    await administer(async (manager) => await manager.jetstream().publish(LOG_SUBJECT, bytes));
    await until("it is halted", () => code(replica) === "STORE_CORRUPT");
    expect(replica.engine.state().sequence).toBe(1);
  });
});

describe("a log that lost records while planners run", { timeout: TIMEOUT_MS }, () => {
  it("by a purge: STORE_CORRUPT", async () => {
    const replica = await startLeader();
    await replica.engine.submit(registration("c1"), signal);
    await administer(async (manager) => await manager.streams.purge(LOG_STREAM));
    await until("it is halted", () => code(replica) === "STORE_CORRUPT");
    expect(replica.engine.halted()?.message).toContain("purged by hand");
    await stopAll();
    expect(code(await start())).toBe("STORE_CORRUPT");
  });

  it("by being deleted: STORE_CORRUPT", async () => {
    const replica = await startLeader();
    await administer(async (manager) => await manager.streams.delete(LOG_STREAM));
    await until("it is halted", () => code(replica) === "STORE_CORRUPT");
    expect(replica.engine.halted()?.message).toContain("is gone");
  });

  it("by being deleted under a command: it stays in doubt, and the next ones are told why at once", async () => {
    const replica = await startLeader({ storeCheckMs: 600 });
    await administer(async (manager) => await manager.streams.delete(LOG_STREAM));
    const began = replica.engine.submit(registration("c1"), AbortSignal.timeout(4_000));
    const doubt = began.then(() => "answered", String);
    const waits = await replica.engine.submit(registration("c2"), AbortSignal.timeout(3_000));
    expect(waits).toMatchObject({ ok: false, refusal: { code: "STORE_CORRUPT" } });
    const next = await replica.engine.submit(registration("c3"), AbortSignal.timeout(3_000));
    expect(next).toMatchObject({ ok: false, refusal: { code: "STORE_CORRUPT" } });
    expect(await doubt).toContain("aborted");
  });

  it("by being made anew: STORE_ROLLED_BACK", async () => {
    const replica = await startLeader({ storeCheckMs: 600_000 });
    await administer(async (manager) => {
      const { config } = await manager.streams.info(LOG_STREAM);
      await manager.streams.delete(LOG_STREAM);
      await manager.streams.add(config);
    });
    // Its next append finds a log that ends before what it has read.
    const answer = await replica.engine.submit(registration("c1"), signal);
    expect(answer).toMatchObject({ ok: false, refusal: { code: "STORE_ROLLED_BACK" } });
    expect(code(replica)).toBe("STORE_ROLLED_BACK");
  });
});

describe("settings that would lose records", { timeout: TIMEOUT_MS }, () => {
  it("halt a running leader with STORE_CONFIG until they are set right", async () => {
    const replica = await startLeader();
    const config = await administer(async (manager) => (await manager.streams.info(LOG_STREAM)).config);
    await administer(
      async (manager) => await manager.streams.update(LOG_STREAM, { ...config, max_age: 3_600_000_000_000 }),
    );
    await until("it is halted", () => code(replica) === "STORE_CONFIG");
    expect(await replica.engine.submit(registration("c1"), signal)).toMatchObject({
      ok: false,
      refusal: { code: "STORE_CONFIG" },
    });
    await administer(async (manager) => await manager.streams.update(LOG_STREAM, config));
    await until("the halt is lifted", () => code(replica) === undefined);
    expect((await replica.engine.submit(registration("c1"), signal)).ok).toBe(true);
  });

  it("keep a starting replica from taking the lead", async () => {
    await startLeader();
    await stopAll();
    await administer(async (manager) => {
      const { config } = await manager.streams.info(LOG_STREAM);
      await manager.streams.update(LOG_STREAM, { ...config, discard: "old" });
    });
    const replica = await start();
    expect(code(replica)).toBe("STORE_CONFIG");
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(replica.engine.leader()?.isSelf).toBe(false);
    expect(replica.engine.state().sequence).toBe(1);
  });
});

describe("an agent that knows more than the log", { timeout: TIMEOUT_MS }, () => {
  it("stops all publication until a recovery raises the generation above it", async () => {
    const replica = await startLeader();
    await replica.engine.submit(registration("eu-west"), signal);
    const told: (string | undefined)[] = [];
    replica.engine.onHaltChange((halted) => told.push(halted?.code));
    const ahead = { ...positionOf(replica), revision: 5_000 };
    const refusal = await replica.engine.witness(EU, ahead, signal);
    expect(refusal?.code).toBe("STORE_ROLLED_BACK");
    expect(refusal?.message).toContain("the agent of eu-west holds");
    expect(await replica.engine.submit(registration("c2"), signal)).toMatchObject({
      ok: false,
      refusal: { code: "STORE_ROLLED_BACK" },
    });
    expect(replica.engine.state().clusters.size).toBe(1);
    expect(told).toEqual(["STORE_ROLLED_BACK"]);
    expect((await replica.engine.submit(recovery, signal)).ok).toBe(true);
    expect(code(replica)).toBeUndefined();
    expect(told).toEqual(["STORE_ROLLED_BACK", undefined]);
    expect(replica.engine.state().incarnation.generation).toBe(2);
    expect(replica.engine.state().incarnation.id).not.toBe(ahead.incarnation.id);
    expect(await replica.engine.witness(EU, ahead, signal)).toBeUndefined();
    expect((await replica.engine.submit(registration("c2"), signal)).ok).toBe(true);
    await until("the stream says so too", async () => {
      const metadata = await administer(async (manager) => (await manager.streams.info(LOG_STREAM)).config.metadata);
      return metadata?.["weir.generation"] === "2";
    });
    await stopAll();
    const again = await start();
    expect(code(again)).toBeUndefined();
    expect(again.engine.state().clusters.size).toBe(2);
  });

  it("of a wiped log halts the new one, and the recovery rises above every generation seen", async () => {
    const before = await startLeader();
    const known = { ...positionOf(before), incarnation: { generation: 4, id: "old" } };
    await stopAll();
    await administer(async (manager) => await manager.streams.delete(LOG_STREAM));
    const replica = await startLeader();
    expect((await replica.engine.witness(EU, known, signal))?.code).toBe("STORE_ROLLED_BACK");
    await replica.engine.submit(recovery, signal);
    expect(replica.engine.state().incarnation.generation).toBe(5);
  });

  it("is heard from its reports as well", async () => {
    const replica = await startLeader();
    const applied = { ...positionOf(replica), incarnation: { generation: 1, id: "another" } };
    const lists = { appliedHashes: {}, refusals: [], traffic: [], workloads: [], peers: [] };
    const head = { cluster: EU, uid: "u", bootId: "b", sequence: 1, receivedAtMs: performance.now(), windowMs: 0 };
    replica.engine.acceptReport({ ...head, ...lists, applied, isStreamOpen: false });
    await until("it is halted", () => code(replica) === "STORE_ROLLED_BACK");
    expect(replica.engine.reports().get(EU)?.applied).toEqual(applied);
  });

  it("may be revoked when it lies, which lifts the halt", async () => {
    const replica = await startLeader();
    await replica.engine.submit(registration("eu-west"), signal);
    await replica.engine.witness(EU, { ...positionOf(replica), epoch: 9_000 }, signal);
    expect(code(replica)).toBe("STORE_ROLLED_BACK");
    const command = { kind: "revoke-cluster", cluster: EU, reason: "it lies" } as const;
    const answer = await replica.engine.submit({ ...recovery, command, requestId: "revocation" }, signal);
    expect(answer.ok).toBe(true);
    expect(code(replica)).toBeUndefined();
  });

  it("that is only ahead of a follower that lags halts nobody", async () => {
    const leader = await startLeader();
    const follower = await start("p2");
    const answers = Array.from({ length: 20 }, (_, index) => leader.engine.submit(registration(`c${index}`), signal));
    await Promise.all(answers);
    expect(await follower.engine.witness(EU, positionOf(leader), signal)).toBeUndefined();
    expect(code(follower)).toBeUndefined();
  });

  it("is needed for a recovery: without a witness it is refused NOT_RECOVERABLE", async () => {
    const replica = await startLeader();
    expect(await replica.engine.submit(recovery, signal)).toMatchObject({
      ok: false,
      refusal: { code: "NOT_RECOVERABLE" },
    });
    expect(replica.engine.state().incarnation.generation).toBe(1);
  });
});
