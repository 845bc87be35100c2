import { Metadata, status } from "@grpc/grpc-js";
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminService } from "../../../proto/gen/weir/v1/admin_pb.ts";
import { AgentService, JoinService } from "../../../proto/gen/weir/v1/agent_pb.ts";
import { ClusterService } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { Protocol } from "../../../proto/gen/weir/v1/plan_pb.ts";
import { ServiceService } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { Preserialized } from "../../../src/wire/rpc.ts";
import { acknowledgement, connect, openStream } from "../../io/grpc/agents.ts";
import type { TestAgent } from "../../io/grpc/agents.ts";
import { channelCredentials, clientOf } from "../../io/grpc/clients.ts";
import type { Credentials } from "../../io/grpc/clients.ts";
import { ask } from "../world/ask.ts";
import { activate, busOf, enrol, plannerBus } from "../world/member.ts";
import { begin, framed, openSession, openSocket, pour, statusOf } from "../world/raw.ts";
import { startWorld } from "../world/world.ts";
import type { World } from "../world/world.ts";

const { INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND } = status;
const LIMIT_MS = 90_000;

let world: World;
let c1: { own: Credentials; agent: TestAgent };

beforeAll(async () => {
  world = await startWorld();
  await world.untilReady();
  c1 = await activate(world, "c1");
  await world.untilQuiet();
}, LIMIT_MS);
afterAll(async () => {
  c1.agent.close();
  await world.stop();
}, LIMIT_MS);

/** A GetCluster of c1, with a field that its message lacks, and another message altogether. */
const FOREIGN = Buffer.from([0x0a, 0x02, 0x63, 0x31, 0xa2, 0x06, 0x01, 0x79]);
const NO_MESSAGES: readonly (readonly [string, Uint8Array])[] = [
  ["64 random bytes", randomBytes(64)],
  ["a length that is a lie", Buffer.from([0x0a, 0xff, 0x01])],
  ["an endless number", Buffer.alloc(20, 0xff)],
  ["a text that is no UTF-8", Buffer.from([0x0a, 0x02, 0xc3, 0x28])],
  ["another message", FOREIGN],
];

describe("bytes that are no message of the method", { timeout: LIMIT_MS }, () => {
  it.each(NO_MESSAGES)("40: %s are INVALID_ARGUMENT DECODE at each listener", async (what, bytes) => {
    const before = await world.state();
    const wanted = { status: INVALID_ARGUMENT, code: "DECODE", message: expect.stringContaining("decoded") as string };
    const request = new Preserialized(bytes);
    const ready = { method: "getCluster", request };
    expect(await ask(world.client(ClusterService), ready)).toMatchObject(wanted);
    expect(await ask(world.socketClient(ClusterService), ready)).toMatchObject(wanted);
    expect(await ask(world.joinClient(JoinService), { method: "join", request })).toMatchObject(wanted);
    const secure = channelCredentials(world.authority, c1.own);
    const agents = clientOf(AgentService, world.servers.addresses.agent, secure);
    const renewal = await ask(agents, { method: "renewCertificate", request });
    // Its one field is bytes, which need not be text.
    expect(renewal).toMatchObject(what.includes("UTF-8") ? { code: "CSR_REFUSED" } : wanted);
    agents.close();
    expect(await world.state()).toEqual(before);
  });

  it.each(NO_MESSAGES)("40: %s end a plan stream with DECODE, first or later", async (_what, bytes) => {
    const own = await enrol(world, `d-${NO_MESSAGES.findIndex(([, other]) => other === bytes)}`);
    const first = openStream(world, own);
    first.send(new Preserialized(bytes));
    expect(await first.ended).toMatchObject({ status: INVALID_ARGUMENT, code: "DECODE" });
    first.close();
    const later = connect(world, c1.own, { cluster: "c1" });
    await later.next("credentials");
    const before = await world.state();
    later.send(new Preserialized(bytes));
    expect(await later.ended).toMatchObject({ status: INVALID_ARGUMENT, code: "DECODE" });
    later.close();
    expect(await world.state()).toEqual(before);
  });
});

describe("metadata", { timeout: LIMIT_MS }, () => {
  const made = (fill: (metadata: Metadata) => void): Metadata => {
    const metadata = new Metadata();
    fill(metadata);
    return metadata;
  };
  it.each<[string, Metadata, RegExp]>([
    ["70 keys", made((all) => Array.from({ length: 70 }, (_, at) => all.set(`x-${at}`, "1"))), /at most 64/],
    ["a value of 9 000 bytes", made((all) => all.set("x-long", "a".repeat(9_000))), /at most 8192/],
    [
      "a cluster twice",
      made((all) => ["c1", "c2"].forEach((name) => all.add("weir-cluster", name))),
      /weir-cluster is there more than once; send it once/,
    ],
  ])("41: of %s is INVALID_ARGUMENT METADATA", async (_what, metadata, words) => {
    const before = await world.state();
    const question = { method: "listClusters", request: {}, metadata };
    const wanted = { status: INVALID_ARGUMENT, code: "METADATA", message: expect.stringMatching(words) as string };
    expect(await ask(world.client(ClusterService), question)).toMatchObject(wanted);
    expect(await ask(world.socketClient(ClusterService), question)).toMatchObject(wanted);
    expect(await world.state()).toEqual(before);
  });

  it("41: with a line break in a value is dropped by HTTP/2, and makes no second key", async () => {
    const counted = async (code: string): Promise<number> => world.metric("weir_calls_total", { code });
    const before = await counted("IDENTITY_MISMATCH");
    const socket = openSocket(world.servers.addresses.operator, "tls", world.operator);
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    const answer: Buffer[] = [];
    socket.on("data", (bytes: Buffer) => answer.push(bytes));
    await pour(socket, headersWith("x-split", "a\r\nweir-cluster: c2"), 1_000);
    expect(framesIn(Buffer.concat(answer))).toContain(HEADERS);
    expect(await counted("IDENTITY_MISMATCH")).toBe(before);
    expect(await world.answers()).toBe(true);
  });
});

/** Types and flags of HTTP/2 (RFC 9113). */
const [DATA, HEADERS, SETTINGS] = [0, 1, 4];
const [END_STREAM, END_HEADERS] = [1, 4];

/** An HTTP/2 connection's first bytes and one request with a header that no client library would send. */
function headersWith(name: string, value: string): Buffer {
  const literal = (key: string, text: string): Buffer =>
    Buffer.from([0, key.length, ...Buffer.from(key), text.length, ...Buffer.from(text)]);
  const fields: readonly (readonly [string, string])[] = [
    [":method", "POST"],
    [":scheme", "https"],
    [":path", "/weir.v1.AdminService/WhoAmI"],
    [":authority", "planner"],
    ["content-type", "application/grpc"],
    [name, value],
  ];
  const block = Buffer.concat(fields.map(([key, text]) => literal(key, text)));
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  return Buffer.concat([
    preface,
    frame(Buffer.alloc(0), { type: SETTINGS, flags: 0, stream: 0 }),
    frame(block, { type: HEADERS, flags: END_HEADERS, stream: 1 }),
    frame(framed(Buffer.alloc(0)), { type: DATA, flags: END_STREAM, stream: 1 }),
  ]);
}

function frame(body: Buffer, { type, flags, stream }: { type: number; flags: number; stream: number }): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

/** Types of the HTTP/2 frames in some bytes. */
function framesIn(bytes: Buffer): readonly number[] {
  if (bytes.length < 9) return [];
  return [bytes.readUInt8(3), ...framesIn(bytes.subarray(9 + bytes.readUIntBE(0, 3)))];
}

describe("a deadline", { timeout: LIMIT_MS }, () => {
  const listed = (options: object) =>
    ask(world.client(ClusterService), { method: "listClusters", request: {}, options });

  it("42: that has passed is DEADLINE_EXCEEDED", async () => {
    expect(await listed({ deadline: Date.now() - 1 })).toMatchObject({ status: DEADLINE_EXCEEDED });
  });

  it("42: of 0 is DEADLINE_EXCEEDED at the planner as well", async () => {
    const session = openSession(world.servers.addresses.operator, world.operator);
    const stream = begin(session, "/weir.v1.ClusterService/ListClusters", { "grpc-timeout": "0n" });
    stream.end(framed(Buffer.alloc(0)));
    expect(await statusOf(stream)).toBe(DEADLINE_EXCEEDED);
    session.destroy();
    expect(await world.answers()).toBe(true);
  });

  it("42: of ten years, or none, is as good as 30 s", async () => {
    expect(await listed({ deadline: Date.now() + 315_360_000_000 })).toMatchObject({ status: 0 });
    expect(await listed({})).toMatchObject({ status: 0 });
  });
});

describe("an acknowledgement", { timeout: LIMIT_MS }, () => {
  it("43: of a plan that was never sent is UNKNOWN_REVISION; twice of one that was is fine", async () => {
    const { own, agent } = await activate(world, "acks");
    await world.must(ServiceService, "applyService", {
      spec: {
        name: "shop/acks",
        protocol: Protocol.HTTP,
        port: 8_081,
        stableVersion: "v1",
        deployments: [{ destination: { cluster: "acks", version: "v1" } }],
      },
    });
    const plan = await agent.next("plan");
    agent.apply(plan);
    agent.send(acknowledgement(plan, agent.held));
    agent.send(acknowledgement(plan, agent.held));
    await world.untilQuiet();
    expect(agent.messages.map(({ message }) => message.case)).not.toContain("goodbye");
    const before = await world.state();
    const position = { ...plan.position, $typeName: "weir.v1.Position", revision: 9_999n };
    agent.send(acknowledgement({ ...plan, position } as typeof plan, agent.held));
    expect(await agent.next("goodbye")).toMatchObject({ code: "UNKNOWN_REVISION" });
    expect(await agent.ended).toMatchObject({
      status: NOT_FOUND,
      code: "UNKNOWN_REVISION",
      details: expect.stringContaining("acknowledge what was sent") as string,
    });
    agent.close();
    const back = connect(world, own, { cluster: "acks" });
    await back.next("credentials");
    back.close();
    expect(await world.state()).toEqual(before);
  });
});

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

describe("random bytes", { timeout: LIMIT_MS }, () => {
  const noise = (): readonly Buffer[] => {
    const bytes = Array.from({ length: 8 }, () => randomBytes(2_000));
    return [...bytes, ...bytes.map((some) => Buffer.concat([PREFACE, some]))];
  };

  it("on every listener, before and after the handshake, end no process", async () => {
    const before = await world.state();
    const { join, agent, operator, http, socket } = world.servers.addresses;
    for (const address of [join, agent, operator, http, socket]) {
      await Promise.all(noise().map(async (bytes) => pour(openSocket(address, "tcp"), bytes)));
    }
    const shown = { [join]: undefined, [agent]: c1.own, [operator]: world.operator };
    for (const [address, own] of Object.entries(shown)) {
      await Promise.all(noise().map(async (bytes) => pour(openSocket(address, "tls", own), bytes)));
    }
    expect(await world.answers()).toBe(true);
    expect(await world.http("/healthz")).toMatchObject({ status: 200 });
    expect(await world.state()).toEqual(before);
  });

  it("on every subject that planners read end no process, and change nothing", async () => {
    const [before, bus] = [await world.state(), await plannerBus(world)];
    const subjects = ["heartbeat", "forward.planner-1", "forward.other", "anything"].map(
      (name) => `weir.v1.planner.${name}`,
    );
    for (const subject of subjects) for (const bytes of [Buffer.alloc(0), ...noise()]) bus.publish(subject, bytes);
    for (const bytes of noise()) {
      const answer = await bus.request("weir.v1.planner.forward.planner-1", bytes, { timeout: 20_000 });
      expect(answer.data.length).toBeGreaterThan(0);
    }
    await bus.close();
    const agents = await busOf(world, "c1");
    for (const bytes of noise())
      for (const kind of ["heartbeat", "window"]) agents.publish(`weir.v1.report.c1.${kind}`, bytes);
    await agents.flush();
    await agents.close();
    await expect.poll(async () => world.metric("weir_reports_dropped_total")).toBeGreaterThan(0);
    expect((await world.ask(AdminService, "whoAmI", {})).status).toBe(0);
    expect(await world.state()).toEqual(before);
  });
});
