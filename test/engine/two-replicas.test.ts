import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { codec } from "../../src/wire/codec.ts";
import { EVENT_KINDS } from "../../src/model/event.ts";
import type { Actor, ClusterId } from "../../src/model/ids.ts";
import { registration, startReplica, sweep, until } from "../support/engine/replica.ts";
import type { TestReplica } from "../support/engine/replica.ts";
import { startNatsServer } from "../support/nats/server.ts";
import type { TestServer } from "../support/nats/server.ts";

const signal = AbortSignal.timeout(300_000);

let server: TestServer;
let replicas: TestReplica[] = [];

beforeAll(async () => {
  server = await startNatsServer();
});
afterAll(async () => await server.stop());

async function start(...names: string[]): Promise<void> {
  for (const replica of names) replicas.push(await startReplica({ url: server.url, replica }));
  await untilAgreed();
}

async function untilAgreed(): Promise<void> {
  await until("one leads and the other knows", () => leaders() === 1 && follower().engine.leader()?.isAlive === true);
}

function leader(): TestReplica {
  const found = replicas.find(({ engine }) => engine.leader()?.isSelf === true);
  if (found === undefined) throw new Error("nobody leads");
  return found;
}

function follower(): TestReplica {
  const found = replicas.find(({ engine }) => engine.leader()?.isSelf !== true);
  if (found === undefined) throw new Error("nobody follows");
  return found;
}

function leaders(): number {
  return replicas.filter(({ engine }) => engine.leader()?.isSelf === true).length;
}

beforeEach(() => {
  replicas = [];
});
afterEach(async () => {
  for (const replica of replicas) await replica.stop();
  await sweep(server.url);
});

describe("two replicas on one log", () => {
  it("agree on one leader and fold the same state", async () => {
    await start("p1", "p2");
    expect((await leader().engine.submit(registration("c1"), signal)).ok).toBe(true);
    const { sequence } = leader().engine.state();
    await until("the follower has it", () => follower().engine.state().sequence >= sequence);
    const [one, two] = replicas.map(({ engine }) => Buffer.from(codec.encodeSnapshot(engine.state())).toString("hex"));
    expect(one).toBe(two);
  });

  it("take writes at either, and answer once the asked one has folded them", async () => {
    await start("p1", "p2");
    for (const [index, replica] of [leader(), follower()].entries()) {
      const answer = await replica.engine.submit(registration(`c${index}`), signal);
      expect(answer).toMatchObject({ ok: true, value: { subject: `c${index}` } });
      expect([...replica.engine.state().clusters.keys()]).toContain(`c${index}`);
    }
  });

  it("name what a command is about, without a request id too, and when it changed nothing", async () => {
    await start("p1", "p2");
    await leader().engine.submit(registration("c1"), signal);
    const cluster = "c1" as ClusterId;
    const actor = "operator:test" as Actor;
    const cordon = { command: { kind: "cordon-cluster", cluster }, actor, requestId: "", requestDigest: "" } as const;
    for (const { engine } of [leader(), leader(), follower()]) {
      expect(await engine.submit(cordon, signal)).toMatchObject({ ok: true, value: { subject: "c1" } });
    }
  });

  it("carry refusals back from the leader as they are", async () => {
    await start("p1", "p2");
    await leader().engine.submit(registration("c1"), signal);
    const again = await follower().engine.submit(registration("c1"), signal);
    expect(again).toMatchObject({ ok: false, refusal: { code: "ALREADY_EXISTS" } });
  });

  it("answer a repeated request id the same at either, and refuse it for another request", async () => {
    await start("p1", "p2");
    const first = await follower().engine.submit(registration("c1", "r1"), signal);
    expect(first.ok).toBe(true);
    expect(await leader().engine.submit(registration("c1", "r1"), signal)).toEqual(first);
    expect(await follower().engine.submit(registration("c1", "r1"), signal)).toEqual(first);
    const reused = { ...registration("c2", "r1") };
    expect(await leader().engine.submit(reused, signal)).toMatchObject({
      ok: false,
      refusal: { code: "REQUEST_ID_REUSED" },
    });
  });

  it("decide many commands at once one after the other, each exactly once", async () => {
    await start("p1", "p2");
    const names = Array.from({ length: 60 }, (_, index) => `c${index}`);
    const answers = await Promise.all(
      names.map((name, index) => (index % 2 === 0 ? leader() : follower()).engine.submit(registration(name), signal)),
    );
    expect(answers.every(({ ok }) => ok)).toBe(true);
    const sequences = answers.map((answer) => (answer.ok ? answer.value.sequence : 0));
    expect(new Set(sequences).size).toBe(names.length);
    expect(leader().engine.state().clusters.size).toBe(names.length);
  });

  it("hand the lead over at a graceful stop without waiting for a timeout", async () => {
    // A timeout longer than the test: only the leader's last word can bring the change about.
    const timing = { leaderTimeoutMs: 600_000 };
    for (const replica of ["p1", "p2"]) replicas.push(await startReplica({ url: server.url, replica, timing }));
    await untilAgreed();
    const leaving = leader();
    const staying = follower();
    const { epoch } = staying.engine.state();
    await leaving.stop();
    replicas = [staying];
    await until("the other leads", () => staying.engine.leader()?.isSelf === true);
    expect(staying.engine.state().epoch).toBe(epoch + 1);
    expect((await staying.engine.submit(registration("c1"), signal)).ok).toBe(true);
  });

  it("carry a command through a change of the lead, neither lost nor doubled", async () => {
    await start("p1", "p2");
    const staying = follower();
    const asking = Array.from({ length: 20 }, (_, index) =>
      staying.engine.submit(registration(`c${index}`, `r${index}`), signal),
    );
    const leaving = leader();
    await leaving.stop();
    replicas = [staying];
    const answers = await Promise.all(asking);
    expect(answers.filter(({ ok }) => ok)).toHaveLength(20);
    expect(staying.engine.state().clusters.size).toBe(20);
  });

  it("emit only kinds that an older live replica knows", async () => {
    replicas.push(
      await startReplica({ url: server.url, replica: "p1" }),
      await startReplica({
        url: server.url,
        replica: "p2",
        knows: EVENT_KINDS.filter((kind) => kind !== "cluster-registered"),
      }),
    );
    await untilAgreed();
    // Either may lead; the one that does has heard the other within two heartbeats.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const answer = await leader().engine.submit(registration("c1"), signal);
    expect(answer).toMatchObject({ ok: false, refusal: { code: "UPGRADE_IN_PROGRESS" } });
  });
});
