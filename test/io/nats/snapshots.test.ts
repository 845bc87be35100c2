import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "nats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Snapshots } from "../../../src/engine/ports.ts";
import { connectPlanner } from "../../../src/io/nats/connect.ts";
import { openSnapshots } from "../../../src/io/nats/snapshots.ts";
import { SNAPSHOT_PREFIX, SNAPSHOT_STREAM } from "../../../src/io/nats/subjects.ts";
import { startNatsServer } from "../../support/nats/server.ts";
import type { TestServer } from "../../support/nats/server.ts";

const signal = AbortSignal.timeout(60_000);
const incarnation = { generation: 1, id: "life" };

describe("snapshots on JetStream", () => {
  let server: TestServer;
  let connection: NatsConnection;
  let snapshots: Snapshots;
  beforeAll(async () => {
    server = await startNatsServer();
    connection = await connectPlanner({ servers: [server.url], name: "test" });
    snapshots = await openSnapshots(connection, { replicas: 1 }, signal);
  });
  afterAll(async () => {
    await connection.close();
    await server.stop();
  });

  it("gives back a state of many chunks, byte for byte", async () => {
    const bytes = Uint8Array.from({ length: 1_500_001 }, (_, index) => (index * 31) % 251);
    await snapshots.save({ sequence: 7, atMs: 1_000, incarnation }, bytes, signal);
    expect(Buffer.compare((await snapshots.load(7, signal)) ?? new Uint8Array(), bytes)).toBe(0);
  });

  it("lists by sequence, oldest first, and forgets what is dropped", async () => {
    await snapshots.save({ sequence: 30, atMs: 3_000, incarnation }, Uint8Array.of(3), signal);
    await snapshots.save({ sequence: 20, atMs: 2_000, incarnation }, Uint8Array.of(2), signal);
    expect((await snapshots.list(signal)).map(({ sequence }) => sequence)).toEqual([7, 20, 30]);
    await snapshots.drop(20, signal);
    expect((await snapshots.list(signal)).map(({ sequence, atMs }) => [sequence, atMs])).toEqual([
      [7, 1_000],
      [30, 3_000],
    ]);
    expect(await snapshots.load(20, signal)).toBeUndefined();
  });

  it("does not know a snapshot whose manifest was never written", async () => {
    const manager = await jetstreamManager(connection);
    await manager.jetstream().publish(`${SNAPSHOT_PREFIX}.40.abc.0`, Uint8Array.of(1));
    expect((await snapshots.list(signal)).map(({ sequence }) => sequence)).not.toContain(40);
    expect(await snapshots.load(40, signal)).toBeUndefined();
  });

  it("does not give back bytes that are not those that were saved", async () => {
    await snapshots.save({ sequence: 50, atMs: 5_000, incarnation }, Uint8Array.of(1, 2, 3), signal);
    const manager = await jetstreamManager(connection);
    const { state } = await manager.streams.info(SNAPSHOT_STREAM, { subjects_filter: `${SNAPSHOT_PREFIX}.50.*.0` });
    const [chunk = ""] = Object.keys(state.subjects ?? {});
    await manager.jetstream().publish(chunk, Uint8Array.of(9, 9, 9));
    expect(await snapshots.load(50, signal)).toBeUndefined();
    await manager.streams.purge(SNAPSHOT_STREAM, { filter: chunk });
    expect(await snapshots.load(50, signal)).toBeUndefined();
  });
});
