import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createGate } from "../../../src/io/grpc/push/gate.ts";

/** Sends `count` senders to a gate. Those that entered, and how each leaves. */
function sendAll(gate: ReturnType<typeof createGate>, count: number) {
  const entered: number[] = [];
  const leaves: (() => void)[] = [];
  for (let sender = 0; sender < count; sender += 1)
    gate.pass((leave) => {
      entered.push(sender);
      leaves[sender] = leave;
    });
  return { entered, leave: (sender: number) => leaves[sender]?.() };
}

describe("the gate of senders", () => {
  it("lets in as many as may be inside, and the next in its turn when one leaves", () => {
    const { entered, leave } = sendAll(createGate({ widthMax: 2, perTurnMax: 100 }), 5);
    expect(entered).toEqual([0, 1]);
    leave(1);
    expect(entered).toEqual([0, 1, 2]);
    // Who leaves twice makes room once.
    leave(1);
    expect(entered).toEqual([0, 1, 2]);
    leave(0);
    leave(2);
    expect(entered).toEqual([0, 1, 2, 3, 4]);
  });

  it("lets in a few in each turn of the event loop, in the order in which they came", async () => {
    const gate = createGate({ widthMax: 100, perTurnMax: 2 });
    const { entered } = sendAll(gate, 5);
    expect(entered).toEqual([0, 1]);
    await nextTurn();
    expect(entered).toEqual([0, 1, 2, 3]);
    await nextTurn();
    expect(entered).toEqual([0, 1, 2, 3, 4]);
    await nextTurn();
    const later = sendAll(gate, 3);
    expect(later.entered).toEqual([0, 1]);
  });

  it("does not let in more within a turn because one left", async () => {
    const { entered, leave } = sendAll(createGate({ widthMax: 2, perTurnMax: 2 }), 4);
    leave(0);
    leave(1);
    expect(entered).toEqual([0, 1]);
    await nextTurn();
    expect(entered).toEqual([0, 1, 2, 3]);
  });

  it("keeps who came first ahead of who comes while somebody waits", async () => {
    const gate = createGate({ widthMax: 1, perTurnMax: 100 });
    const first = sendAll(gate, 2);
    const second = sendAll(gate, 1);
    first.leave(0);
    expect([first.entered, second.entered]).toEqual([[0, 1], []]);
    first.leave(1);
    expect(second.entered).toEqual([0]);
    await nextTurn();
  });
});
