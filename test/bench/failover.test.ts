import { describe, expect, it } from "vitest";
import type { Sent } from "./failover/load.ts";
import { verdictOf } from "./failover/verdict.ts";

const LOSS = { lostAtMs: 1_000, lost: "eu" };

/** A request each 10 ms for 5 s, half of them answered by `eu` until it is lost. `failing` are sent but not answered. */
function requests({
  failing,
  slow = [0, 0],
}: {
  failing: readonly [number, number];
  slow?: readonly [number, number];
}) {
  return Array.from({ length: 500 }, (_, index): Sent => {
    const atMs = index * 10;
    const isIn = ([from, to]: readonly [number, number]) => atMs >= from && atMs < to;
    const tookMs = isIn(slow) ? 250 : 2;
    if (isIn(failing)) return { atMs, tookMs, failure: "HTTP 503" };
    return { atMs, tookMs, servedBy: index % 2 === 0 && atMs < LOSS.lostAtMs ? "eu" : "us" };
  });
}

describe("verdictOf", () => {
  it("recovers at once when nothing fails", () => {
    expect(verdictOf(requests({ failing: [0, 0] }), LOSS)).toMatchObject({ failed: 0, recoveryMs: 0, slow: 0 });
  });

  it("counts what fails after the loss, and the time until a whole second succeeds", () => {
    const verdict = verdictOf(requests({ failing: [1_000, 1_300] }), LOSS);
    expect(verdict).toMatchObject({ failed: 30, recoveryMs: 300, failures: ["HTTP 503"] });
  });

  it("takes a second with one failure in a hundred for recovered", () => {
    expect(verdictOf(requests({ failing: [1_000, 1_010] }), LOSS).recoveryMs).toBe(0);
  });

  it("never recovers when it goes on failing", () => {
    expect(verdictOf(requests({ failing: [1_000, 9_000] }), LOSS).recoveryMs).toBe(Number.POSITIVE_INFINITY);
  });

  it("counts those that a person would notice", () => {
    expect(verdictOf(requests({ failing: [0, 0], slow: [1_000, 1_100] }), LOSS).slow).toBe(10);
  });

  it("throws when the cluster that should be lost goes on answering", () => {
    const alive = requests({ failing: [0, 0] }).map((sent): Sent => ({
      ...sent,
      servedBy: sent.atMs % 20 === 0 ? "eu" : "us",
    }));
    expect(() => verdictOf(alive, LOSS)).toThrow("after it was lost");
  });

  it("throws when nobody used the cluster before", () => {
    const elsewhere = requests({ failing: [0, 0] }).map((sent): Sent => ({ ...sent, servedBy: "us" }));
    expect(() => verdictOf(elsewhere, LOSS)).toThrow("before it was lost");
  });
});
