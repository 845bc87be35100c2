import { jetstreamManager } from "@nats-io/jetstream";
import { connect, credsAuthenticator, PermissionViolationError } from "nats";
import type { NatsConnection } from "nats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { foundBus, mintAgentCredentials } from "../../../src/io/nats/accounts.ts";
import type { BusFoundation } from "../../../src/io/nats/accounts.ts";
import { createBus } from "../../../src/io/nats/bus.ts";
import { connectPlanner } from "../../../src/io/nats/connect.ts";
import { openLog } from "../../../src/io/nats/log.ts";
import { natsServerConfig } from "../../../src/io/nats/server-config.ts";
import { openSnapshots } from "../../../src/io/nats/snapshots.ts";
import { LOG_STREAM, LOG_SUBJECT, reportSubject } from "../../../src/io/nats/subjects.ts";
import { startNatsServer } from "../../support/nats/server.ts";
import type { TestServer } from "../../support/nats/server.ts";

const signal = AbortSignal.timeout(60_000);
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

let foundation: BusFoundation;
let server: TestServer;
let planner: NatsConnection;
let agent: NatsConnection;

beforeAll(async () => {
  foundation = await foundBus();
  server = await startNatsServer({
    configure: (place) => natsServerConfig(foundation, { serverName: "test", ...place }),
  });
  const creds = new TextEncoder().encode(foundation.plannerCreds);
  planner = await connectPlanner({ servers: [server.url], creds, name: "planner" });
  agent = await asAgent("eu-west");
  await openLog(planner, { replicas: 1, newIncarnationId: "life" }, signal);
});
afterAll(async () => {
  await Promise.all([agent.close(), planner.close()]);
  await server.stop();
});

async function asAgent(cluster: string, lifeMs = 3_600_000): Promise<NatsConnection> {
  const minted = await mintAgentCredentials(foundation.fleetSigner, { cluster, nowMs: Date.now(), lifeMs });
  return await connect({
    servers: server.url,
    authenticator: credsAuthenticator(new TextEncoder().encode(minted.credentials)),
    inboxPrefix: `_INBOX.${cluster}`,
    reconnect: false,
  });
}

/** The server's answer to one act of the agent: what it refused, by its own words. */
async function refusedBy(connection: NatsConnection, act: () => unknown): Promise<string | undefined> {
  const status = connection.status();
  const refused = (async () => {
    for await (const event of status) {
      if (event.type === "error" && event.error instanceof PermissionViolationError) {
        return `${event.error.operation} ${event.error.subject}`;
      }
    }
    return undefined;
  })();
  await act();
  // Everything the server has to say about the act it says before it answers this ping.
  await connection.flush();
  return await Promise.race([refused, new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 300))]);
}

describe("a planner's credentials", () => {
  it("keep the log and the snapshots, talk to replicas, and hear reports", async () => {
    const log = await openLog(planner, { replicas: 1, newIncarnationId: "life" }, signal);
    const sequence = (await log.bounds(signal)).last;
    const appended = await log.append(Uint8Array.of(1), {
      expectedSequence: sequence,
      messageId: `m${sequence}`,
      signal,
    });
    expect(appended).toEqual({ kind: "appended", sequence: sequence + 1 });
    for await (const entry of log.follow(sequence, signal)) {
      expect(entry.sequence).toBe(sequence + 1);
      break;
    }
    await log.trim(sequence + 2, signal);
    const snapshots = await openSnapshots(planner, { replicas: 1 }, signal);
    const mark = { sequence: 1, atMs: 1, incarnation: { generation: 1, id: "life" } };
    await snapshots.save(mark, Uint8Array.of(1), signal);
    expect(await snapshots.load(1, signal)).toEqual(Buffer.of(1));
    await snapshots.drop(1, signal);
    const bus = createBus(planner, "p1", silent);
    const stop = bus.onForward("p1", async () => ({ ok: true, value: { sequence: 5, subject: "x" } }));
    const command = { kind: "cordon-cluster", cluster: "c1" } as never;
    const forwarded = { command, actor: "operator:ana" as never, requestId: "", requestDigest: "" };
    expect(await bus.forward("p1", forwarded, signal)).toEqual({ ok: true, value: { sequence: 5, subject: "x" } });
    stop();
    expect(await bus.forward("p1", forwarded, signal)).toMatchObject({ ok: false, refusal: { code: "NO_LEADER" } });
  });

  it("may not delete the log", async () => {
    const manager = await jetstreamManager(planner);
    const refused = await refusedBy(planner, async () => {
      await Promise.race([
        manager.streams.delete(LOG_STREAM).catch(() => false),
        new Promise((r) => setTimeout(r, 200)),
      ]);
    });
    expect(refused).toBe(`publish $JS.API.STREAM.DELETE.${LOG_STREAM}`);
  });
});

describe("an agent's credentials", () => {
  it("bring its own reports to the planner, and no other's", async () => {
    const heard: string[] = [];
    planner.subscribe("weir.v1.report.*.*", { callback: (_, { subject }) => void heard.push(subject) });
    await planner.flush();
    agent.publish(reportSubject("eu-west", "heartbeat"), "mine");
    agent.publish(reportSubject("eu-west", "window"), "mine");
    expect(await refusedBy(agent, () => agent.publish(reportSubject("us-east", "heartbeat"), "forged"))).toBe(
      `publish ${reportSubject("us-east", "heartbeat")}`,
    );
    await planner.flush();
    expect(heard).toEqual([reportSubject("eu-west", "heartbeat"), reportSubject("eu-west", "window")]);
  });

  it.each([
    ["append to the log", LOG_SUBJECT],
    ["purge the log", `$JS.API.STREAM.PURGE.${LOG_STREAM}`],
    ["read the log", `$JS.API.STREAM.MSG.GET.${LOG_STREAM}`],
    ["read the log by a consumer", `$JS.API.CONSUMER.CREATE.${LOG_STREAM}.mine`],
    ["read the log directly", `$JS.API.DIRECT.GET.${LOG_STREAM}`],
    ["delete the log", `$JS.API.STREAM.DELETE.${LOG_STREAM}`],
    ["ask JetStream anything", "$JS.API.INFO"],
    ["speak as a planner", "weir.v1.planner.heartbeat"],
    ["forward a command", "weir.v1.planner.forward.p1"],
    ["write a snapshot", "weir.v1.snapshot.1.manifest"],
    ["report under a deeper subject", "weir.v1.report.eu-west.heartbeat.more"],
    ["invent a kind of report", "weir.v1.report.eu-west.other"],
    ["answer others' requests", "_INBOX.us-east.abc"],
    ["speak to the system", "$SYS.REQ.SERVER.PING"],
  ])("cannot %s", async (_what, subject) => {
    const last = (await (await jetstreamManager(planner)).streams.info(LOG_STREAM)).state.last_seq;
    expect(await refusedBy(agent, () => agent.publish(subject, "x"))).toBe(`publish ${subject}`);
    expect((await (await jetstreamManager(planner)).streams.info(LOG_STREAM)).state.last_seq).toBe(last);
  });

  it.each([
    ">",
    "weir.>",
    "weir.v1.report.>",
    "weir.v1.report.us-east.*",
    "_INBOX.>",
    "_INBOX.us-east.>",
    "*.v1.log",
    "$JS.>",
    "$SYS.>",
  ])("cannot listen to %s, in a queue neither", async (subject) => {
    const connection = await asAgent("eu-west");
    expect(await refusedBy(connection, () => void connection.subscribe(subject))).toContain("subscription");
    await connection.close();
    const queued = await asAgent("eu-west");
    expect(await refusedBy(queued, () => void queued.subscribe(subject, { queue: "q" }))).toContain("subscription");
    await queued.close();
  });

  it("end by themselves", async () => {
    const short = await asAgent("ap-south", 1_500);
    const reason = await short.closed();
    expect(String(reason)).toContain("Expired");
  });

  it("are not minted for names that are no clusters, or for longer than an hour", async () => {
    const mint = async (cluster: string, lifeMs: number): Promise<unknown> =>
      await mintAgentCredentials(foundation.fleetSigner, { cluster, nowMs: Date.now(), lifeMs });
    await expect(mint("eu.>", 1_000)).rejects.toThrow("names a cluster");
    await expect(mint("*", 1_000)).rejects.toThrow("names a cluster");
    await expect(mint("eu", 3_600_001)).rejects.toThrow("at most an hour");
  });
});

describe("a NATS server in operator mode", () => {
  it("lets nobody in without credentials", async () => {
    await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow("Authorization Violation");
  });
});
