import { jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import { status } from "@grpc/grpc-js";
import type { NatsConnection } from "nats";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AdminService } from "../../../proto/gen/weir/v1/admin_pb.ts";
import { ClusterService } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { Protocol } from "../../../proto/gen/weir/v1/plan_pb.ts";
import { ServiceService } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { LOG_STREAM, LOG_SUBJECT } from "../../../src/io/nats/subjects.ts";
import { connect as openStream } from "../../io/grpc/agents.ts";
import type { Credentials } from "../../io/grpc/clients.ts";
import type { TestAgent } from "../../io/grpc/agents.ts";
import { activate, plannerBus } from "../world/member.ts";
import { until } from "../world/process.ts";
import { startWorld } from "../world/world.ts";
import type { World } from "../world/world.ts";

const LIMIT_MS = 120_000;
const { DATA_LOSS, FAILED_PRECONDITION } = status;

let world: World;
let bus: NatsConnection;
let manager: JetStreamManager;
let own: Credentials;
let agent: TestAgent;

beforeEach(async () => {
  world = await startWorld();
  await world.untilReady();
  ({ own, agent } = await activate(world, "c1"));
  await world.must(ServiceService, "applyService", {
    spec: {
      name: "shop/a",
      protocol: Protocol.HTTP,
      port: 8_081,
      stableVersion: "v1",
      deployments: [{ destination: { cluster: "c1", version: "v1" } }],
    },
  });
  agent.apply(await agent.next("plan"));
  await world.untilQuiet();
  bus = await plannerBus(world);
  manager = await jetstreamManager(bus);
}, LIMIT_MS);

afterEach(async () => {
  agent.close();
  await bus.close();
  await world.stop();
}, LIMIT_MS);

async function untilHalted(code: string): Promise<void> {
  await until(`the planner halts with ${code}`, async () => {
    const { status: found, text } = await world.http("/readyz");
    return found === 503 && text.startsWith(code);
  });
}

/** A planner that is halted answers reads, refuses writes with the reason and the way out, and publishes nothing. */
async function expectHalted(code: string, { number, wayOut }: { number: number; wayOut: RegExp }): Promise<void> {
  await untilHalted(code);
  const plans = agent.messages.filter(({ message }) => message.case === "plan").length;
  const held = new Map(agent.held);
  const before = await world.state();
  const refused = { status: number, code, message: expect.stringMatching(wayOut) as string };
  expect(await world.ask(ClusterService, "registerCluster", { spec: { name: "c9" } })).toMatchObject(refused);
  expect(await world.ask(ServiceService, "deleteService", { service: "shop/a" })).toMatchObject(refused);
  expect(await world.halted()).toContain(code);
  expect(await world.state()).toEqual(before);
  expect(agent.messages.filter(({ message }) => message.case === "plan")).toHaveLength(plans);
  expect(agent.messages.map(({ message }) => message.case)).not.toContain("goodbye");
  expect(agent.held).toEqual(held);
}

/** Bytes that came from elsewhere. */
type Foreign = (manager: JetStreamManager) => Promise<Uint8Array>;

describe("a record that no planner wrote", { timeout: LIMIT_MS }, () => {
  it.each<[string, string, Foreign]>([
    ["53, 55", "that cannot be decoded", async () => Promise.resolve(Buffer.from("hello"))],
    [
      "53, 55",
      "that is a copy of an older one",
      async () => (await manager.streams.getMessage(LOG_STREAM, { seq: 2 }))?.data ?? Buffer.alloc(0),
    ],
  ])("%s: %s is STORE_CORRUPT, and stays so over a restart", async (_number, _what, foreign) => {
    const before = await world.state();
    await bus.request(LOG_SUBJECT, await foreign(manager));
    await expectHalted("STORE_CORRUPT", { number: DATA_LOSS, wayOut: /[Rr]estore the stream from a backup/ });
    expect(await world.state()).toEqual(before);
    await world.restartPlanner();
    await untilHalted("STORE_CORRUPT");
  });
});

describe("a log that lost records", { timeout: LIMIT_MS }, () => {
  it("55: by a purge while the planner runs is STORE_CORRUPT", async () => {
    const before = await world.state();
    await manager.streams.purge(LOG_STREAM);
    await expectHalted("STORE_CORRUPT", { number: DATA_LOSS, wayOut: /purged by hand.*weir recover/ });
    expect(await world.state()).toEqual(before);
  });

  it("54: that ends before what an agent holds is STORE_ROLLED_BACK, until `weir recover`", async () => {
    const plan = agent.messages.findLast(({ message }) => message.case === "plan")?.message.value;
    const position = (plan as { position: { incarnation: { generation: bigint; id: string }; epoch: bigint } })
      .position;
    const incarnation = { generation: Number(position.incarnation.generation), id: position.incarnation.id };
    const ahead = { incarnation, epoch: Number(position.epoch), revision: 9_000 };
    const witness = openStream(world, own, { cluster: "c1", held: ahead, hashes: agent.held, bootId: "boot-2" });
    expect(await witness.ended).toMatchObject({ status: FAILED_PRECONDITION, code: "STORE_ROLLED_BACK" });
    witness.close();
    await expectHalted("STORE_ROLLED_BACK", { number: FAILED_PRECONDITION, wayOut: /weir recover/ });
    const { digest } = await world.must<{ digest: string }>(AdminService, "previewRecovery", {});
    await world.must(AdminService, "recover", { digest, reason: "a test" });
    expect(await world.halted()).toBe("");
    await world.must(ClusterService, "registerCluster", { spec: { name: "c9" } });
  });

  it("54, 21: an agent of another incarnation is a witness too", async () => {
    const other = { incarnation: { generation: 1, id: "another-log" }, epoch: 1, revision: 1 };
    const witness = openStream(world, own, { cluster: "c1", held: other, bootId: "boot-2" });
    expect(await witness.ended).toMatchObject({ status: FAILED_PRECONDITION, code: "STORE_ROLLED_BACK" });
    witness.close();
    await expectHalted("STORE_ROLLED_BACK", { number: FAILED_PRECONDITION, wayOut: /another-log.*weir recover/ });
  });
});

type Change = (config: StreamConfig, used: number) => Partial<StreamConfig>;

describe("a stream that would lose records", { timeout: LIMIT_MS }, () => {
  it("56: is STORE_CONFIG while it is so, and only then", async () => {
    const { config, state } = await manager.streams.info(LOG_STREAM);
    const changes: readonly (readonly [Change, RegExp])[] = [
      [() => ({ max_age: 3_600_000_000_000 }), /max_age is 3600000000000 ns, must be 0/],
      [() => ({ discard: "old" }), /discard is old, must be new/],
    ];
    for (const [change, wayOut] of changes) {
      await manager.streams.update(LOG_STREAM, { ...config, ...change(config, state.bytes) });
      await expectHalted("STORE_CONFIG", { number: FAILED_PRECONDITION, wayOut });
      await manager.streams.update(LOG_STREAM, config);
      await until("it goes on", async () => (await world.http("/readyz")).status === 200);
    }
    expect((await world.ask(ClusterService, "registerCluster", { spec: { name: "c9" } })).status).toBe(0);
  });

  it("56: because it is full is STORE_CONFIG, and nothing is lost", async () => {
    const { config, state } = await manager.streams.info(LOG_STREAM);
    await manager.streams.update(LOG_STREAM, { ...config, max_bytes: state.bytes });
    const before = await world.state();
    expect(await world.ask(ClusterService, "registerCluster", { spec: { name: "c9" } })).toMatchObject({
      status: FAILED_PRECONDITION,
      code: "STORE_CONFIG",
      message: expect.stringContaining("give the stream room") as string,
    });
    expect(await world.state()).toEqual(before);
    await manager.streams.update(LOG_STREAM, config);
    await until("it takes records again", async () => {
      const answer = await world.ask(ClusterService, "registerCluster", { spec: { name: "c9" } });
      return answer.status === 0 || answer.code === "ALREADY_EXISTS";
    });
  });
});
