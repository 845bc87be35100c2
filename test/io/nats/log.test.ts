import { jetstreamManager } from "@nats-io/jetstream";
import type { StreamConfig } from "@nats-io/jetstream";
import type { NatsConnection } from "nats";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { MESSAGE_BYTES_MIN, RECORD_BYTES_MAX } from "../../../src/engine/land.ts";
import { StoreFault } from "../../../src/engine/ports.ts";
import type { AppendOutcome, Log, LogEntry } from "../../../src/engine/ports.ts";
import { connectPlanner } from "../../../src/io/nats/connect.ts";
import { openLog } from "../../../src/io/nats/log.ts";
import { refuseOldServer } from "../../../src/io/nats/server-version.ts";
import { LOG_STREAM, LOG_SUBJECT } from "../../../src/io/nats/subjects.ts";
import { startRelay } from "../../support/nats/relay.ts";
import type { Relay } from "../../support/nats/relay.ts";
import { startNatsServer } from "../../support/nats/server.ts";
import type { TestServer } from "../../support/nats/server.ts";

const signal = AbortSignal.timeout(120_000);

let server: TestServer;
let connection: NatsConnection;

beforeAll(async () => {
  server = await startNatsServer();
  connection = await connectPlanner({ servers: [server.url], name: "test" });
});
afterAll(async () => {
  await connection.close();
  await server.stop();
});
afterEach(async () => {
  const manager = await jetstreamManager(connection);
  await manager.streams.delete(LOG_STREAM).catch(() => false);
});

async function open(on: NatsConnection = connection): Promise<Log> {
  return await openLog(on, { replicas: 1, newIncarnationId: "life" }, signal);
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function append(log: Log, text: string, expectedSequence: number): Promise<AppendOutcome> {
  return await log.append(bytes(text), { expectedSequence, messageId: text, signal });
}

async function take(entries: AsyncIterable<LogEntry>, count: number): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const entry of entries) {
    texts.push(`${entry.sequence}:${new TextDecoder().decode(entry.bytes)}`);
    if (texts.length === count) break;
  }
  return texts;
}

describe("the log on JetStream", () => {
  it("takes an append only where it was expected", async () => {
    const log = await open();
    expect(await append(log, "a", 0)).toEqual({ kind: "appended", sequence: 1 });
    expect(await append(log, "b", 0)).toEqual({ kind: "conflict" });
    expect(await append(log, "b", 2)).toEqual({ kind: "conflict" });
    expect(await append(log, "b", 1)).toEqual({ kind: "appended", sequence: 2 });
    expect(await log.bounds(signal)).toEqual({ first: 1, last: 2 });
  });

  it("stores a repeated append once", async () => {
    const log = await open();
    expect(await append(log, "a", 0)).toEqual({ kind: "appended", sequence: 1 });
    expect(["conflict", "appended"]).toContain((await append(log, "a", 0)).kind);
    expect(await log.bounds(signal)).toEqual({ first: 1, last: 1 });
  });

  it("follows from any sequence, in order, and what is appended later", async () => {
    const log = await open();
    for (const [index, text] of ["a", "b", "c"].entries()) await append(log, text, index);
    const following = take(log.follow(1, signal), 3);
    await append(log, "d", 3);
    expect(await following).toEqual(["2:b", "3:c", "4:d"]);
  });

  it("ends a follow that nobody wants any more", async () => {
    const log = await open();
    const end = new AbortController();
    const following = take(log.follow(0, end.signal), 5);
    await append(log, "a", 0);
    setTimeout(() => end.abort(), 50);
    expect(await following).toEqual(["1:a"]);
  });

  it("goes on following over a restart of the server", async () => {
    const log = await open();
    await append(log, "a", 0);
    const following = take(log.follow(0, signal), 2);
    await server.restart();
    let outcome = await append(log, "b", 1);
    while (outcome.kind === "ambiguous") outcome = await append(log, "b", 1);
    expect(outcome).toEqual({ kind: "appended", sequence: 2 });
    expect(await following).toEqual(["1:a", "2:b"]);
  });

  it("keeps its first incarnation when a second replica opens it", async () => {
    await open();
    const second = await openLog(connection, { replicas: 1, newIncarnationId: "other" }, signal);
    expect(await second.incarnation(signal)).toEqual({ generation: 1, id: "life" });
    await second.markIncarnation({ generation: 2, id: "next" }, signal);
    expect(await second.incarnation(signal)).toEqual({ generation: 2, id: "next" });
    expect(await second.check(signal)).toBeUndefined();
  });

  it("drops only what lies before the sequence it is trimmed to", async () => {
    const log = await open();
    for (const [index, text] of ["a", "b", "c"].entries()) await append(log, text, index);
    await log.trim(3, signal);
    expect(await log.bounds(signal)).toEqual({ first: 3, last: 3 });
    expect(await log.check(signal)).toBeUndefined();
    expect(await append(log, "d", 3)).toEqual({ kind: "appended", sequence: 4 });
  });

  it("reports an empty log that was trimmed to its end", async () => {
    const log = await open();
    await append(log, "a", 0);
    await log.trim(2, signal);
    expect(await log.bounds(signal)).toEqual({ first: 2, last: 1 });
  });
});

describe("an append whose answer is lost", () => {
  let relay: Relay;
  let behind: NatsConnection;
  beforeAll(async () => {
    relay = await startRelay(server);
    behind = await connectPlanner({ servers: [relay.url], name: "behind a relay" });
  });
  afterAll(async () => {
    await behind.close();
    await relay.close();
  });

  it("is ambiguous, and a repeat stores nothing twice", async () => {
    const log = await open(behind);
    relay.set("drop-replies");
    expect((await append(log, "a", 0)).kind).toBe("ambiguous");
    relay.set("pass");
    let outcome = await append(log, "a", 0);
    while (outcome.kind === "ambiguous") outcome = await append(log, "a", 0);
    expect(["conflict", "appended"]).toContain(outcome.kind);
    expect(await log.bounds(signal)).toEqual({ first: 1, last: 1 });
  });
});

describe("a watch whose messages were lost on the way", () => {
  it("brings them again when the connection is made anew", async () => {
    const relay = await startRelay(server);
    const behind = await connectPlanner({ servers: [relay.url], name: "behind a relay" });
    const log = await open(behind);
    const direct = await open();
    await append(direct, "a", 0);
    const following = take(log.follow(0, signal), 3);
    await append(direct, "b", 1);
    relay.set("drop-replies");
    const dropped = relay.dropped();
    await append(direct, "c", 2);
    await dropped;
    relay.set("pass");
    expect(await following).toEqual(["1:a", "2:b", "3:c"]);
    await behind.close();
    await relay.close();
  });
});

describe("a store that would lose records", () => {
  const cases: readonly (readonly [string, Partial<StreamConfig>, string])[] = [
    ["discards old records", { discard: "old" }, "discard is old, must be new"],
    ["drops records by age", { max_age: 3_600_000_000_000 }, "max_age is 3600000000000 ns, must be 0"],
    ["takes small records alone", { max_msg_size: 65_536 }, "max_msg_size is 65536, must be unlimited"],
    ["keeps one record", { max_msgs_per_subject: 1 }, "max_msgs_per_subject is 1, must be unlimited"],
    ["lets followers answer", { allow_direct: true }, "allow_direct is on, must be off"],
    ["may be rolled up", { allow_rollup_hdrs: true }, "allow_rollup_hdrs is on, must be off"],
    ["takes foreign subjects", { subjects: [LOG_SUBJECT, "other"] }, "subjects are"],
  ];
  it.each(cases)("%s: STORE_CONFIG", async (_what, change, complaint) => {
    const log = await open();
    const manager = await jetstreamManager(connection);
    const { config } = await manager.streams.info(LOG_STREAM);
    await manager.streams.update(LOG_STREAM, { ...config, ...change });
    const refusal = await log.check(signal);
    expect(refusal?.code).toBe("STORE_CONFIG");
    expect(refusal?.message).toContain(complaint);
    await manager.streams.update(LOG_STREAM, config);
    expect(await log.check(signal)).toBeUndefined();
  });

  it("is sealed: STORE_CONFIG", async () => {
    const log = await open();
    const manager = await jetstreamManager(connection);
    const { config } = await manager.streams.info(LOG_STREAM);
    const sealed: Partial<StreamConfig> = { ...config, sealed: true };
    await manager.streams.update(LOG_STREAM, sealed);
    expect((await log.check(signal))?.message).toContain("it is sealed");
    expect(await append(log, "a", 0)).toMatchObject({ kind: "refused", refusal: { code: "STORE_CONFIG" } });
  });

  it("has fewer replicas than configured: STORE_CONFIG", async () => {
    await open();
    const strict = await openLog(connection, { replicas: 3, newIncarnationId: "life" }, signal);
    const refusal = await strict.check(signal);
    expect(refusal?.code).toBe("STORE_CONFIG");
    expect(refusal?.message).toContain("num_replicas is 1, configured are 3");
  });

  it("is full: the append is refused with the server's words", async () => {
    const log = await open();
    const manager = await jetstreamManager(connection);
    const { config } = await manager.streams.info(LOG_STREAM);
    await manager.streams.update(LOG_STREAM, { ...config, max_bytes: 200 });
    await append(log, "a", 0);
    const outcome = await append(log, "b".repeat(300), 1);
    expect(outcome).toMatchObject({ kind: "refused", refusal: { code: "STORE_CONFIG" } });
    expect(await log.bounds(signal)).toEqual({ first: 1, last: 1 });
  });

  it("is gone: STORE_CORRUPT", async () => {
    const log = await open();
    await (await jetstreamManager(connection)).streams.delete(LOG_STREAM);
    expect((await log.check(signal))?.code).toBe("STORE_CORRUPT");
  });
});

describe("a log with a hole", () => {
  async function withHole(): Promise<Log> {
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: LOG_STREAM, subjects: [LOG_SUBJECT], discard: "new" });
    const log = await open();
    for (const [index, text] of ["a", "b", "c"].entries()) await append(log, text, index);
    await manager.streams.deleteMessage(LOG_STREAM, 2);
    return log;
  }

  it("is STORE_CORRUPT when it is checked", async () => {
    const log = await withHole();
    expect((await log.check(signal))?.code).toBe("STORE_CORRUPT");
  });

  it("ends a follow with a StoreFault instead of leaping over it", async () => {
    const log = await withHole();
    const following = take(log.follow(0, signal), 2);
    await expect(following).rejects.toThrow(StoreFault);
    await expect(following).rejects.toThrow("after record 1 the log goes on with 3: 1 records are gone");
  });

  it("cannot be made in a stream that Weir made: single records are never deleted", async () => {
    const log = await open();
    await append(log, "a", 0);
    const manager = await jetstreamManager(connection);
    await expect(manager.streams.deleteMessage(LOG_STREAM, 1)).rejects.toThrow("message delete not permitted");
  });
});

describe("a server whose messages are too small for a record", () => {
  async function startSmall(maxPayloadBytes: number): Promise<TestServer> {
    return await startNatsServer({
      configure: ({ host, port, storeDir }) =>
        `listen: "${host}:${port}"\njetstream { store_dir: ${JSON.stringify(storeDir)} }\nmax_payload: ${maxPayloadBytes}\n`,
    });
  }

  it("is STORE_CONFIG before anything is written to it", async () => {
    const small = await startSmall(MESSAGE_BYTES_MIN - 1);
    const on = await connectPlanner({ servers: [small.url], name: "test" });
    const opening = open(on);
    await expect(opening).rejects.toThrow(StoreFault);
    await expect(opening).rejects.toMatchObject({ refusal: { code: "STORE_CONFIG", field: "nats" } });
    await expect(opening).rejects.toThrow("STORE_CONFIG nats: the NATS server takes messages of at most 1048575 bytes");
    await expect(opening).rejects.toThrow("Set max_payload of the server to 1MB");
    const manager = await jetstreamManager(on);
    expect(await manager.streams.list().next()).toEqual([]);
    await on.close();
    await small.stop();
  });

  it("is no such server when the largest record fits exactly", async () => {
    const enough = await startSmall(MESSAGE_BYTES_MIN);
    const on = await connectPlanner({ servers: [enough.url], name: "test" });
    const log = await open(on);
    expect(await log.check(signal)).toBeUndefined();
    const options = { expectedSequence: 0, messageId: "n".repeat(128), signal };
    expect(await log.append(new Uint8Array(RECORD_BYTES_MAX), options)).toEqual({ kind: "appended", sequence: 1 });
    await on.close();
    await enough.stop();
  });
});

describe("the server's version", () => {
  it.each(["2.9.10", "2.10.27", "2.12.11", "2.13.9", "2.14.2", "", "nonsense"])("%s is NATS_TOO_OLD", (version) => {
    const refusal = refuseOldServer(version);
    expect(refusal?.code).toBe("NATS_TOO_OLD");
    expect(refusal?.message).toContain("2.12.12");
  });

  it.each(["2.12.12", "2.14.3", "2.15.1", "2.15.0-RC.1", "3.0.0"])("%s will do", (version) => {
    expect(refuseOldServer(version)).toBeUndefined();
  });
});
