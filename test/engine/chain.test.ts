import { describe, expect, it } from "vitest";
import { refuseForeign } from "../../src/engine/chain.ts";
import type { FleetEvent, LogRecord } from "../../src/model/event.ts";
import { EMPTY_FLEET } from "../../src/model/fleet.ts";
import type { FleetState } from "../../src/model/fleet.ts";
import type { Actor } from "../../src/model/ids.ts";

const incarnation = { generation: 1, id: "life" };
const state: FleetState = { ...EMPTY_FLEET, incarnation, epoch: 3, holder: "p1", sequence: 9 };

function aRecord(change: Partial<LogRecord> = {}): LogRecord {
  const events: readonly FleetEvent[] = [{ kind: "fleet-thawed", reason: "r" }];
  const head = { sequence: 10, incarnation, epoch: 3, writer: "p1", nonce: "10.x", atMs: 0, actor: "planner" as Actor };
  return { ...head, command: undefined, events, ...change };
}

function aTerm(epoch: number, change: Partial<LogRecord> = {}): LogRecord {
  const events: readonly FleetEvent[] = [{ kind: "term-started", epoch, holder: "p2", incarnation }];
  return aRecord({ epoch, writer: "p2", events, ...change });
}

describe("refuseForeign", () => {
  it("lets the holder of the term go on, and another start a higher one", () => {
    expect(refuseForeign(state, aRecord())).toBeUndefined();
    expect(refuseForeign(state, aTerm(4))).toBeUndefined();
    expect(refuseForeign(state, aTerm(9))).toBeUndefined();
  });

  it("takes any incarnation as the first of an empty log", () => {
    const first = aTerm(1, { sequence: 1, nonce: "1.x", incarnation: { generation: 1, id: "new" } });
    expect(refuseForeign(EMPTY_FLEET, first)).toBeUndefined();
  });

  it.each([
    ["skips a sequence", aRecord({ sequence: 11, nonce: "11.x" })],
    ["repeats a sequence", aRecord({ sequence: 9, nonce: "9.x" })],
    ["is a copy of a record from another place", aRecord({ nonce: "4.x" })],
    ["belongs to another incarnation", aRecord({ incarnation: { generation: 1, id: "other" } })],
    ["is written by another than the holder", aRecord({ writer: "p2" })],
    ["is of an older term", aRecord({ epoch: 2 })],
    ["is of a term that never began", aRecord({ epoch: 4 })],
    ["starts the term of now again", aTerm(3)],
    ["starts a term for somebody else", aTerm(4, { writer: "p3" })],
    ["starts another term than it is of", aTerm(4, { epoch: 5 })],
  ])("refuses a record that %s, as STORE_CORRUPT", (_what, record) => {
    expect(refuseForeign(state, record)?.code).toBe("STORE_CORRUPT");
  });
});
