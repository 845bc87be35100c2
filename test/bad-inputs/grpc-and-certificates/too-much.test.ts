import { status } from "@grpc/grpc-js";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminService } from "../../../proto/gen/weir/v1/admin_pb.ts";
import { JoinService } from "../../../proto/gen/weir/v1/agent_pb.ts";
import { ClusterService } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import type { TestAgent } from "../../io/grpc/agents.ts";
import { ask } from "../world/ask.ts";
import { activate } from "../world/member.ts";
import { forgetPeak, peakMib } from "../world/memory.ts";
import { begin, framed, openSession, openSocket, statusOf } from "../world/raw.ts";
import { startWorld } from "../world/world.ts";
import type { World } from "../world/world.ts";

const LIMIT_MS = 120_000;
const MIB = 1_048_576;

let world: World;
let bystander: TestAgent;
let slow: Promise<number | undefined>;

beforeAll(async () => {
  world = await startWorld();
  await world.untilReady();
  bystander = (await activate(world, "bystander")).agent;
  await world.untilQuiet();
  slow = creep();
}, LIMIT_MS);
afterAll(async () => {
  bystander.close();
  await world.stop();
}, LIMIT_MS);

/** A call whose message comes in by one byte a second. */
async function creep(): Promise<number | undefined> {
  const session = openSession(world.servers.addresses.operator, world.operator);
  const stream = begin(session, "/weir.v1.ClusterService/GetCluster");
  const bytes = framed(Buffer.alloc(100, "a"));
  let sent = 0;
  const timer = setInterval(() => void stream.write(bytes.subarray(sent, (sent += 1))), 1_000);
  const ended = await statusOf(stream);
  clearInterval(timer);
  session.destroy();
  return ended;
}

/** More than the planner needs for what is allowed at once, and far less than what is poured into it. */
const GROWTH_MAX_MIB = 250;

/**
 * Does something outrageous while an operator asks on another connection, and an agent stays on its stream. Returns what
 * became of it.
 */
async function meanwhile<T>(outrage: () => Promise<T>): Promise<T> {
  const before = await world.state();
  forgetPeak(world.planner.pid);
  const start = peakMib(world.planner.pid);
  let isOver = false;
  const outraged = outrage().finally(() => (isOver = true));
  do {
    // One after the other, for as long as it lasts.
    await world.must(AdminService, "whoAmI", {});
    // oxlint-disable-next-line eslint/no-unmodified-loop-condition -- the outrage ends it
  } while (!isOver);
  const outcome = await outraged;
  expect(peakMib(world.planner.pid) - start).toBeLessThan(GROWTH_MAX_MIB);
  expect(await world.state()).toEqual(before);
  expect(bystander.messages.map(({ message }) => message.case)).not.toContain("goodbye");
  return outcome;
}

/** 40 gzip members, each of 100 KB that are 100 MB: 4 GB in all, in less than the longest message. */
function bomb(): Buffer {
  const member = gzipSync(Buffer.alloc(100 * MIB));
  return Buffer.concat(Array.from({ length: Math.floor((4 * MIB - 1) / member.length) }, () => member));
}

describe("39: others are unaffected, and memory is bounded, by", { timeout: LIMIT_MS }, () => {
  it("a message of 100 MB: RESOURCE_EXHAUSTED, at each listener", async () => {
    const cluster = "a".repeat(100 * MIB);
    const operators = await meanwhile(async () => world.ask(ClusterService, "getCluster", { cluster }));
    expect(operators).toMatchObject({ status: status.RESOURCE_EXHAUSTED });
    const local = world.socketClient(ClusterService);
    const owner = await meanwhile(async () => ask(local, { method: "getCluster", request: { cluster } }));
    expect(owner).toMatchObject({ status: status.RESOURCE_EXHAUSTED });
    const joining = world.joinClient(JoinService);
    const joins = await meanwhile(async () => ask(joining, { method: "join", request: { token: cluster } }));
    expect(joins).toMatchObject({ status: status.RESOURCE_EXHAUSTED });
  });

  it("a gzip bomb of 1:1000: RESOURCE_EXHAUSTED", async () => {
    const bytes = framed(bomb(), 1);
    const explode = async (address: string, path: string): Promise<number | undefined> => {
      const session = openSession(address, world.operator);
      const stream = begin(session, path, { "grpc-encoding": "gzip" });
      const ended = statusOf(stream);
      stream.end(bytes);
      const number = await ended;
      session.destroy();
      return number;
    };
    const { operator, join } = world.servers.addresses;
    expect(await meanwhile(async () => explode(operator, "/weir.v1.ClusterService/GetCluster"))).toBe(
      status.RESOURCE_EXHAUSTED,
    );
    expect(await meanwhile(async () => explode(join, "/weir.v1.JoinService/Join"))).toBe(status.RESOURCE_EXHAUSTED);
  });

  it("10 000 streams on one connection, open or reset at once", async () => {
    const path = "/weir.v1.JoinService/Join";
    const outcome = await meanwhile(async () => {
      const session = openSession(world.servers.addresses.join);
      await new Promise((resolve) => session.once("connect", resolve).once("close", resolve));
      for (let at = 0; at < 10_000 && !session.destroyed; at += 1) begin(session, path);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      session.destroy();
      return "over";
    });
    expect(outcome).toBe("over");
    const reset = await meanwhile(async () => {
      const session = openSession(world.servers.addresses.operator, world.operator);
      await new Promise((resolve) => session.once("connect", resolve).once("close", resolve));
      for (let at = 0; at < 10_000 && !session.destroyed; at += 1) begin(session, path).close();
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      session.destroy();
      return "over";
    });
    expect(reset).toBe("over");
  });

  it("many idle connections, before and after the handshake", async () => {
    const { join, agent, operator } = world.servers.addresses;
    const outcome = await meanwhile(async () => {
      const mute = [join, agent, operator].flatMap((address) =>
        Array.from({ length: 200 }, () => openSocket(address, "tcp")),
      );
      const shaken = Array.from({ length: 100 }, () => openSocket(operator, "tls", world.operator));
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      for (const socket of [...mute, ...shaken]) socket.destroy();
      return "over";
    });
    expect(outcome).toBe("over");
  });

  it("one byte a second: DEADLINE_EXCEEDED after the longest deadline of 30 s", async () => {
    expect(await meanwhile(async () => slow)).toBe(status.DEADLINE_EXCEEDED);
  });
});
