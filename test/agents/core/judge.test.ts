import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgePosition } from "../../../agents/core/judge.ts";
import type { Placed } from "../../../agents/core/judge.ts";
import { at } from "../plans.ts";

const HELD: Placed = { position: at(100, 3), digest: "aa" };
const OTHER_LOG = { generation: 1, id: "log-2" };

describe("judgePosition", () => {
  it.each<[string, Placed, string]>([
    ["a higher revision", { position: at(101, 3), digest: "bb" }, "adopt"],
    ["a higher revision of a later term", { position: at(101, 4), digest: "bb" }, "adopt"],
    ["the same plan again", HELD, "repeat"],
    ["the same plan told by a later leader", { position: at(100, 4), digest: "aa" }, "repeat"],
    [
      "a higher generation with small numbers",
      { position: at(1, 1, { generation: 2, id: "new" }), digest: "bb" },
      "adopt",
    ],
  ])("takes %s", (_name, offered, judgement) => {
    expect(judgePosition(offered, HELD)).toEqual({ ok: true, value: judgement });
  });

  it.each<[string, Placed, string]>([
    ["a lower revision", { position: at(99, 3), digest: "bb" }, "STALE_REVISION"],
    ["a lower revision even of a later term", { position: at(99, 4), digest: "bb" }, "STALE_REVISION"],
    ["a lower epoch even with a higher revision", { position: at(500, 2), digest: "bb" }, "STALE_EPOCH"],
    ["an older epoch of the very same plan", { position: at(100, 2), digest: "aa" }, "STALE_EPOCH"],
    ["another plan of the same number", { position: at(100, 3), digest: "bb" }, "REVISION_CONFLICT"],
    ["another plan of the same number in a later term", { position: at(100, 9), digest: "bb" }, "REVISION_CONFLICT"],
    [
      "another log of the same generation",
      { position: at(500, 9, OTHER_LOG), digest: "bb" },
      "STORE_INCARNATION_CHANGED",
    ],
    [
      "a lower generation",
      { position: at(500, 9, { generation: 0, id: "old" }), digest: "bb" },
      "STORE_INCARNATION_CHANGED",
    ],
    ["a revision beyond 2^53", { position: at(2 ** 53, 3), digest: "bb" }, "SEQ_RANGE"],
    ["a broken epoch", { position: at(101, 1.5), digest: "bb" }, "SEQ_RANGE"],
    ["a negative revision", { position: at(-1, 3), digest: "bb" }, "SEQ_RANGE"],
  ])("refuses %s", (_name, offered, code) => {
    const judged = judgePosition(offered, HELD);
    expect(judged).toMatchObject({ ok: false, refusal: { code } });
  });

  it("takes anything sound when nothing is held, a first plan without revision too", () => {
    expect(judgePosition({ position: at(0), digest: "aa" }, undefined)).toEqual({ ok: true, value: "adopt" });
    expect(judgePosition({ position: at(2 ** 53), digest: "aa" }, undefined).ok).toBe(false);
  });

  it("names the numbers on both sides, so that a person sees who is behind", () => {
    const judged = judgePosition({ position: at(99, 3), digest: "bb" }, HELD);
    expect(judged.ok ? "" : judged.refusal.message).toContain("offered 1/3/99, held 1/3/100");
  });

  it("never lets an agent go backwards, whatever comes in whatever order", () => {
    const offers = fc.array(
      fc.record({
        generation: fc.integer({ min: 1, max: 3 }),
        log: fc.integer({ min: 0, max: 1 }),
        epoch: fc.integer({ min: 1, max: 4 }),
        revision: fc.integer({ min: 0, max: 6 }),
        digest: fc.constantFrom("aa", "bb"),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(offers, (all) => {
        let held: Placed | undefined;
        for (const { generation, log, epoch, revision, digest } of all) {
          const offered = { position: at(revision, epoch, { generation, id: `log-${generation}-${log}` }), digest };
          const judged = judgePosition(offered, held);
          if (!judged.ok) continue;
          expect(held === undefined || isAfter(offered, held)).toBe(true);
          held = offered;
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** Within one log, revision and epoch never fall and a number never changes its meaning; generations only rise. */
function isAfter(next: Placed, held: Placed): boolean {
  const [a, b] = [next.position, held.position];
  if (a.incarnation.id !== b.incarnation.id) return a.incarnation.generation > b.incarnation.generation;
  return a.epoch >= b.epoch && (a.revision > b.revision || (a.revision === b.revision && next.digest === held.digest));
}
