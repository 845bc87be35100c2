import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { NatsConnection } from "nats";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { HeartbeatSchema, WindowSchema } from "../../../proto/gen/weir/v1/health_pb.ts";
import { SYSTEM_CLOCK } from "../../../src/io/clock.ts";
import { connectPlanner } from "../../../src/io/nats/connect.ts";
import { takeReports } from "../../../src/io/nats/reports.ts";
import { reportSubject } from "../../../src/io/nats/subjects.ts";
import type { ClusterReport } from "../../../src/model/report.ts";
import { until } from "../../support/engine/replica.ts";
import { startNatsServer } from "../../support/nats/server.ts";
import type { TestServer } from "../../support/nats/server.ts";

let server: TestServer;
let connection: NatsConnection;
let reports: ClusterReport[] = [];
let dropped: string[] = [];
let stop: () => void;

beforeAll(async () => {
  server = await startNatsServer();
  connection = await connectPlanner({ servers: [server.url], name: "test" });
});
afterAll(async () => {
  await connection.close();
  await server.stop();
});
beforeEach(() => {
  reports = [];
  dropped = [];
  stop = takeReports({
    connection,
    clock: SYSTEM_CLOCK,
    logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    accept: (report) => void reports.push(report),
    onDropped: (cluster, why) => void dropped.push(`${cluster} ${why}`),
  });
});
afterEach(() => stop());

function aHeartbeat(change: MessageInitShape<typeof HeartbeatSchema> = {}): Uint8Array {
  const head = { cluster: "c1", clusterUid: "u1", bootId: "b1", sequence: 1n };
  return toBinary(HeartbeatSchema, create(HeartbeatSchema, { ...head, ...change }));
}

async function publish(subject: string, ...messages: readonly Uint8Array[]): Promise<void> {
  for (const message of messages) connection.publish(subject, message);
  await connection.flush();
}

const HEARTBEAT = reportSubject("c1", "heartbeat");

describe("the intake of reports", () => {
  it("merges heartbeats and windows of a cluster, stamped on the monotonic clock", async () => {
    const window = create(WindowSchema, {
      cluster: "c1",
      clusterUid: "u1",
      bootId: "b1",
      sequence: 2n,
      windowMs: 1_000,
    });
    const before = performance.now();
    await publish(HEARTBEAT, aHeartbeat({ peers: [{ cluster: "c2", isReachable: true }] }));
    await publish(reportSubject("c1", "window"), toBinary(WindowSchema, window));
    await until("both are in", () => reports.length === 2);
    expect(reports[1]).toMatchObject({ sequence: 2, windowMs: 1_000, peers: [{ cluster: "c2", isReachable: true }] });
    expect(reports[1]?.receivedAtMs).toBeGreaterThanOrEqual(before);
    expect(reports[1]?.receivedAtMs).toBeLessThanOrEqual(performance.now());
  });

  it("ignores a sequence that goes back, unless the agent started anew", async () => {
    await publish(HEARTBEAT, aHeartbeat({ sequence: 9n }), aHeartbeat({ sequence: 4n }));
    await publish(HEARTBEAT, aHeartbeat({ sequence: 1n, bootId: "b2" }));
    await until("the new start is in", () => reports.length === 2);
    expect(reports.map(({ bootId, sequence }) => `${bootId} ${sequence}`)).toEqual(["b1 9", "b2 1"]);
  });

  it.each([
    ["no message at all", new TextEncoder().encode("{not a report"), "c1 REPORT_INVALID"],
    ["another cluster's name", aHeartbeat({ cluster: "c2" }), "c1 IDENTITY_MISMATCH"],
    ["a name that is none", aHeartbeat({ cluster: "c1.>" }), "c1 REPORT_INVALID"],
    ["more than any agent may send", new Uint8Array(70_000), "c1 REPORT_INVALID"],
    ["nothing", new Uint8Array(0), "c1 REPORT_INVALID"],
  ])("drops %s and counts it; the next good one is taken", async (_what, bytes, expected) => {
    await publish(HEARTBEAT, bytes, aHeartbeat());
    await until("the good one is in", () => reports.length === 1);
    expect(dropped).toEqual([expected]);
  });

  it("outlives random bytes on every kind of report", async () => {
    for (let round = 0; round < 30; round += 1) {
      const bytes = crypto.getRandomValues(new Uint8Array(1 + round * 7));
      await publish(reportSubject(`r${round}`, round % 2 === 0 ? "heartbeat" : "window"), bytes);
    }
    await publish(HEARTBEAT, aHeartbeat());
    await until("the good one is in", () => reports.some(({ cluster }) => cluster === "c1"));
    expect(reports.map(({ cluster }) => cluster)).toEqual(["c1"]);
  });

  it("takes from a flood what it can, keeps its newest, and lets others through", async () => {
    const flood = Array.from({ length: 1_000 }, (_, index) => aHeartbeat({ sequence: BigInt(index + 1) }));
    await publish(HEARTBEAT, ...flood);
    await publish(reportSubject("c2", "heartbeat"), aHeartbeat({ cluster: "c2" }));
    await until("the other cluster is in", () => reports.some(({ cluster }) => cluster === "c2"));
    await until("the newest of the flood is in", () => reports.some(({ sequence }) => sequence === 1_000));
    expect(reports.length).toBeLessThan(100);
    expect(dropped.filter((line) => line === "c1 RATE_LIMITED").length).toBeGreaterThan(900);
  });
});
