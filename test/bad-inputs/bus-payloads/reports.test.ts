import { randomBytes } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { NatsConnection } from "nats";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ClusterService, Verdict } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import type { Cluster } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { HeartbeatSchema, WindowSchema } from "../../../proto/gen/weir/v1/health_pb.ts";
import type { TestAgent } from "../../io/grpc/agents.ts";
import { activate, busOf } from "../world/member.ts";
import { until } from "../world/process.ts";
import { startWorld } from "../world/world.ts";
import type { World } from "../world/world.ts";

const LIMIT_MS = 90_000;
const HOUR_MS = 3_600_000;

let world: World;
let bus: NatsConnection;
const agents: TestAgent[] = [];

beforeAll(async () => {
  world = await startWorld();
  await world.untilReady();
  for (const cluster of ["c1", "c2"]) agents.push((await activate(world, cluster)).agent);
  bus = await busOf(world, "c1");
}, LIMIT_MS);
afterAll(async () => {
  for (const agent of agents) agent.close();
  await bus.close();
  await world.stop();
}, LIMIT_MS);

let sequence = 0n;

function heartbeat(change: MessageInitShape<typeof HeartbeatSchema> = {}): Uint8Array {
  sequence += 1n;
  const head = { cluster: "c1", clusterUid: "uid-c1", bootId: "boot-1", sequence, isLinked: true };
  return toBinary(HeartbeatSchema, create(HeartbeatSchema, { ...head, sentAtUnixMs: BigInt(Date.now()), ...change }));
}

function window(change: MessageInitShape<typeof WindowSchema>): Uint8Array {
  sequence += 1n;
  const head = { cluster: "c1", clusterUid: "uid-c1", bootId: "boot-1", sequence, windowMs: 1_000 };
  return toBinary(WindowSchema, create(WindowSchema, { ...head, ...change }));
}

async function send(kind: "heartbeat" | "window", bytes: Uint8Array): Promise<void> {
  bus.publish(`weir.v1.report.c1.${kind}`, bytes);
  await bus.flush();
}

async function c1(): Promise<Cluster> {
  return (await world.must<{ cluster: Cluster }>(ClusterService, "getCluster", { cluster: "c1" })).cluster;
}

const dropped = async (code: string): Promise<number> => world.metric("weir_reports_dropped_total", { code });

/** Reports well until the planner finds the cluster healthy, so that what comes next has something to lose. */
async function untilHealthy(): Promise<void> {
  await until("c1 is healthy", async () => {
    await send("heartbeat", heartbeat());
    return (await c1()).verdict === Verdict.HEALTHY;
  });
}

beforeEach(untilHealthy, LIMIT_MS);

const row = (change: object): Uint8Array =>
  window({
    traffic: [{ service: "shop/a", destination: { cluster: "c1", version: "v1" }, requests: 1n, ...change }],
  });
const endpoints = (change: object): Uint8Array =>
  window({ workloads: [{ service: "shop/a", version: "v1", ...change }] });

type Row = readonly [
  number: string,
  input: string,
  kind: "heartbeat" | "window",
  bytes: () => Uint8Array,
  code: string,
];

const ROWS: readonly Row[] = [
  ["46", "random bytes", "heartbeat", () => randomBytes(500), "REPORT_INVALID"],
  ["46", "JSON", "heartbeat", () => Buffer.from('{"cluster":"c1"}'), "REPORT_INVALID"],
  ["46", "nothing", "heartbeat", () => Buffer.alloc(0), "REPORT_INVALID"],
  ["46", "a truncated heartbeat", "heartbeat", () => heartbeat().subarray(0, 12), "REPORT_INVALID"],
  ["46", "a heartbeat as a window", "window", () => heartbeat({ sentAtUnixMs: 4_000_000_000n }), "REPORT_RANGE"],
  ["46", "a bad name within", "window", () => row({ service: "Shop/a" }), "REPORT_INVALID"],
  ["47", "a body that names c2", "heartbeat", () => heartbeat({ cluster: "c2" }), "IDENTITY_MISMATCH"],
  ["50", "health of 101 %", "window", () => endpoints({ utilisation: 1.01 }), "REPORT_RANGE"],
  ["50", "health of -1", "window", () => endpoints({ utilisation: -1 }), "REPORT_RANGE"],
  ["50", "a capacity of NaN", "window", () => endpoints({ capacityRps: Number.NaN }), "REPORT_RANGE"],
  ["50", "10^9 endpoints", "window", () => endpoints({ totalEndpoints: 1_000_000_000 }), "REPORT_RANGE"],
  [
    "50",
    "more ready endpoints than there are",
    "window",
    () => endpoints({ readyEndpoints: 2, totalEndpoints: 1 }),
    "REPORT_RANGE",
  ],
  ["50", "more failures than requests", "window", () => row({ failures: 2n }), "REPORT_RANGE"],
  ["50", "an infinite latency", "window", () => row({ latencyP99Ms: Infinity }), "REPORT_RANGE"],
  ["50", "a sequence of 2^64 - 1", "heartbeat", () => heartbeat({ sequence: 2n ** 64n - 1n }), "REPORT_RANGE"],
];

describe("a report that cannot be", { timeout: LIMIT_MS }, () => {
  it.each(ROWS)("%s: %s (%s) is dropped and counted, and nothing changes", async (_no, _input, kind, bytes, code) => {
    const [before, droppedBefore] = [await world.state(), await dropped(code)];
    await send(kind, bytes());
    await expect.poll(async () => dropped(code)).toBe(droppedBefore + 1);
    await world.logged({ msg: "report dropped", cluster: "c1" });
    expect(await world.state()).toEqual(before);
  });

  it("46, 50: as all that comes makes the cluster UNKNOWN after the grace, and good ones mend it", async () => {
    await until("c1 is unknown", async () => {
      await send("heartbeat", randomBytes(100));
      await send("window", endpoints({ utilisation: 2 }));
      return (await c1()).verdict === Verdict.UNKNOWN;
    });
    await untilHealthy();
    expect((await c1()).verdict).toBe(Verdict.HEALTHY);
  });

  it("46: of 1.1 MB does not pass the broker, whose connection it ends", async () => {
    const other = await busOf(world, "c1");
    const ended = other.closed();
    const before = await dropped("REPORT_INVALID");
    const large = Buffer.alloc(1_153_434);
    expect(() => other.publish("weir.v1.report.c1.heartbeat", large)).toThrow(/payload/i);
    // A client that does not ask what it may send.
    Object.assign(other.info ?? {}, { max_payload: 10_000_000 });
    other.publish("weir.v1.report.c1.heartbeat", large);
    // The broker's last words may get lost on the way, its end does not.
    expect(await ended).toBeInstanceOf(Error);
    expect(await dropped("REPORT_INVALID")).toBe(before);
  });

  it("47: on the subject of another cluster is a permission violation, and reaches nobody", async () => {
    const before = await world.state();
    const refused = (async () => {
      for await (const event of bus.status()) if (event.type === "error") return String(event.error);
      return "";
    })();
    bus.publish("weir.v1.report.c2.heartbeat", heartbeat({ cluster: "c2", clusterUid: "uid-c2" }));
    await bus.flush();
    expect(await refused).toMatch(/permissions violation.*weir\.v1\.report\.c2/i);
    const { cluster } = await world.must<{ cluster: Cluster }>(ClusterService, "getCluster", { cluster: "c2" });
    expect(cluster.verdict).toBe(Verdict.UNKNOWN);
    expect(await world.state()).toEqual(before);
  });
});

describe("a report's clock and sequence", { timeout: LIMIT_MS }, () => {
  it.each<[string, () => number, RegExp]>([
    ["an hour ahead", () => Date.now() + HOUR_MS + 5_000, /^CLOCK_SKEW: its clock is 60 min ahead of/],
    ["an hour behind", () => Date.now() - HOUR_MS - 5_000, /^CLOCK_SKEW: its clock is 60 min behind/],
    ["in 1970", () => 0, /^CLOCK_SKEW: its clock is \d+ min behind/],
  ])("48: %s is accepted by its sequence, with an alarm", async (_when, at, alarm) => {
    const before = await world.state();
    await send("heartbeat", heartbeat({ sentAtUnixMs: BigInt(at()), alarms: ["MARK: this one"] }));
    await expect.poll(async () => (await c1()).alarms).toEqual(["MARK: this one", expect.stringMatching(alarm)]);
    await world.logged({ msg: "clocks disagree", cluster: "c1" });
    // What was sent earlier by that clock, and later by its sequence, wins.
    await send("heartbeat", heartbeat({ alarms: ["NEXT: a later one"] }));
    await expect.poll(async () => (await c1()).alarms).toEqual(["NEXT: a later one"]);
    expect((await c1()).verdict).toBe(Verdict.HEALTHY);
    expect(await world.state()).toEqual(before);
  });

  it("49: that goes back is ignored, unless the boot id is another", async () => {
    await send("heartbeat", heartbeat({ alarms: ["NEW: newest"] }));
    await expect.poll(async () => (await c1()).alarms).toEqual(["NEW: newest"]);
    await send("heartbeat", heartbeat({ sequence: 1n, alarms: ["OLD: before it"] }));
    await send("heartbeat", heartbeat({ sequence: sequence - 1n, alarms: ["OLD: the same again"] }));
    await send("heartbeat", heartbeat({ cluster: "c2" }));
    await world.logged({ msg: "report dropped", cluster: "c1" });
    expect((await c1()).alarms).toEqual(["NEW: newest"]);
    await send("heartbeat", heartbeat({ sequence: 1n, bootId: "boot-2", alarms: ["BOOT: anew"] }));
    await expect.poll(async () => (await c1()).alarms).toEqual(["BOOT: anew"]);
    await send("heartbeat", heartbeat({ bootId: "boot-2" }));
    expect((await c1()).verdict).toBe(Verdict.HEALTHY);
  });
});
