import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyOf, WEIGHT_TOTAL } from "../../src/model/destination.ts";
import type { Destination } from "../../src/model/destination.ts";
import type { Tier } from "../../src/model/fleet-document.ts";
import type { FleetState } from "../../src/model/fleet.ts";
import type { ClusterId, Version } from "../../src/model/ids.ts";
import { checkPlan } from "../../src/planner/check.ts";
import { anyPreferringFleet, healthyPreferringFleet, releases } from "./arbitrary-preferences.ts";
import { OPEN_POLICY } from "../../src/model/service.ts";
import { anyFleet } from "./arbitrary-fleet.ts";
import {
  aFleet,
  applied,
  changeCluster,
  changeService,
  committed,
  loads,
  planOf,
  serviceOf,
  UNPACED,
} from "./planning-fleet.ts";

const ALLOCATIONS = (["waterfall", "optimum"] as const).map((allocation) => ({
  allocation,
  SETTINGS: { ...UNPACED, routineStepWeight: 2_500, allocation },
}));

function orderFor(state: FleetState, source: string): readonly Tier[] {
  const { failover } = serviceOf(state).spec.policy ?? {};
  return new Map(Object.entries(failover?.orderBySource ?? {})).get(source) ?? failover?.order ?? [];
}

/** Position of the first tier that a destination is on, as the contract has it; -1: none. */
function tierOf(state: FleetState, source: string, { cluster }: Destination): number {
  const spec = state.clusters.get(cluster)?.spec;
  const labels: Readonly<Record<string, string | undefined>> = { region: spec?.region, ...spec?.labels };
  return orderFor(state, source).findIndex((tier) => {
    if (tier.kind === "own") return cluster === source;
    if (tier.kind === "cluster") return cluster === tier.cluster;
    return Object.entries(tier.labels).every(([name, value]) => labels[name] === value);
  });
}

function isAllowed(state: FleetState, source: string, destination: Destination): boolean {
  const { policy } = serviceOf(state).spec;
  const spec = state.clusters.get(destination.cluster)?.spec;
  const labels: Readonly<Record<string, string | undefined>> = { region: spec?.region, ...spec?.labels };
  const has = (name: string, values: readonly string[]): boolean => values.some((value) => labels[name] === value);
  return (
    Object.entries(policy?.allowedLabels ?? {}).every(([name, values]) => has(name, values)) &&
    !Object.entries(policy?.deniedLabels ?? {}).some(([name, values]) => has(name, values)) &&
    (orderFor(state, source).length === 0 || tierOf(state, source, destination) >= 0)
  );
}

function heldBy(
  state: FleetState,
  source: string,
): readonly { readonly destination: Destination; readonly weight: number }[] {
  const hash = serviceOf(state).released[source as ClusterId];
  return (hash === undefined ? undefined : state.routeSets.get(hash))?.rules.at(-1)?.routes ?? [];
}

describe.each(ALLOCATIONS)("any plan of a service that prefers something, by $allocation", ({ SETTINGS }) => {
  it("passes the independent checker on each of a bounded number of steps", () => {
    fc.assert(
      fc.property(anyPreferringFleet, (start) => {
        let state = start;
        for (let steps = 0; steps < 60; steps += 1) {
          const planning = planOf(state, SETTINGS);
          const done = committed(state, planning);
          expect(checkPlan(done.state, done.plan, SETTINGS)).toEqual({ ok: true, value: undefined });
          const next = applied(state, planning);
          const isStill =
            Object.values(serviceOf(next).released).join() === Object.values(serviceOf(state).released).join();
          if (planning.isFinalStep || isStill) return;
          state = next;
        }
        throw new Error("no end in 60 steps");
      }),
      { numRuns: 150 },
    );
  });

  it("sends no more to whom labels or an order keep out, falls back nowhere there, and fits its meshes", () => {
    fc.assert(
      fc.property(anyPreferringFleet, (state) => {
        const { splits, routeSets } = planOf(state, SETTINGS);
        for (const [source, split] of Object.entries(splits)) {
          const held = heldBy(state, source);
          for (const { destination, weight } of split) {
            const before = held.find((entry) => keyOf(entry.destination) === keyOf(destination))?.weight ?? 0;
            expect(weight).toBeLessThanOrEqual(isAllowed(state, source, destination) ? WEIGHT_TOTAL : before);
          }
          const most = state.clusters.get(source as ClusterId)?.maxDestinations ?? Infinity;
          expect(split.length).toBeLessThanOrEqual(Math.max(most, held.length));
        }
        for (const { cluster, rules } of Object.values(routeSets))
          for (const { fallback } of rules.flatMap(({ routes }) => routes))
            for (const { destination } of fallback) expect(isAllowed(state, cluster, destination)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("gives a reason for every weight", () => {
    fc.assert(
      fc.property(anyPreferringFleet, (state) => {
        const { splits, reasons } = planOf(state, SETTINGS);
        for (const [source, split] of Object.entries(splits))
          for (const { destination } of split)
            expect(
              reasons.some(({ cluster, destination: to }) => cluster === source && keyOf(to) === keyOf(destination)),
            ).toBe(true);
      }),
    );
  });
});

describe.each(ALLOCATIONS)("what prefers nothing, by $allocation", ({ SETTINGS }) => {
  it("is planned as if it had not been said", () => {
    fc.assert(
      fc.property(anyFleet, (state) => {
        const { spec } = serviceOf(state);
        const policy = {
          ...OPEN_POLICY,
          ...spec.policy,
          allowedLabels: {},
          deniedLabels: { nothing: ["at all"] },
          localityPenaltyMs: { region: 0 },
          ...((spec.policy?.isolation ?? "none") === "none" && {
            failover: { order: [], orderBySource: {}, healthyMin: 0.7 },
          }),
        };
        const release = { shares: { ["v2" as Version]: 0 }, maxSourceShare: 1 };
        const said = [...state.clusters.keys()].reduce(
          (fleet, name) => changeCluster(fleet, name, { maxDestinations: 10_000 }),
          changeService(state, { spec: { ...spec, policy, release } }),
        );
        const [plain, same] = [planOf(state, SETTINGS), planOf(said, SETTINGS)];
        expect(same.splits).toEqual(plain.splits);
        expect(same.routeSets).toEqual(plain.routeSets);
      }),
      { numRuns: 150 },
    );
  });
});

describe.each(ALLOCATIONS)("a first plan of a healthy service, by $allocation", ({ SETTINGS }) => {
  it("sends nobody to a later tier while one before it is whole and has room", () => {
    fc.assert(
      fc.property(healthyPreferringFleet, (state) => {
        fc.pre([...state.clusters.values()].every(({ maxDestinations }) => maxDestinations === undefined));
        const { spec, reported, demandRps } = serviceOf(state);
        const { splits } = planOf(state, SETTINGS);
        const load = loads(state, splits);
        const rounding = Object.values(demandRps).reduce((sum, rps) => sum + rps, 0) / WEIGHT_TOTAL + 1e-6;
        const isWhole = (destination: Destination) => (reported[keyOf(destination)]?.readyEndpoints ?? 10) === 10;
        for (const [source, split] of Object.entries(splits)) {
          if ((demandRps[source as ClusterId] ?? 0) === 0 || orderFor(state, source).length === 0) continue;
          for (const { destination } of split) {
            const earlier = spec.deployments.filter((found) => {
              const tier = tierOf(state, source, found);
              const its = spec.deployments.filter((other) => tierOf(state, source, other) === tier);
              return tier >= 0 && tier < tierOf(state, source, destination) && its.every(isWhole);
            });
            for (const found of earlier.filter((one) => isAllowed(state, source, one)))
              expect(load.get(keyOf(found)) ?? 0, `${source} passes over ${keyOf(found)}`).toBeGreaterThanOrEqual(
                (found.capacityRps ?? 0) * SETTINGS.utilisationMax - rounding,
              );
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("a release", () => {
  const fleets = fc
    .record({
      demands: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 4, maxLength: 4 }),
      stable: fc.array(fc.integer({ min: 100, max: 800 }), { minLength: 4, maxLength: 4 }),
      gray: fc.subarray([0, 1, 2, 3], { minLength: 1 }),
      rtts: fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 6, maxLength: 6 }),
      release: releases,
    })
    .map(({ demands, stable, gray, rtts, release }) => {
      const names = ["a", "b", "c", "d"];
      const [ab = 0, ac = 0, ad = 0, bc = 0, bd = 0, cd = 0] = rtts;
      const rttMs: readonly Record<string, number>[] = [{ b: ab, c: ac, d: ad }, { c: bc, d: bd }, { d: cd }, {}];
      const clusters = names.map((name, at) => [
        name,
        {
          demandRps: demands[at] ?? 0,
          versions: { v1: stable[at] ?? 0, ...(gray.includes(at) && { v2: 2_000 }) },
          rttMs: rttMs[at] ?? {},
        },
      ]);
      return { state: aFleet(Object.fromEntries(clusters), { release }), release };
    });

  it.each(ALLOCATIONS)(
    "keeps the versions' shares of all requests, and each source's most, by $allocation",
    ({ SETTINGS }) => {
      fc.assert(
        fc.property(fleets, ({ state, release }) => {
          const { splits } = planOf(state, SETTINGS);
          const { demandRps } = serviceOf(state);
          const weightOf = (source: string): number =>
            (splits[source as ClusterId] ?? []).reduce(
              (sum, { destination, weight }) => (destination.version === "v2" ? sum + weight : sum),
              0,
            );
          const sources = Object.entries(demandRps);
          const totalRps = sources.reduce((sum, [, rps]) => sum + rps, 0);
          const sentRps = sources.reduce((sum, [source, rps]) => sum + (weightOf(source) / WEIGHT_TOTAL) * rps, 0);
          const share = release.shares["v2" as Version] ?? 0;
          expect(Math.abs(sentRps - share * totalRps)).toBeLessThanOrEqual((2 * totalRps) / WEIGHT_TOTAL + 1e-6);
          for (const [source] of sources)
            expect(weightOf(source)).toBeLessThanOrEqual(release.maxSourceShare * WEIGHT_TOTAL + 1);
        }),
        { numRuns: 150 },
      );
    },
  );
});
