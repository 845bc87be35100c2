import { describe, expect, it } from "vitest";
import type { Split } from "../../../../src/model/destination.ts";
import type { ClusterId, Version } from "../../../../src/model/ids.ts";
import { DEFAULT_SETTINGS } from "../../../../src/model/settings.ts";
import { diurnal } from "../../../scenarios/diurnal.ts";
import { seededRandom } from "../../../scenarios/seeded-random.ts";
import { feltOf, fullestAtStart, fullestInWorstOrder, isViolatedInOrder } from "./apply-orders.ts";
import { staleDay } from "./staleness.ts";
import { transitionRows } from "./transition-rows.ts";
import { playTransitions } from "./transitions.ts";
import type { Change, Transition } from "./transitions.ts";

function split(weights: Readonly<Record<string, number>>): Split {
  return Object.entries(weights).map(([cluster, weight]) => {
    return { destination: { cluster: cluster as ClusterId, version: "v1" as Version }, weight };
  });
}

/** a's 60 rps go from a to b, where b's 80 rps leave for c by three quarters. */
const WHOLE: Change = {
  before: { a: split({ a: 10_000 }), b: split({ b: 10_000 }) },
  after: { a: split({ b: 10_000 }), b: split({ b: 2_500, c: 7_500 }) },
  urgency: "routine",
};
const SWAP: Transition = {
  happening: "demand",
  demandRps: { a: 60, b: 80 },
  capacityRps: { a: 100, b: 100, c: 100 },
  steps: [],
  whole: WHOLE,
};

describe("orders of applying", () => {
  it("are judged by what everybody who adds brings before anybody takes away", () => {
    const felt = feltOf(WHOLE, SWAP);
    expect(felt.startRps).toEqual([60, 80, 0]);
    expect(fullestAtStart(felt)).toBe(0.8);
    expect(fullestInWorstOrder(felt)).toBe(1.4);
  });

  it("violate a limit in some order and not in another", () => {
    const felt = feltOf(WHOLE, SWAP);
    const random = seededRandom(1);
    const found = Array.from({ length: 200 }, () => isViolatedInOrder(felt, 0.95, random));
    expect(new Set(found)).toEqual(new Set([true, false]));
    expect(isViolatedInOrder(felt, 1.4, random)).toBe(false);
  });

  it("do not count what was there before anybody did anything", () => {
    const away: Change = { ...WHOLE, before: WHOLE.after, after: WHOLE.before };
    const crowded = { ...SWAP, capacityRps: { a: 100, b: 70, c: 100 } };
    const felt = feltOf({ ...away, after: { a: split({ a: 10_000 }), b: split({ b: 2_500, c: 7_500 }) } }, crowded);
    expect(fullestAtStart(felt)).toBeGreaterThan(1);
    expect(isViolatedInOrder(felt, 0.95, seededRandom(1))).toBe(false);
  });
});

describe("what happens to a live planner", () => {
  it("is the same every time it is played", () => {
    const options = { seed: 3, clusters: 12, services: 1, happenings: 8 };
    const first = playTransitions(options);
    expect(playTransitions(options)).toEqual(first);
    expect(first.flatMap(({ steps }) => steps).length).toBeGreaterThan(0);
  });

  it("is found unsafe where steps have no limit in loads", () => {
    const loose = { ...DEFAULT_SETTINGS, stepUtilisationMax: 9, routineStepWeight: 10_000, onloadMax: 9 };
    const played = playTransitions({ seed: 10, clusters: 50, services: 2, happenings: 12 }, loose);
    const worst = played.flatMap((transition) =>
      transition.steps.map((change) => fullestInWorstOrder(feltOf(change, transition))),
    );
    expect(Math.max(...worst)).toBeGreaterThan(1);
  });

  it("violates nothing in small", () => {
    const rows = transitionRows({ services: 3, happenings: 15, orders: 2_000 });
    const judged = rows.filter(({ aim, unit }) => aim !== "none" && unit === "orders");
    expect(judged.map(({ value, holds }) => ({ value, holds }))).toEqual(judged.map(() => ({ value: 0, holds: true })));
    expect(judged).toHaveLength(2);
    const atOnce = rows.filter(({ aim, unit }) => aim === "none" && unit === "orders");
    expect(atOnce.every(({ value }) => value > 0)).toBe(true);
  });

  it("moves less, and hardly costs more, with a dead band", () => {
    const day = diurnal(6);
    const morning = { ...day, services: day.services.slice(0, 48) };
    const band = staleDay(morning, DEFAULT_SETTINGS);
    const none = staleDay(morning, {
      ...DEFAULT_SETTINGS,
      moveGainMin: 0,
      returnGainMin: 0,
      limitSlack: 0,
      measuredDeadBand: 0,
    });
    expect(band.pushedSteps).toBeLessThan(none.pushedSteps * 0.5);
    expect(band.objectiveMs / none.objectiveMs).toBeLessThan(1.03);
    expect(band.servedShare).toBeGreaterThan(0.9999);
  });
});
