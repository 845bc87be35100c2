import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { until } from "../support/engine/replica.ts";
import { startReplicaProcess } from "../support/engine/replica-child.ts";
import type { ReplicaProcess } from "../support/engine/replica-child.ts";
import { startNatsServer } from "../support/nats/server.ts";
import type { TestServer } from "../support/nats/server.ts";

const TIMEOUT_MS = 60_000;

let server: TestServer;
let replicas: ReplicaProcess[] = [];

beforeEach(async () => {
  server = await startNatsServer();
  replicas = await Promise.all(["p1", "p2"].map(async (name) => await startReplicaProcess(server.url, name)));
  await until("one of two leads", () => leading().length === 1);
}, TIMEOUT_MS);
afterEach(async () => {
  await Promise.all(replicas.map(async (replica) => await replica.kill()));
  await server.stop();
}, TIMEOUT_MS);

function leading(): readonly ReplicaProcess[] {
  return replicas.filter((replica) => replica.state()?.isLeading === true);
}

/** The leader and the other. */
function roles(): readonly [ReplicaProcess, ReplicaProcess] {
  const [leader] = leading();
  const other = replicas.find((replica) => replica !== leader);
  if (leader === undefined || other === undefined) throw new Error("nobody leads");
  return [leader, other];
}

describe("a leader that is killed with kill -9", { timeout: TIMEOUT_MS }, () => {
  it("is succeeded by the other replica, which keeps everything that was answered", async () => {
    const [leader, other] = roles();
    expect(await leader.register("c1")).toBe("ok");
    await until("the other has it", () => other.state()?.clusters.length === 1);
    const epoch = other.state()?.epoch ?? 0;
    await leader.kill();
    await until("the other leads", () => other.state()?.isLeading === true);
    expect(other.state()?.epoch).toBe(epoch + 1);
    expect(await other.register("c2")).toBe("ok");
    expect(other.state()?.clusters).toEqual(["c1", "c2"]);
  });

  it("loses and doubles no command that was under way, and takes part again after a restart", async () => {
    const [leader, other] = roles();
    const names = Array.from({ length: 40 }, (_, index) => `c${index}`);
    const asked = names.map(async (name, index) => await other.register(name, `r${index}`));
    await Promise.race(asked);
    await leader.kill();
    expect(await Promise.all(asked)).toEqual(names.map(() => "ok"));
    // A second registration of one name would have been refused, and a lost one would be missing.
    expect(other.state()?.clusters.toSorted()).toEqual(names.toSorted());
    const again = await startReplicaProcess(server.url, leader.name);
    replicas = [other, again];
    await until("it has caught up", () => again.state()?.clusters.length === names.length);
    expect(again.state()?.isLeading).toBe(false);
    expect(await again.register("late")).toBe("ok");
  });
});

describe("a leader that is frozen and wakes up", { timeout: TIMEOUT_MS }, () => {
  it("changes nothing: the log has gone on without it, and it follows", async () => {
    const [leader, other] = roles();
    expect(await leader.register("c1")).toBe("ok");
    leader.signal("SIGSTOP");
    // Asked while it sleeps: it will want to write them when it wakes, believing that it still leads.
    const asked = ["late-1", "late-2"].map(async (name) => await leader.register(name, name));
    await until("the other leads", () => other.state()?.isLeading === true);
    expect(await other.register("c2")).toBe("ok");
    const epoch = other.state()?.epoch;
    leader.signal("SIGCONT");
    expect(await Promise.all(asked)).toEqual(["ok", "ok"]);
    await until(
      "the sleeper knows who leads",
      () => leader.state()?.isLeading === false && leader.state()?.epoch === epoch,
    );
    expect(other.state()?.isLeading).toBe(true);
    expect(other.state()?.halted).toBeUndefined();
    await until("both hold the same", () => leader.state()?.sequence === other.state()?.sequence);
    expect(leader.state()?.clusters).toEqual(other.state()?.clusters);
    expect(other.state()?.clusters).toEqual(["c1", "c2", "late-1", "late-2"]);
  });
});
