import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyOf, WEIGHT_TOTAL } from "../../src/model/destination.ts";
import type { DestinationKey, Split } from "../../src/model/destination.ts";
import type { FleetState } from "../../src/model/fleet.ts";
import type { ClusterId } from "../../src/model/ids.ts";
import { checkPlan } from "../../src/planner/check.ts";
import { planServices } from "../../src/planner/plan.ts";
import { anyFleet, healthyFleet } from "./arbitrary-fleet.ts";
import { capacities, roundingOf, shuffled, splitsNow, total, worstOf } from "./plan-measures.ts";
import { applied, changeService, CHECKOUT, committed, loads, planOf, serviceOf, UNPACED } from "./planning-fleet.ts";

const ALLOCATIONS = (["waterfall", "optimum"] as const).map((allocation) => ({
  allocation,
  SETTINGS: { ...UNPACED, routineStepWeight: 2_500, allocation },
}));

describe.each(ALLOCATIONS)("any plan by $allocation", ({ SETTINGS }) => {
  it("passes the independent checker", () => {
    fc.assert(
      fc.property(anyFleet, (state) => {
        const done = committed(state, planOf(state, SETTINGS));
        expect(checkPlan(done.state, done.plan, SETTINGS)).toEqual({ ok: true, value: undefined });
      }),
      { numRuns: 500 },
    );
  });

  it("divides everything and nothing but everything, in whole basis points", () => {
    fc.assert(
      fc.property(anyFleet, (state) => {
        for (const split of Object.values(planOf(state, SETTINGS).splits)) {
          expect(total(split.map(({ weight }) => weight))).toBe(WEIGHT_TOTAL);
          expect(split.every(({ weight }) => Number.isInteger(weight) && weight > 0)).toBe(true);
        }
      }),
    );
  });

  it("is the same whatever order things are listed in", () => {
    fc.assert(
      fc.property(anyFleet, fc.integer(), (state, seed) => {
        expect(planServices(shuffled(state, seed), [CHECKOUT], SETTINGS)).toEqual(
          planServices(state, [CHECKOUT], SETTINGS),
        );
      }),
    );
  });

  it("gives a reason for every weight", () => {
    fc.assert(
      fc.property(anyFleet, (state) => {
        const { splits, reasons } = planOf(state, SETTINGS);
        for (const [cluster, split] of Object.entries(splits)) {
          for (const { destination } of split) {
            const found = reasons.filter(
              (reason) => reason.cluster === cluster && keyOf(reason.destination) === keyOf(destination),
            );
            expect(found, `${cluster} → ${keyOf(destination)}`).not.toEqual([]);
          }
        }
      }),
    );
  });

  it("never sends more where the policy forbids it, and falls back nowhere there", () => {
    fc.assert(
      fc.property(anyFleet, (state) => {
        const { routeSets } = planOf(state, SETTINGS);
        const before = splitsNow(state);
        for (const { cluster, rules } of Object.values(routeSets)) {
          const now = before[cluster] ?? [];
          const routes = rules.flatMap((rule) => rule.routes);
          for (const { destination, weight, fallback } of routes) {
            const had = now.find((entry) => keyOf(entry.destination) === keyOf(destination))?.weight ?? 0;
            expect(isAllowed(state, cluster, destination.cluster) || weight <= had).toBe(true);
            const strayed = fallback.filter((entry) => !isAllowed(state, cluster, entry.destination.cluster));
            expect(strayed).toEqual([]);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("comes to its end in a bounded number of steps, all of which pass the checker", () => {
    fc.assert(
      fc.property(anyFleet, (state) => {
        let now = state;
        let steps = 0;
        for (;;) {
          const planning = planOf(now, SETTINGS);
          const done = committed(now, planning);
          expect(checkPlan(done.state, done.plan, SETTINGS)).toEqual({ ok: true, value: undefined });
          const next = applied(now, planning);
          const isStill =
            Object.values(serviceOf(next).released).join() === Object.values(serviceOf(now).released).join();
          if (planning.isFinalStep || isStill) break;
          now = next;
          steps += 1;
          expect(steps).toBeLessThan(60);
        }
      }),
    );
  });
});

describe.each(ALLOCATIONS)("a healthy fleet, planned by $allocation", ({ SETTINGS }) => {
  it("stays under every threshold when all demand fits", () => {
    fc.assert(
      fc.property(healthyFleet, (state) => {
        const room = total(capacities(state).values()) * SETTINGS.utilisationMax;
        fc.pre(total(Object.values(serviceOf(state).demandRps)) <= room);
        const load = loads(state, planOf(state, SETTINGS).splits);
        for (const [key, capacityRps] of capacities(state))
          expect(load.get(key) ?? 0).toBeLessThanOrEqual(capacityRps * SETTINGS.utilisationMax + roundingOf(state));
      }),
    );
  });

  it("fills every cluster alike when demand does not fit", () => {
    fc.assert(
      fc.property(healthyFleet, (state) => {
        const room = total(capacities(state).values()) * SETTINGS.utilisationMax;
        const demand = total(Object.values(serviceOf(state).demandRps));
        fc.pre(demand > room);
        const load = loads(state, planOf(state, SETTINGS).splits);
        for (const [key, capacityRps] of capacities(state)) {
          const even = capacityRps * SETTINGS.utilisationMax * (demand / room);
          // Who is nearer may keep what is too little to be a reason to move.
          const most = even * (1 + SETTINGS.limitSlack) + roundingOf(state);
          expect(load.get(key) ?? 0).toBeLessThanOrEqual(most);
        }
      }),
    );
  });

  it("survives the loss of any one cluster on its fallbacks alone, where the others have room", () => {
    fc.assert(
      fc.property(healthyFleet, (state) => {
        const { routeSets } = planOf(state, SETTINGS);
        const demand = total(Object.values(serviceOf(state).demandRps));
        for (const lost of state.clusters.keys()) {
          const left = new Map([...capacities(state)].filter(([key]) => !key.startsWith(`${lost}/`)));
          if (demand > total(left.values()) * SETTINGS.utilisationMax) continue;
          const load = loads(state, fallenBack(routeSets, lost));
          expect(load.get(`${lost}/v1` as DestinationKey) ?? 0).toBe(0);
          for (const [key, capacityRps] of left)
            expect(load.get(key) ?? 0).toBeLessThanOrEqual(capacityRps * SETTINGS.utilisationMax + roundingOf(state));
        }
      }),
    );
  });

  it("never overloads anybody on the way to other demand, in whatever order steps are applied", () => {
    fc.assert(
      fc.property(
        healthyFleet,
        fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 5, maxLength: 5 }),
        (state, other) => {
          let now = applied(state, planOf(state, UNPACED));
          const demandRps = Object.fromEntries(
            [...state.clusters.keys()].map((name, index) => [name, other[index] ?? 0]),
          );
          now = changeService(now, { demandRps });
          fc.pre(total(Object.values(demandRps)) <= total(capacities(state).values()) * SETTINGS.utilisationMax);
          fc.pre(isWithin(now, splitsNow(now)));
          for (let step = 0; step < 60; step += 1) {
            const planning = planOf(now, SETTINGS);
            expect(isWithin(now, worstOf(splitsNow(now), planning.splits)), "within capacity in any order").toBe(true);
            now = applied(now, planning);
            if (planning.isFinalStep) return;
          }
          throw new Error("no end in 60 steps");
        },
      ),
    );
  });
});

/** Hard rules, as they are written in the contract. */
function isAllowed(state: FleetState, source: string, destination: string): boolean {
  const { policy } = serviceOf(state).spec;
  const spec = state.clusters.get(destination as ClusterId)?.spec;
  if (policy === undefined || spec === undefined) return true;
  const labels: Readonly<Record<string, string>> = { region: spec.region, ...spec.labels };
  return (
    (policy.isolation !== "strict" || source === destination) &&
    (policy.allowedClusters ?? [destination]).includes(destination as ClusterId) &&
    !policy.deniedClusters.includes(destination as ClusterId) &&
    Object.entries(policy.requiredLabels).every(([key, value]) => labels[key] === value)
  );
}

function isWithin(state: FleetState, splits: Readonly<Record<ClusterId, Split>>): boolean {
  const load = loads(state, splits);
  return [...capacities(state)].every(([key, capacityRps]) => (load.get(key) ?? 0) <= capacityRps + 1e-6);
}

function fallenBack(routeSets: ReturnType<typeof planOf>["routeSets"], lost: string): Readonly<Record<string, Split>> {
  return Object.fromEntries(
    Object.values(routeSets).map(({ cluster, rules }) => [
      cluster,
      (rules[0]?.routes ?? []).flatMap(({ destination, weight, fallback }) =>
        destination.cluster === lost
          ? fallback.map((entry) => ({ ...entry, weight: (entry.weight * weight) / WEIGHT_TOTAL }))
          : [{ destination, weight }],
      ),
    ]),
  );
}
