import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyOf } from "../../src/model/destination.ts";
import type { DestinationKey, Split } from "../../src/model/destination.ts";
import type { ClusterId } from "../../src/model/ids.ts";
import { apportion, distanceBetween } from "../../src/planner/apportion.ts";
import { weightOf } from "../../src/planner/eligible.ts";
import { stepAll } from "../../src/planner/step.ts";
import type { Move } from "../../src/planner/step.ts";
import { CHECKOUT, destination, split, textOf } from "./planning-fleet.ts";

const KEYS = ["a/v1", "b/v1", "c/v1"] as const;

function move(source: string, now: Split, target: Split, change: Partial<Move> = {}): Move {
  return { source: source as ClusterId, demandRps: 100, now, target, maxStepWeight: 10_000, ...change };
}

function loadsOf(moves: readonly Move[], splitOf: (move: Move) => Split): Map<DestinationKey, number> {
  const loads = new Map<DestinationKey, number>();
  for (const found of moves)
    for (const { destination: to, weight } of splitOf(found))
      loads.set(keyOf(to), (loads.get(keyOf(to)) ?? 0) + (weight / 10_000) * found.demandRps);
  return loads;
}

function stepsOf(moves: readonly Move[], capacities: Readonly<Record<string, number>>) {
  return stepAll(moves, {
    service: CHECKOUT,
    loadsNow: loadsOf(moves, ({ now }) => now),
    loadsThen: loadsOf(moves, ({ target }) => target),
    capacities: new Map(Object.entries(capacities) as [DestinationKey, number][]),
    utilisationMax: 1,
  });
}

const ALL_A = split({ "a/v1": 10_000 });
const ALL_B = split({ "b/v1": 10_000 });

describe("steps", () => {
  it("go all the way where nothing is in the way", () => {
    expect(stepsOf([move("a", ALL_A, ALL_B)], {})).toMatchObject([{ split: ALL_B, moved: 10_000, bound: "none" }]);
  });

  it("go no further than their own limit", () => {
    const [step] = stepsOf([move("a", ALL_A, ALL_B, { maxStepWeight: 1_500 })], {});
    expect(step).toMatchObject({ moved: 1_500, bound: "step-limit" });
    expect(textOf(step?.split)).toEqual({ "a/v1": 8_500, "b/v1": 1_500 });
  });

  it("are shortened so that no order of applying them overloads anybody", () => {
    // b has 80 of 100 rps and ends with 80; 60 come and 60 leave, and all may come first: a third of them fits.
    const moves = [
      move("a", ALL_A, ALL_B, { demandRps: 60 }),
      move("b", ALL_B, split({ "b/v1": 2_500, "c/v1": 7_500 }), { demandRps: 80 }),
    ];
    const [first, second] = stepsOf(moves, { "b/v1": 100 });
    expect(first?.bound).toBe("capacity");
    expect(first?.moved).toBeGreaterThanOrEqual(3_300);
    expect(first?.moved).toBeLessThanOrEqual(3_333);
    expect(second).toMatchObject({ moved: 7_500, bound: "none" });
  });

  it("wait for room in a full destination, and let those go first who make it", () => {
    const moves = [
      move("a", ALL_A, ALL_B, { demandRps: 100 }),
      move("b", ALL_B, split({ "c/v1": 10_000 }), { demandRps: 100 }),
    ];
    expect(stepsOf(moves, { "b/v1": 100 })).toMatchObject([
      { moved: 0, bound: "waits-for-room" },
      { moved: 10_000, bound: "none" },
    ]);
  });

  it("wait rather than trickle into a destination that is nearly full", () => {
    const moves = [
      move("a", ALL_A, ALL_B, { demandRps: 100 }),
      move("b", ALL_B, split({ "c/v1": 10_000 }), { demandRps: 100 }),
    ];
    expect(stepsOf(moves, { "b/v1": 104 })).toMatchObject([{ moved: 0, bound: "waits-for-room" }, { moved: 10_000 }]);
  });

  it("go unhindered where full destinations must swap, for no order is safe", () => {
    const moves = [move("a", ALL_A, ALL_B), move("b", ALL_B, ALL_A)];
    expect(stepsOf(moves, { "a/v1": 100, "b/v1": 100 })).toMatchObject([
      { moved: 10_000, bound: "no-safe-order" },
      { moved: 10_000, bound: "no-safe-order" },
    ]);
  });

  it("do not hold back sources of whom nobody knows that they send anything", () => {
    expect(stepsOf([move("a", ALL_A, ALL_B, { demandRps: 0 })], { "b/v1": 1 })).toMatchObject([{ moved: 10_000 }]);
  });
});

const anySplit = fc
  .tuple(...KEYS.map(() => fc.integer({ min: 0, max: 10 })))
  .filter((amounts) => amounts.some((amount) => amount > 0))
  .map((amounts) =>
    apportion(
      amounts.map((amount, index) => ({ destination: destination(KEYS[index] ?? "a/v1"), amount })),
      CHECKOUT,
    ),
  );

const anyMoves = fc
  .array(fc.tuple(anySplit, anySplit, fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 10_000 })), {
    minLength: 1,
    maxLength: 4,
  })
  .map((found) =>
    found.map(([now, target, demandRps, maxStepWeight], index) =>
      move(`s${index}`, now, target, { demandRps, maxStepWeight }),
    ),
  );

describe("any steps", () => {
  it("keep every destination within its capacity, its end or what it has, in whatever order they are applied", () => {
    fc.assert(
      fc.property(anyMoves, fc.tuple(...KEYS.map(() => fc.integer({ min: 1, max: 600 }))), (moves, limits) => {
        const capacities = Object.fromEntries(KEYS.map((key, index) => [key, limits[index] ?? 0]));
        const steps = stepsOf(moves, capacities);
        fc.pre(steps.every(({ bound }) => bound !== "no-safe-order"));
        const [before, then] = [loadsOf(moves, ({ now }) => now), loadsOf(moves, ({ target }) => target)];
        for (const key of KEYS as unknown as readonly DestinationKey[]) {
          const worst = moves.reduce((sum, found, index) => {
            const next = weightOf(steps[index]?.split, destination(key));
            return sum + (Math.max(weightOf(found.now, destination(key)), next) / 10_000) * found.demandRps;
          }, 0);
          const most = Math.max(capacities[key] ?? 0, then.get(key) ?? 0, before.get(key) ?? 0);
          expect(worst).toBeLessThanOrEqual(most * (1 + 1e-6));
        }
      }),
      { numRuns: 500 },
    );
  });

  it("make way, each within its limit and never past its target", () => {
    fc.assert(
      fc.property(anyMoves, (moves) => {
        const steps = stepsOf(moves, { "a/v1": 100, "b/v1": 100 });
        const distances = moves.map(({ now, target }) => distanceBetween(now, target));
        for (const [index, step] of steps.entries()) {
          const found = moves[index];
          if (found === undefined) throw new Error("a step without its move");
          expect(step.moved).toBeLessThanOrEqual(found.maxStepWeight);
          expect(distanceBetween(step.split, found.target)).toBe((distances[index] ?? 0) - step.moved);
        }
        const isDone = distances.every((distance) => distance === 0);
        expect(isDone || steps.some(({ moved }) => moved > 0)).toBe(true);
      }),
    );
  });
});
