import { describe, expect, it } from "vitest";
import { Halts } from "../../src/engine/halts.ts";
import type { Clock } from "../../src/engine/ports.ts";
import type { ReplicaHeartbeat } from "../../src/model/heartbeat.ts";
import { Twin } from "../../src/engine/twin.ts";

const GONE_AFTER_MS = 5_000;

function aTwinWatch() {
  let nowMs = 1_000;
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined };
  const halts = new Halts(() => undefined);
  const twin = new Twin({ replica: "p1", bootId: "m", clock, halts, goneAfterMs: GONE_AFTER_MS });
  return { twin, halts, pass: (ms: number) => (nowMs += ms) };
}

function heartbeat(said: Partial<ReplicaHeartbeat>): ReplicaHeartbeat {
  const numbers = { epoch: 1, sequence: 1, logTimeMs: 1, upForMs: 0 };
  const lists = { knows: [], streams: [] };
  return {
    replica: "p1",
    isLeading: true,
    operatorAddress: "",
    bootId: "a",
    halted: "",
    ...numbers,
    ...lists,
    ...said,
  };
}

describe("two processes that go by one name", () => {
  it("the younger one yields, and serves again once the older one is gone", () => {
    const { twin, halts, pass } = aTwinWatch();
    expect(twin.hear(heartbeat({ upForMs: 10 }))).toBe(true);
    expect(halts.reason()?.code).toBe("REPLICA_NAME_TAKEN");
    expect(halts.forbidsLead()).toBe(true);
    pass(GONE_AFTER_MS);
    twin.look();
    expect(halts.isTwin()).toBe(true);
    pass(1);
    twin.look();
    expect(halts.reason()).toBeUndefined();
  });

  it("the older one goes on, and does not take the younger for a peer", () => {
    const { twin, halts, pass } = aTwinWatch();
    pass(100);
    expect(twin.hear(heartbeat({ upForMs: 99 }))).toBe(true);
    expect(halts.reason()).toBeUndefined();
  });

  it("of two that started together exactly one yields", () => {
    const [one, other] = [aTwinWatch(), aTwinWatch()];
    one.twin.hear(heartbeat({ bootId: "a" }));
    other.twin.hear(heartbeat({ bootId: "z" }));
    expect([one.halts.isTwin(), other.halts.isTwin()]).toEqual([false, true]);
  });

  it("another replica is a peer, however long it runs", () => {
    const { twin, halts } = aTwinWatch();
    expect(twin.hear(heartbeat({ replica: "p2", upForMs: 1_000 }))).toBe(false);
    expect(halts.reason()).toBeUndefined();
  });
});
