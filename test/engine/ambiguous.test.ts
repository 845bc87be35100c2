import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { jetstreamManager } from "@nats-io/jetstream";
import { connectPlanner } from "../../src/io/nats/connect.ts";
import { LOG_STREAM } from "../../src/io/nats/subjects.ts";
import { codec } from "../../src/wire/codec.ts";
import { registration, startReplica, until } from "../support/engine/replica.ts";
import type { TestReplica } from "../support/engine/replica.ts";
import { startRelay } from "../support/nats/relay.ts";
import type { Relay } from "../support/nats/relay.ts";
import { startNatsServer } from "../support/nats/server.ts";
import type { TestServer } from "../support/nats/server.ts";

const signal = AbortSignal.timeout(300_000);
const TIMEOUT_MS = 60_000;

let server: TestServer;
let relay: Relay;
let replica: TestReplica;
let others: TestReplica[];

beforeEach(async () => {
  server = await startNatsServer();
  relay = await startRelay(server);
  others = [];
  replica = await startReplica({ url: relay.url, replica: "p1", timing: { tickMs: 600_000 } });
  await until("it leads", () => replica.engine.leader()?.isSelf === true);
}, TIMEOUT_MS);
afterEach(async () => {
  relay.set("pass");
  for (const one of [replica, ...others]) await one.stop();
  await relay.close();
  await server.stop();
}, TIMEOUT_MS);

/** What lies in the log, by what was decided: read past the relay, from the server itself. */
async function registrationsInLog(): Promise<readonly string[]> {
  const connection = await connectPlanner({ servers: [server.url], name: "reader" });
  const manager = await jetstreamManager(connection);
  const { state } = await manager.streams.info(LOG_STREAM);
  const names: string[] = [];
  for (let sequence = state.first_seq; sequence <= state.last_seq; sequence += 1) {
    const message = await manager.streams.getMessage(LOG_STREAM, { seq: sequence });
    const record = codec.decodeRecord({ sequence, bytes: message?.data ?? new Uint8Array() });
    if (!record.ok) throw new Error(record.refusal.message);
    for (const event of record.value.events) if (event.kind === "cluster-registered") names.push(event.spec.cluster);
  }
  await connection.close();
  return names;
}

describe("an append whose acknowledgement is lost", { timeout: TIMEOUT_MS }, () => {
  it("was stored: it is found by its nonce and counts as committed, once", async () => {
    relay.set("drop-replies");
    const asking = replica.engine.submit(registration("c1"), signal);
    await until("the server has stored it", async () => (await registrationsInLog()).length === 1);
    relay.set("pass");
    expect(await asking).toMatchObject({ ok: true, value: { subject: "c1" } });
    expect(await registrationsInLog()).toEqual(["c1"]);
    expect(replica.engine.leader()?.isSelf).toBe(true);
  });

  it("was not stored: the same append is made again until it is seen", async () => {
    relay.set("cut");
    const asking = replica.engine.submit(registration("c1"), signal);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await registrationsInLog()).toEqual([]);
    relay.set("pass");
    expect(await asking).toMatchObject({ ok: true, value: { subject: "c1" } });
    expect(await registrationsInLog()).toEqual(["c1"]);
  });

  it("lost the race to another replica: it is decided anew, and by whoever leads then", async () => {
    relay.set("cut");
    // Under a request id, for the lead has moved on and the command goes there.
    const asking = replica.engine.submit(registration("c1", "r1"), signal);
    others = [await startReplica({ url: server.url, replica: "p2", timing: { tickMs: 600_000 } })];
    await until("the other leads", () => others[0]?.engine.leader()?.isSelf === true);
    expect((await others[0]?.engine.submit(registration("c2"), signal))?.ok).toBe(true);
    relay.set("pass");
    expect(await asking).toMatchObject({ ok: true, value: { subject: "c1" } });
    expect(await registrationsInLog()).toEqual(["c2", "c1"]);
    expect(replica.engine.leader()?.replica).toBe("p2");
  });

  it("lost the race to a command that forbids it: the new decision is a refusal", async () => {
    relay.set("cut");
    const asking = replica.engine.submit(registration("c1"), signal);
    others = [await startReplica({ url: server.url, replica: "p2", timing: { tickMs: 600_000 } })];
    await until("the other leads", () => others[0]?.engine.leader()?.isSelf === true);
    expect((await others[0]?.engine.submit(registration("c1"), signal))?.ok).toBe(true);
    relay.set("pass");
    expect(await asking).toMatchObject({ ok: false, refusal: { code: "ALREADY_EXISTS" } });
    expect(await registrationsInLog()).toEqual(["c1"]);
  });
});

describe("a log that takes no records", { timeout: TIMEOUT_MS }, () => {
  it("leaves the begun command in doubt and refuses the next ones at once: NO_QUORUM, nothing changed", async () => {
    relay.set("cut");
    const begun = replica.engine.submit(registration("c1"), AbortSignal.timeout(4_500));
    await expect(begun).rejects.toThrow("aborted");
    const next = await replica.engine.submit(registration("c2"), signal);
    expect(next).toMatchObject({ ok: false, refusal: { code: "NO_QUORUM" } });
    relay.set("pass");
    await until("the first one is settled", () => replica.engine.state().clusters.size === 1);
    expect((await replica.engine.submit(registration("c3"), signal)).ok).toBe(true);
    expect(await registrationsInLog()).toEqual(["c1", "c3"]);
  });

  it("is not asked for what it can never take: refused with its size, and the next command is taken", async () => {
    const wide = registration("c1");
    const { command } = wide;
    if (command.kind !== "register-cluster") throw new Error("no registration");
    const rttMs = Object.fromEntries(Array.from({ length: 40_000 }, (_, index) => [`cluster-${index}`, 1]));
    const spec = { ...command.spec, rttMs };
    const answer = await replica.engine.submit({ ...wide, command: { ...command, spec } }, AbortSignal.timeout(8_000));
    expect(answer).toMatchObject({ ok: false, refusal: { code: "DOC_TOO_LARGE" } });
    expect(await replica.engine.submit(registration("c2"), signal)).toMatchObject({ ok: true });
  });

  it("does not keep a replica from ending", async () => {
    relay.set("cut");
    const begun = replica.engine.submit(registration("c1"), signal);
    await Promise.all([expect(begun).rejects.toThrow("the engine stops"), replica.stop()]);
    relay.set("pass");
    replica = await startReplica({ url: relay.url, replica: "p1" });
  });
});
