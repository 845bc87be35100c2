import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sortOut } from "../../src/engine/snapshot-keeper.ts";
import { connectPlanner } from "../../src/io/nats/connect.ts";
import { LOG_STREAM, SNAPSHOT_STREAM } from "../../src/io/nats/subjects.ts";
import { codec } from "../../src/wire/codec.ts";
import { registration, startReplica, sweep, until } from "../support/engine/replica.ts";
import type { TestReplica } from "../support/engine/replica.ts";
import { startNatsServer } from "../support/nats/server.ts";
import type { TestServer } from "../support/nats/server.ts";

const signal = AbortSignal.timeout(300_000);
const TIMEOUT_MS = 60_000;
const DAY_MS = 24 * 3_600_000;

let server: TestServer;
const replicas: TestReplica[] = [];
beforeAll(async () => {
  server = await startNatsServer();
});
afterAll(async () => await server.stop());
afterEach(async () => {
  await stopAll();
  await sweep(server.url);
}, TIMEOUT_MS);

async function start(timing = {}): Promise<TestReplica> {
  const replica = await startReplica({ url: server.url, replica: "p1", timing: { tickMs: 600_000, ...timing } });
  replicas.push(replica);
  return replica;
}

async function stopAll(): Promise<void> {
  for (const replica of replicas.splice(0)) await replica.stop();
}

async function streamInfo(stream: string): Promise<{ first: number; last: number; messages: number }> {
  const connection = await connectPlanner({ servers: [server.url], name: "reader" });
  const { state } = await (await jetstreamManager(connection)).streams.info(stream);
  await connection.close();
  return { first: state.first_seq, last: state.last_seq, messages: state.messages };
}

async function registerMany(replica: TestReplica, from: number, count: number): Promise<void> {
  await until("it leads", () => replica.engine.leader()?.isSelf === true);
  for (let index = from; index < from + count; index += 1) {
    const answer = await replica.engine.submit(registration(`c${index}`, `r${index}`), signal);
    expect(answer.ok).toBe(true);
  }
}

function bytesOf({ engine }: TestReplica): string {
  return Buffer.from(codec.encodeSnapshot(engine.state())).toString("base64");
}

describe("a start from snapshot and tail", { timeout: TIMEOUT_MS }, () => {
  it("gives the same state as the whole log, byte for byte", async () => {
    const first = await start({ snapshotEveryRecords: 10 });
    await registerMany(first, 0, 25);
    await until("a snapshot is kept", async () => (await streamInfo(SNAPSHOT_STREAM)).messages > 0);
    await registerMany(first, 25, 3);
    await stopAll();
    const quiet = { leaderTimeoutMs: 600_000, electionSpreadMs: 600_000 };
    const fromSnapshot = bytesOf(await start(quiet));
    await stopAll();
    await emptySnapshots();
    const replayed = bytesOf(await start(quiet));
    expect(fromSnapshot).toBe(replayed);
  });

  it("needs no record that the leader has trimmed", async () => {
    const first = await start({ snapshotEveryRecords: 10, keepRecordsMs: -1 });
    await registerMany(first, 0, 25);
    await until("the log is trimmed", async () => (await streamInfo(LOG_STREAM)).first > 10);
    await registerMany(first, 25, 3);
    const before = first.engine.state();
    expect(first.engine.halted()).toBeUndefined();
    await stopAll();
    const again = await start();
    expect(again.engine.halted()).toBeUndefined();
    expect([...again.engine.state().clusters.keys()].toSorted()).toEqual([...before.clusters.keys()].toSorted());
  });

  it("takes the snapshot before a damaged one", async () => {
    const first = await start({ snapshotEveryRecords: 5 });
    await registerMany(first, 0, 6);
    await until("a snapshot is kept", async () => (await streamInfo(SNAPSHOT_STREAM)).messages >= 2);
    await registerMany(first, 6, 6);
    await until("a second one is kept", async () => (await streamInfo(SNAPSHOT_STREAM)).messages >= 4);
    const before = bytesOf(first);
    await stopAll();
    await damageNewestSnapshot();
    const again = await start({ leaderTimeoutMs: 600_000, electionSpreadMs: 600_000 });
    expect(bytesOf(again)).toBe(before);
  });

  it("of another life of the log is no start but a witness: STORE_ROLLED_BACK", async () => {
    const first = await start({ snapshotEveryRecords: 5 });
    await registerMany(first, 0, 10);
    await until("a snapshot is kept", async () => (await streamInfo(SNAPSHOT_STREAM)).messages > 0);
    await stopAll();
    const connection = await connectPlanner({ servers: [server.url], name: "by hand" });
    await (await jetstreamManager(connection)).streams.delete(LOG_STREAM);
    await connection.close();
    const again = await start();
    expect(again.engine.state().clusters.size).toBe(0);
    expect(again.engine.halted()?.code).toBe("STORE_ROLLED_BACK");
  });
});

async function emptySnapshots(): Promise<void> {
  const connection = await connectPlanner({ servers: [server.url], name: "by hand" });
  await (await jetstreamManager(connection)).streams.purge(SNAPSHOT_STREAM);
  await connection.close();
}

async function damageNewestSnapshot(): Promise<void> {
  const connection = await connectPlanner({ servers: [server.url], name: "by hand" });
  const manager = await jetstreamManager(connection);
  const { state } = await manager.streams.info(SNAPSHOT_STREAM, { subjects_filter: ">" });
  const sequenceIn = (subject: string): number => Number(subject.split(".")[3]);
  const chunks = Object.keys(state.subjects ?? {}).filter((subject) => !subject.endsWith(".manifest"));
  const newest = chunks.toSorted((a, b) => sequenceIn(b) - sequenceIn(a))[0];
  if (newest === undefined) throw new Error("no snapshot to damage");
  await manager.jetstream().publish(newest, "not what was there");
  await connection.close();
}

describe("sortOut", () => {
  const incarnation = { generation: 2, id: "now" };
  const nowMs = 100 * DAY_MS;
  const mark = (sequence: number, daysAgo: number, of = incarnation): Parameters<typeof sortOut>[0][number] => ({
    sequence,
    atMs: nowMs - daysAgo * DAY_MS,
    incarnation: of,
  });
  const sort = (...marks: readonly ReturnType<typeof mark>[]): ReturnType<typeof sortOut> =>
    sortOut(marks, { atMs: nowMs, incarnation }, 7 * DAY_MS);

  it("trims nothing while no snapshot is older than the records' keeping time", () => {
    expect(sort(mark(10, 6), mark(20, 5), mark(30, 1)).trimTo).toBeUndefined();
  });

  it("trims to the newest snapshot that is older, and drops those before it", () => {
    const { superseded, trimTo } = sort(mark(10, 9), mark(20, 8), mark(30, 7.5), mark(40, 3), mark(50, 1));
    expect(trimTo?.sequence).toBe(30);
    expect(superseded.map(({ sequence }) => sequence)).toEqual([10, 20]);
  });

  it("keeps one a day and the newest three", () => {
    const hourly = Array.from({ length: 48 }, (_, hour) => mark(hour + 1, 2 - hour / 24));
    const { superseded } = sort(...hourly);
    const kept = hourly.filter((one) => !superseded.includes(one)).map(({ sequence }) => sequence);
    expect(kept).toEqual([1, 25, 46, 47, 48]);
  });

  it("drops what an earlier life of the log left, and leaves a later one alone", () => {
    const { superseded } = sort(
      mark(10, 3, { generation: 1, id: "was" }),
      mark(20, 2),
      mark(9, 1, { generation: 3, id: "x" }),
    );
    expect(superseded.map(({ sequence }) => sequence)).toEqual([10]);
  });
});
