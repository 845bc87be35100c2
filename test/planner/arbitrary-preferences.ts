import * as fc from "fast-check";
import type { Failover, Release, ServicePolicy, Tier } from "../../src/model/fleet-document.ts";
import type { FleetState, Reported } from "../../src/model/fleet.ts";
import type { ClusterId, Version } from "../../src/model/ids.ts";
import { OPEN_POLICY } from "../../src/model/service.ts";
import { anyFleet, healthyFleet } from "./arbitrary-fleet.ts";
import { changeCluster, changeService, serviceOf } from "./planning-fleet.ts";

const NAMES = ["ap-south", "ca-east", "eu-west", "sa-east", "us-east"] as ClusterId[];

const tier: fc.Arbitrary<Tier> = fc.oneof(
  fc.constantFrom(...NAMES).map((cluster) => ({ kind: "cluster" as const, cluster })),
  fc.constantFrom<Tier>(
    { kind: "own" },
    { kind: "labels", labels: { zone: "a" } },
    { kind: "labels", labels: { zone: "b" } },
    { kind: "labels", labels: {} },
  ),
);
const order = fc.array(tier, { maxLength: 4 });

const failover: fc.Arbitrary<Failover> = fc.record({
  order,
  orderBySource: fc.dictionary(fc.constantFrom(...NAMES), order, { maxKeys: 2, noNullPrototype: true }),
  healthyMin: fc.constantFrom(0.5, 0.7, 1),
});

/** What a policy may prefer; labels as those fleets have them. */
export const preferences: fc.Arbitrary<Partial<ServicePolicy>> = fc.record(
  {
    failover,
    localityPenaltyMs: fc.constantFrom({ zone: 5 }, { region: 40 }, { region: 1_000, zone: 3 }),
    allowedLabels: fc.constantFrom({ zone: ["a", "b"] }, { region: ["eu-west", "us-east"] }),
    deniedLabels: fc.constantFrom({ zone: ["b"] }, { region: ["sa-east"], zone: ["c"] }),
  },
  { requiredKeys: [] },
);

export const releases: fc.Arbitrary<Release> = fc
  .record({ v2: fc.constantFrom(0.01, 0.05, 0.2, 1), maxSourceShare: fc.constantFrom(0.25, 0.5, 1) })
  .map(({ v2, maxSourceShare }) => ({
    shares: { ["v2" as Version]: Math.min(v2, maxSourceShare) },
    maxSourceShare,
  }));

interface Preferred {
  readonly state: FleetState;
  readonly policy: Partial<ServicePolicy>;
  readonly release: Release | undefined;
  readonly most: number | undefined;
  readonly ready: Readonly<Record<string, number>>;
}

function preferring({ state, policy, release, most, ready }: Preferred): FleetState {
  const { spec, reported } = serviceOf(state);
  const isOrdered = policy.failover !== undefined;
  const whole = { ...OPEN_POLICY, ...spec.policy, ...policy, ...(isOrdered && { isolation: "none" as const }) };
  const isReleasable = spec.deployments.some(({ version }) => version === "v2");
  const reports = Object.entries(ready).map(([key, readyEndpoints]): [string, Reported] => [
    key,
    {
      readyEndpoints,
      totalEndpoints: 10,
      ...(reported[key as keyof typeof reported]?.readyEndpoints === 0 && { readyEndpoints: 0 }),
    },
  ]);
  const changed = changeService(state, {
    spec: { ...spec, policy: whole, ...(release !== undefined && isReleasable && { release }) },
    reported: { ...reported, ...Object.fromEntries(reports) },
  });
  if (most === undefined) return changed;
  return [...state.clusters.keys()].reduce(
    (fleet, name) => changeCluster(fleet, name, { maxDestinations: most }),
    changed,
  );
}

function preferred(fleets: fc.Arbitrary<FleetState>): fc.Arbitrary<FleetState> {
  return fc
    .record({
      state: fleets,
      policy: preferences,
      release: fc.option(releases, { nil: undefined }),
      most: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      ready: fc.dictionary(
        fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom("v1", "v2")).map((parts) => parts.join("/")),
        fc.integer({ min: 1, max: 10 }),
        { maxKeys: 3, noNullPrototype: true },
      ),
    })
    .map(preferring);
}

/** Fleets in any condition whose service prefers something. */
export const anyPreferringFleet = preferred(anyFleet);

/** Healthy fleets whose service prefers something. */
export const healthyPreferringFleet = preferred(healthyFleet);
