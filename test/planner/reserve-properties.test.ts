import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ClusterState } from "../../src/model/cluster.ts";
import type { DestinationKey } from "../../src/model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../../src/model/destination.ts";
import type { FleetState } from "../../src/model/fleet.ts";
import type { ServicePolicy } from "../../src/model/fleet-document.ts";
import type { ClusterId } from "../../src/model/ids.ts";
import type { RouteSet } from "../../src/model/plan.ts";
import type { Allocation } from "../../src/model/settings.ts";
import type { ServicePlanning } from "../../src/planner/plan.ts";
import { aFleet, applied, changeCluster, loads, planOf, serviceOf, UNPACED } from "./planning-fleet.ts";
import type { ClusterOptions } from "./planning-fleet.ts";

const NAMES = ["ap", "eu", "sa", "us"] as const;

const condition = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Partial<ClusterState>>({}) },
  { weight: 2, arbitrary: fc.constant<Partial<ClusterState>>({ isCordoned: true }) },
  { weight: 1, arbitrary: fc.constant<Partial<ClusterState>>({ verdict: "unknown" }) },
);

// Coarse numbers: fleets that just have room for a loss and fleets that just have none come up often.
const cluster: fc.Arbitrary<ClusterOptions> = fc.record({
  demandRps: fc.integer({ min: 0, max: 4 }).map((tens) => 10 * tens),
  versions: fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 2, max: 14 }).map((steps) => ({ v1: 12.5 * steps })) },
    { weight: 1, arbitrary: fc.constant({}) },
  ),
  rttMs: fc.record(Object.fromEntries(NAMES.map((name) => [name, fc.integer({ min: 1, max: 100 })]))),
  state: condition,
});

const policy: fc.Arbitrary<Partial<ServicePolicy>> = fc.record(
  {
    surviveLossOf: fc.oneof(
      fc.constant<"any">("any"),
      fc.subarray([...NAMES] as ClusterId[], { minLength: 1, maxLength: 2 }),
    ),
    isolation: fc.constantFrom("none" as const, "nearest" as const),
  },
  { requiredKeys: ["surviveLossOf"] },
);

const released = fc
  .array(fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...NAMES)), { maxLength: 4 })
  .map((pairs) => Object.fromEntries(pairs));

const fleet: fc.Arbitrary<FleetState> = fc
  .tuple(fc.tuple(cluster, cluster, cluster, cluster), policy, released)
  .map(([clusters, asked, sends]) => {
    const named = Object.fromEntries(NAMES.map((name, index) => [name, clusters[index] ?? {}]));
    const runs = (name: string): boolean => named[name]?.versions?.["v1"] !== undefined;
    const pairs = Object.entries(sends).filter(([, to]) => runs(to));
    const told = Object.fromEntries(pairs.map(([from, to]) => [from, { [`${to}/v1`]: WEIGHT_TOTAL }]));
    return aFleet(named, { policy: asked, released: told });
  });

interface Settled {
  readonly state: FleetState;
  readonly planning: ServicePlanning;
}

/** The fleet once nothing moves any more. */
function settled(start: FleetState, allocation: Allocation): Settled {
  let state = start;
  for (let step = 0; step < 200; step += 1) {
    const planning = planOf(state, { ...UNPACED, allocation });
    state = applied(state, planning);
    if (planning.isFinalStep) return { state, planning };
  }
  throw new Error("a plan never came to its end");
}

/** Requests per second on each destination while what a cluster served goes where its fallbacks say. */
function loadsAfterFallback({ state, planning }: Settled, lost: ClusterId): ReadonlyMap<DestinationKey, number> {
  const sums = new Map<DestinationKey, number>();
  const { demandRps } = serviceOf(state);
  for (const [source, { rules }] of Object.entries(planning.routeSets) as [ClusterId, RouteSet][])
    for (const { destination, weight, fallback } of rules.at(-1)?.routes ?? []) {
      const rps = (weight / WEIGHT_TOTAL) * (demandRps[source] ?? 0);
      const goes = destination.cluster === lost ? fallback : [{ destination, weight: WEIGHT_TOTAL }];
      for (const part of goes) {
        const key = keyOf(part.destination);
        sums.set(key, (sums.get(key) ?? 0) + (part.weight / WEIGHT_TOTAL) * rps);
      }
    }
  return sums;
}

/** By how much destinations get more than planning fills, beyond what they have anyway and what rounding to weights adds. */
function excess(state: FleetState, found: ReadonlyMap<DestinationKey, number>): number {
  const { spec, demandRps } = serviceOf(state);
  const grain = Object.values(demandRps).reduce((sum, rps) => sum + rps, 0) * (5 / WEIGHT_TOTAL);
  return spec.deployments.reduce((sum, deployment) => {
    const limit = (deployment.capacityRps ?? Infinity) * UNPACED.utilisationMax;
    return sum + Math.max(0, (found.get(keyOf(deployment)) ?? 0) - limit - grain);
  }, 0);
}

/** Whether a plan says why a loss is not survived. */
function isSaid({ planning }: Settled, lost: ClusterId): boolean {
  return planning.reasons.some(({ kind, text }) => kind === "reserve" && text.includes(`the loss of ${lost} be`));
}

function named(state: FleetState): readonly ClusterId[] {
  const asked = serviceOf(state).spec.policy?.surviveLossOf;
  const homes = serviceOf(state).spec.deployments.map(({ cluster: name }) => name);
  return homes.filter((name) => asked === "any" || asked?.includes(name));
}

describe.each(["waterfall", "optimum"] as const)("a fleet that is to survive losses, divided by %s", (allocation) => {
  it("outlives each of them by fallbacks or a new plan, or says why it does not", () => {
    let survived = 0;
    fc.assert(
      fc.property(fleet, (start) => {
        const now = settled(start, allocation);
        for (const lost of named(start)) {
          if (isSaid(now, lost)) continue;
          const byFallback = excess(now.state, loadsAfterFallback(now, lost));
          const dead = changeCluster(now.state, lost, { verdict: "dead" });
          const anew = settled(dead, allocation);
          const byPlan = excess(dead, loads(withoutCallers(dead, lost), anew.planning.splits));
          // Where there is too little room already, the loss of a cluster that serves nobody changes nothing.
          const before = excess(now.state, loads(now.state, now.planning.splits));
          expect(Math.min(byFallback, byPlan), `${lost} is lost`).toBeLessThanOrEqual(before);
          survived += 1;
        }
      }),
      { numRuns: 200 },
    );
    // Otherwise the property would hold of plans that never keep anything.
    expect(survived).toBeGreaterThan(100);
  });
});

describe.each(["waterfall", "optimum"] as const)("what is kept free, divided by %s", (allocation) => {
  it("overloads nobody who would have room otherwise, and moves nothing where no policy asks", () => {
    fc.assert(
      fc.property(fleet, (start) => {
        const open = withoutPolicy(start);
        const [kept, plain] = [settled(start, allocation), settled(open, allocation)];
        const excessOf = ({ state, planning }: Settled): number => excess(state, loads(state, planning.splits));
        expect(excessOf(kept)).toBeLessThanOrEqual(excessOf(plain) + 1e-9);
        expect(plain.planning.reasons.filter(({ kind }) => kind === "reserve")).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});

function withoutPolicy(state: FleetState): FleetState {
  const service = serviceOf(state);
  const { policy: asked, ...spec } = service.spec;
  const open = { ...spec, ...(asked !== undefined && { policy: { ...asked, surviveLossOf: "none" as const } }) };
  return { ...state, services: new Map([[spec.service, { ...service, spec: open }]]) };
}

/** A dead cluster's callers ask for nothing. */
function withoutCallers(state: FleetState, lost: ClusterId): FleetState {
  const service = serviceOf(state);
  const demandRps = { ...service.demandRps, [lost]: 0 };
  return { ...state, services: new Map([[service.spec.service, { ...service, demandRps }]]) };
}
