import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ClusterState } from "../../../src/model/cluster.ts";
import { WEIGHT_TOTAL } from "../../../src/model/destination.ts";
import type { FleetState } from "../../../src/model/fleet.ts";
import type { ServicePolicy } from "../../../src/model/fleet-document.ts";
import type { ClusterId, Version } from "../../../src/model/ids.ts";
import { isOpen } from "../../../src/planner/bounds.ts";
import { optimum } from "../../../src/planner/optimum.ts";
import { outlookOf } from "../../../src/planner/outlook.ts";
import { survivalOf } from "../../../src/planner/survival/survival.ts";
import { aFleet, changeService, CHECKOUT, serviceOf, UNPACED } from "../planning-fleet.ts";
import type { ClusterOptions } from "../planning-fleet.ts";

const NAMES = ["ap", "eu", "sa", "us"] as const;
const V1 = "v1" as Version;

const condition = fc.constantFrom<Partial<ClusterState>>(
  {},
  {},
  {},
  { verdict: "dead" },
  { verdict: "unknown" },
  { isCordoned: true },
  { isQuarantined: true },
  { ramp: { startedAtMs: 0, ceilingWeight: 2_500, changedAtMs: 0 } },
  { drain: { startedAtMs: 0, maxStepWeight: 2_500, bakeMs: 0, phase: "draining" } },
);

// Coarse numbers: fleets that just have room and fleets that just have none come up often.
const cluster: fc.Arbitrary<ClusterOptions> = fc.record({
  demandRps: fc.integer({ min: 0, max: 6 }).map((tens) => 10 * tens),
  versions: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 12 }).map((steps) => ({ v1: 12.5 * steps })) },
    { weight: 1, arbitrary: fc.constant({}) },
  ),
  labels: fc.constantFrom<Readonly<Record<string, string>>>({ zone: "a" }, { zone: "b" }),
  state: condition,
});

const policy: fc.Arbitrary<Partial<ServicePolicy>> = fc.oneof(
  fc.constant({}),
  fc.record(
    {
      isolation: fc.constantFrom("none" as const, "nearest" as const, "strict" as const),
      requiredLabels: fc.constantFrom({}, { zone: "a" }),
      maxShare: fc.constantFrom(1, 0.5, 0.75),
    },
    { requiredKeys: [] },
  ),
);

const fleet: fc.Arbitrary<FleetState> = fc
  .tuple(
    fc.tuple(cluster, cluster, cluster, cluster),
    policy,
    fc.array(fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...NAMES), fc.constantFrom(2_500, 5_000, 10_000)), {
      maxLength: 4,
    }),
  )
  .map(([options, bound, released]) =>
    aFleet(Object.fromEntries(NAMES.map((name, at) => [name, options[at] ?? {}])), {
      policy: bound,
      released: Object.fromEntries(
        released.map(([source, away, weight]) => [source, splitBetween(source, away, weight)]),
      ),
    }),
  );

function splitBetween(source: string, away: string, weight: number): Readonly<Record<string, number>> {
  if (source === away || weight === WEIGHT_TOTAL) return { [`${away}/v1`]: WEIGHT_TOTAL };
  return { [`${source}/v1`]: WEIGHT_TOTAL - weight, [`${away}/v1`]: weight };
}

/** Requests per second that the planner's own optimiser puts beyond limits and ceilings, where it has no other choice. */
function beyondLimits(state: FleetState): number {
  const sources = outlookOf(state, serviceOf(state))
    .filter(({ demandRps }) => demandRps > 0)
    .map((source) => ({ ...source, kept: new Map(), offers: source.offers.filter(isOpen) }));
  const { placements } = optimum.allocate({
    service: CHECKOUT,
    stableVersion: V1,
    sources,
    flows: sources.map(({ cluster: source }) => ({ source, version: V1, weight: WEIGHT_TOTAL })),
    utilisationMax: UNPACED.utilisationMax,
  });
  const demands = new Map(sources.map(({ cluster: name, demandRps }) => [name, demandRps]));
  const loads = new Map<ClusterId, number>();
  const [placed, forced] = [new Map<ClusterId, number>(), { rps: 0 }];
  for (const { flow, destination, weight, manner } of placements) {
    const rps = (weight / WEIGHT_TOTAL) * (demands.get(flow.source) ?? 0);
    placed.set(flow.source, (placed.get(flow.source) ?? 0) + rps);
    loads.set(destination.cluster, (loads.get(destination.cluster) ?? 0) + rps);
    if (manner === "last-resort") forced.rps += rps;
  }
  const unplaced = sources.map(({ cluster: name, demandRps }) => demandRps - (placed.get(name) ?? 0));
  const over = serviceOf(state).spec.deployments.map(
    ({ cluster: name, capacityRps }) => (loads.get(name) ?? 0) - (capacityRps ?? 0) * UNPACED.utilisationMax,
  );
  return forced.rps + [...unplaced, ...over].reduce((sum, rps) => sum + Math.max(0, rps), 0);
}

/** The fleet where the service runs in one cluster less, which still calls it. */
function without(state: FleetState, lost: ClusterId): FleetState {
  const { spec } = serviceOf(state);
  const deployments = spec.deployments.filter((found) => found.cluster !== lost);
  return changeService(state, { spec: { ...spec, deployments } });
}

describe("any fleet", () => {
  it("survives a loss exactly where the optimiser finds a division within all limits and ceilings", () => {
    const seen = { survived: 0, short: 0 };
    fc.assert(
      fc.property(fleet, (state) => {
        const { shortRps, losses } = survivalOf(state, serviceOf(state), UNPACED);
        expect(shortRps === 0).toBe(beyondLimits(state) < 1e-3);
        for (const loss of losses) {
          seen[loss.shortRps === 0 ? "survived" : "short"] += 1;
          expect([loss.cluster, loss.shortRps === 0]).toEqual([
            loss.cluster,
            beyondLimits(without(state, loss.cluster)) < 1e-3,
          ]);
        }
      }),
      { numRuns: 500 },
    );
    expect(Math.min(seen.survived, seen.short)).toBeGreaterThan(100);
  });

  it("lacks as much without a cluster as the same fleet in which the service does not run there", () => {
    fc.assert(
      fc.property(fleet, (state) => {
        for (const { cluster: lost, shortRps } of survivalOf(state, serviceOf(state), UNPACED).losses) {
          const after = without(state, lost);
          expect(survivalOf(after, serviceOf(after), UNPACED).shortRps).toBeCloseTo(shortRps, 6);
        }
      }),
    );
  });
});
