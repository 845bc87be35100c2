import { describe, expect, it, onTestFinished } from "vitest";
import { DeltaBase } from "../../../proto/gen/weir/v1/agent_pb.ts";
import type { Reply } from "../../../agents/io/agent.ts";
import type { Delta } from "../../../agents/io/offer.ts";
import { fullJitterMs } from "../../../agents/io/clock.ts";
import type { AgentIdentity } from "../../../agents/io/identity.ts";
import { SILENT_LOG } from "../../../agents/io/log.ts";
import { DEFAULT_LINK_TIMING, PlannerLink } from "../../../agents/io/planner-link.ts";
import { toHello } from "../../../src/wire/link.ts";
import { toPosition } from "../../../src/wire/position.ts";
import { OWN, at } from "../plans.ts";
import { until } from "./folders.ts";
import { anIdentity, startScriptedPlanner } from "./scripted-planner.ts";
import type { ScriptedPlanner } from "./scripted-planner.ts";

const TIMING = { connectTimeoutMs: 1_000, backOffMs: 20, backOffMsMax: 100, refusedMs: 50 };
const ACKNOWLEDGED: Reply = { kind: "acknowledgement", position: at(5), digest: "ab".repeat(32), refusals: [] };

interface Linked {
  readonly link: PlannerLink;
  readonly deltas: Delta[];
  readonly states: string[];
  readonly credentials: string[];
  identity: AgentIdentity;
  superseded: number;
}

/** A link to planners that answers every delta with `reply`. */
async function linkTo(
  planners: readonly ScriptedPlanner[],
  reply: (delta: Delta) => Promise<Reply> = async () => ACKNOWLEDGED,
) {
  const [first] = planners;
  if (first === undefined) throw new Error("a link needs a planner");
  const linked: Linked = {
    deltas: [],
    states: [],
    credentials: [],
    superseded: 0,
    identity: await anIdentity(first.authority),
  } as never;
  const link = new PlannerLink({
    planners: () => planners.map(({ address }) => address),
    identity: () => linked.identity,
    hello: () =>
      toHello({ cluster: OWN, uid: "uid-1", bootId: "boot-1", agentVersion: "1", hashes: new Map(), features: [] }),
    receive: async (delta) => {
      linked.deltas.push(delta);
      return await reply(delta);
    },
    credentials: ({ credentials }) => linked.credentials.push(credentials),
    linked: (state) => linked.states.push(state),
    superseded: () => (linked.superseded += 1),
    log: SILENT_LOG,
    timing: TIMING,
    fraction: () => 0,
  });
  link.start();
  onTestFinished(async () => await link.close());
  return Object.assign(linked, { link });
}

function delta(revision: number) {
  const value = { position: toPosition(at(revision)), base: DeltaBase.HELD, digest: new Uint8Array(32) };
  return { message: { case: "plan" as const, value } };
}

/** The stream that a planner saw as its n-th, as soon as it is there. */
async function stream(planner: ScriptedPlanner, index = 0) {
  await until(`stream ${index}`, () => planner.streams.length > index);
  const seen = planner.streams[index];
  if (seen === undefined) throw new Error("no stream");
  return seen;
}

describe("the link to the planner", () => {
  it("says hello first, then answers each delta, and passes credentials on", async () => {
    const planner = await startScriptedPlanner();
    const linked = await linkTo([planner]);
    const seen = await stream(planner);
    expect(seen.hello).toMatchObject({ cluster: "us-east", clusterUid: "uid-1", bootId: "boot-1" });
    seen.send({ message: { case: "credentials", value: { credentials: "creds", urls: ["nats://a:1"] } } });
    seen.send(delta(5));
    await until("an acknowledgement", () => seen.said.length === 1);
    expect(seen.said[0]?.message).toMatchObject({ case: "acknowledgement", value: { position: { revision: 5n } } });
    expect([linked.credentials, linked.states]).toEqual([["creds"], ["up"]]);
  });

  it("takes deltas one at a time and in order, however slow the mesh", async () => {
    const planner = await startScriptedPlanner();
    let running = 0;
    const most: number[] = [];
    const linked = await linkTo([planner], async () => {
      running += 1;
      most.push(running);
      await new Promise((resolve) => setTimeout(resolve, 20));
      running -= 1;
      return { kind: "resync" };
    });
    const seen = await stream(planner);
    for (const revision of [1, 2, 3]) seen.send(delta(revision));
    await until("three answers", () => seen.said.length === 3);
    expect(linked.deltas.map(({ position }) => position?.revision)).toEqual([1, 2, 3]);
    expect(Math.max(...most)).toBe(1);
    expect(seen.said.map(({ message }) => message.case)).toEqual(["resync", "resync", "resync"]);
  });

  it("goes to another planner when one is killed, and comes back when only that one lives", async () => {
    const a = await startScriptedPlanner();
    const b = await startScriptedPlanner({ authority: a.authority });
    const linked = await linkTo([a, b]);
    await stream(a);
    a.kill();
    await stream(b);
    await until("the link at the other", () => linked.states.join() === "up,down,up");
    const port = Number(a.address.split(":")[1]);
    const again = await startScriptedPlanner({ authority: a.authority, port });
    b.kill();
    expect((await stream(again)).hello.bootId).toBe("boot-1");
  });

  it("goes elsewhere at once when a planner says that it stops", async () => {
    const a = await startScriptedPlanner();
    const b = await startScriptedPlanner({ authority: a.authority });
    await linkTo([a, b]);
    (await stream(a)).send({ message: { case: "goodbye", value: { code: "SHUTTING_DOWN", detail: "" } } });
    expect((await stream(b)).isOpen).toBe(true);
    await until("the first stream to end", () => a.streams[0]?.isOpen === false);
  });

  it("keeps asking a planner that has not accepted it yet", async () => {
    const planner = await startScriptedPlanner();
    planner.refuseConnect = { code: "NOT_ACCEPTED", field: "", message: "accept it" };
    await linkTo([planner]);
    (await stream(planner, 0)).send({ message: { case: "goodbye", value: { code: "NOT_ACCEPTED", detail: "" } } });
    expect((await stream(planner, 1)).isOpen).toBe(true);
  });

  it("stands by for good when a newer agent of the cluster took over", async () => {
    const planner = await startScriptedPlanner();
    const linked = await linkTo([planner]);
    (await stream(planner)).send({ message: { case: "goodbye", value: { code: "TAKEN_OVER", detail: "" } } });
    await until("it to stand by", () => linked.superseded === 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(planner.streams).toHaveLength(1);
  });

  it("trusts no server of another authority, nor one of ours that is no planner", async () => {
    const planner = await startScriptedPlanner();
    const impostor = await startScriptedPlanner({ authority: planner.authority, names: "operator" });
    const stranger = await startScriptedPlanner();
    const linked = await linkTo([planner, impostor, stranger]);
    await stream(planner);
    planner.kill();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([impostor.streams, stranger.streams]).toEqual([[], []]);
    expect(linked.states).toEqual(["up", "down"]);
  });

  it("shows the certificate of now when it connects anew", async () => {
    const planner = await startScriptedPlanner();
    const linked = await linkTo([planner]);
    await stream(planner);
    linked.identity = await anIdentity(planner.authority);
    linked.link.reconnect();
    await stream(planner, 1);
    await until("the link with it", () => linked.states.length === 3);
    expect(linked.states).toEqual(["up", "down", "up"]);
  });

  it("stays alive when a delta makes our own code fail", async () => {
    const planner = await startScriptedPlanner();
    await linkTo([planner], async () => await Promise.reject(new Error("bug")));
    (await stream(planner)).send(delta(1));
    expect((await stream(planner, 1)).isOpen).toBe(true);
  });
});

describe("fullJitterMs", () => {
  const { backOffMs: baseMs, backOffMsMax: capMs } = DEFAULT_LINK_TIMING;

  it("spreads over the whole back-off, which doubles up to its cap", () => {
    const at = (failures: number, fraction: number) => fullJitterMs(failures, { baseMs, capMs, fraction });
    expect([at(0, 0.5), at(1, 0.5), at(3, 0.5), at(1_000, 0.5)]).toEqual([250, 500, 2_000, 10_000]);
    expect([at(4, 0), at(4, 0.999)]).toEqual([0, 7_992]);
  });
});
