import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { placeable } from "../../../src/planner/survival/max-flow.ts";
import { computed } from "./documents.ts";

describe("placeable", () => {
  it("moves one crowd away to make room for another that has no choice", () => {
    const crowds = [
      { rps: 10, places: [0, 1] },
      { rps: 10, places: [0] },
    ];
    expect(placeable(crowds, [10, 10])).toBeCloseTo(20, 9);
    expect(placeable(crowds, [5, 20])).toBeCloseTo(15, 9);
  });

  it("is what the smallest cut lets through", () => {
    const crowd = fc.record({
      rps: fc.integer({ min: 0, max: 20 }),
      places: fc.subarray([0, 1, 2, 3]),
    });
    const rooms = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(crowd, { maxLength: 6 }), rooms, (crowds, room) => {
        // Hall's condition in numbers: every set of places may be what is missing.
        const cuts = Array.from({ length: 16 }, (_, set) => {
          const isIn = (place: number): boolean => ((set >> place) & 1) === 1;
          const shut = crowds.filter(({ places }) => places.every(isIn)).reduce((sum, { rps }) => sum + rps, 0);
          const open = crowds.reduce((sum, { rps }) => sum + rps, 0) - shut;
          return (
            open +
            Math.min(
              Infinity,
              room.reduce((sum, rps, place) => sum + (isIn(place) ? rps : 0), 0),
            )
          );
        });
        expect(placeable(crowds, room)).toBeCloseTo(Math.min(...cuts), 6);
      }),
      { numRuns: 500 },
    );
  });
});

describe("the loss of a cluster", () => {
  const THREE = `
clusters: [{name: a}, {name: b}, {name: c}]
rttMs: {a: {b: 5, c: 5}, b: {c: 5}}
settings: {utilisationMax: 90%}
services:
  - name: s/s
    demandRps: {a: 100, b: 60, c: 60}
    destinations: [{cluster: a, version: v1, capacityRps: 200}, {cluster: b, version: v1, capacityRps: 100}, {cluster: c, version: v1, capacityRps: 100}]
    policy: {surviveLossOf: [b]}
`;

  it("is stated with what finds no room within the limits", () => {
    const plan = computed(THREE);
    // 220 rps; without a 180 of room are left, without b or c 270.
    expect(plan.losses).toEqual([
      {
        cluster: "a",
        shortRps: expect.closeTo(40, 6) as number,
        shortAtOnceRps: expect.closeTo(40, 6) as number,
        isRequired: false,
      },
      { cluster: "b", shortRps: 0, shortAtOnceRps: 0, isRequired: true },
      { cluster: "c", shortRps: 0, shortAtOnceRps: 0, isRequired: false },
    ]);
    expect(plan.isLossSurvived).toBe(true);
    expect(plan.remarks).toEqual([]);
  });

  it("is said to be deadly when the policy wants it survived and nothing helps", () => {
    const plan = computed(THREE.replace("[b]", "any"));
    expect(plan.isLossSurvived).toBe(false);
    expect(plan.remarks).toEqual(["the loss of a is not survived: 40 rps would find no room; add capacity elsewhere"]);
  });

  it("falls back to the stable version where a released one is lost whole", () => {
    const plan = computed(
      THREE.replace(
        "[{cluster: a, version: v1",
        "[{cluster: c, version: v2, capacityRps: 50}, {cluster: a, version: v1",
      ).replace("    policy", "    stableVersion: v1\n    release: {shares: {v2: 10%}}\n    policy"),
    );
    expect(plan.losses.find(({ cluster }) => cluster === "c")).toMatchObject({ shortRps: 0, shortAtOnceRps: 0 });
  });

  it("has room kept free for it where requests could be elsewhere, at a stated price", () => {
    // a is slow, so that its callers rather go to b; but when c is lost, its callers can only go to b: a is cordoned.
    const text = (policy: string): string => `
clusters: [{name: a, state: cordoned}, {name: b}, {name: c}]
rttMs: {a: {b: 5, c: 50}, b: {c: 50}}
services:
  - name: s/s
    demandRps: {a: 50, c: 60}
    destinations:
      - {cluster: a, version: v1, servers: 40, meanWorkMs: 400}
      - {cluster: b, version: v1, servers: 2}
      - {cluster: c, version: v1, servers: 2}
    policy: ${policy}
`;
    const plain = computed(text("{}"));
    expect(plain.losses.find(({ cluster }) => cluster === "c")).toMatchObject({ shortRps: 0 });
    expect(plain.losses.find(({ cluster }) => cluster === "c")?.shortAtOnceRps).toBeGreaterThan(5);
    const kept = computed(text("{surviveLossOf: [c]}"));
    expect(kept.losses.find(({ cluster }) => cluster === "c")).toMatchObject({ shortAtOnceRps: 0 });
    expect(kept.isLossSurvived).toBe(true);
    expect(kept.objectiveMs).toBeGreaterThan(plain.objectiveMs);
    expect(kept.remarks).toEqual([
      expect.stringMatching(/^room is kept free for the losses that the policy names, which costs \d+\.\d+ %$/),
    ]);
    const kinds = kept.sources[0]?.weights.flatMap(({ reasons }) => reasons.map(({ kind }) => kind));
    expect(kinds).toContain("reserve");
  });
});
