import { describe, expect, it } from "vitest";
import { recall } from "../../src/engine/recall.ts";
import type { Recalled } from "../../src/engine/recall.ts";
import { Witnesses } from "../../src/engine/witnesses.ts";
import { EMPTY_FLEET } from "../../src/model/fleet.ts";
import type { FleetState } from "../../src/model/fleet.ts";
import { codec } from "../../src/wire/codec.ts";

const FIRST_LIFE = { generation: 1, id: "one" };
const SECOND_LIFE = { generation: 2, id: "two" };
const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** What the store holds at one moment. */
interface Moment {
  readonly first: number;
  readonly last: number;
  readonly incarnation: typeof FIRST_LIFE;
  readonly snapshots: readonly FleetState[];
}

function state(sequence: number, incarnation = FIRST_LIFE): FleetState {
  return { ...EMPTY_FLEET, sequence, incarnation, epoch: 1, holder: "p1" };
}

/** Recalls from a store that is at the next of these moments with every question; the last one stays. */
async function recallOver(...moments: readonly Moment[]): Promise<Recalled> {
  const left = [...moments];
  const now = (): Moment => {
    const [moment] = left.length > 1 ? left.splice(0, 1) : left;
    if (moment === undefined) throw new Error("no moment");
    return moment;
  };
  const parts = {
    log: {
      bounds: async () => ({ first: left[0]?.first ?? 1, last: now().last }),
      incarnation: async () => now().incarnation,
    },
    snapshots: {
      list: async () => now().snapshots,
      load: async (sequence: number) => {
        const kept = now().snapshots.find((candidate) => candidate.sequence === sequence);
        return kept === undefined ? undefined : codec.encodeSnapshot(kept);
      },
    },
    codec,
    logger: SILENT,
  };
  return await recall(parts, new AbortController().signal);
}

describe("a start beside a leader that goes on", () => {
  const before: Moment = { first: 1, last: 20, incarnation: FIRST_LIFE, snapshots: [state(10)] };

  it("does not take a snapshot that was kept between two questions for a loss", async () => {
    const after = { ...before, last: 30, snapshots: [state(10), state(30)] };
    for (const moments of [
      [before, after],
      [before, before, after],
      [before, before, before, after],
    ] as const) {
      const { ahead, corrupt, state: recalled } = await recallOver(...moments);
      expect(ahead).toBeUndefined();
      expect(corrupt).toBeUndefined();
      expect([10, 30]).toContain(recalled.sequence);
    }
  });

  it("does not take a trimmed log for a damaged one", async () => {
    const trimmed = { ...before, first: 31, last: 40, snapshots: [state(30), state(40)] };
    const { ahead, corrupt, state: recalled } = await recallOver(before, trimmed);
    expect({ ahead, corrupt, sequence: recalled.sequence }).toEqual({ sequence: 40 });
  });

  it("does not take the mark of a recovery, made between two questions, for a loss", async () => {
    const kept = { ...before, last: 25, snapshots: [state(10), state(25, SECOND_LIFE)] };
    const marked = { ...kept, incarnation: SECOND_LIFE };
    const { ahead, corrupt, state: recalled } = await recallOver(kept, kept, kept, marked);
    expect({ ahead, corrupt, sequence: recalled.sequence }).toEqual({ sequence: 25 });
  });
});

describe("a snapshot of another life than the log's mark", () => {
  const mark = { sequence: 25, atMs: 0, incarnation: SECOND_LIFE };

  it("is none once the log, read to the end that it had, turns out to be of that life", () => {
    const witnesses = new Witnesses();
    witnesses.suspectSnapshot(mark, 25);
    expect(witnesses.judge(state(20))?.code).toBe("STORE_ROLLED_BACK");
    expect(witnesses.judge(state(25, SECOND_LIFE))).toBeUndefined();
  });

  it("stays one if the log ended before it, however far the log grows", () => {
    const witnesses = new Witnesses();
    witnesses.suspectSnapshot(mark, 24);
    expect(witnesses.judge(state(30, SECOND_LIFE))?.code).toBe("STORE_ROLLED_BACK");
  });
});

describe("a real loss", () => {
  it("is a snapshot beyond the log's end, however often it is looked at", async () => {
    const wiped: Moment = { first: 1, last: 5, incarnation: FIRST_LIFE, snapshots: [state(10)] };
    expect((await recallOver(wiped)).ahead?.sequence).toBe(10);
  });

  it("is a log that begins after what is kept", async () => {
    const purged: Moment = { first: 15, last: 20, incarnation: FIRST_LIFE, snapshots: [state(10)] };
    expect((await recallOver(purged)).corrupt?.code).toBe("STORE_CORRUPT");
  });
});
