import * as fc from "fast-check";
import type { ClusterState } from "../../src/model/cluster.ts";
import type { FleetState } from "../../src/model/fleet.ts";
import type { ServicePolicy } from "../../src/model/fleet-document.ts";
import type { ClusterId, ShiftId } from "../../src/model/ids.ts";
import type { InputsCause } from "../../src/model/fleet.ts";
import { apportion } from "../../src/planner/apportion.ts";
import type { ClusterOptions, SplitText } from "./planning-fleet.ts";
import { aFleet, aShift, CHECKOUT, destination, textOf, withShifts } from "./planning-fleet.ts";

const NAMES = ["ap-south", "ca-east", "eu-west", "sa-east", "us-east"] as const;

const capacity = fc.option(fc.integer({ min: 0, max: 500 }), { nil: undefined, freq: 4 });

const condition: fc.Arbitrary<Partial<ClusterState>> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  {
    weight: 4,
    arbitrary: fc.constantFrom<Partial<ClusterState>>(
      { verdict: "dead" },
      { verdict: "unknown" },
      { verdict: "degraded" },
      { isCordoned: true },
      { isQuarantined: true },
      { membership: "revoked" },
      { membership: "accepted" },
      { ramp: { startedAtMs: 0, ceilingWeight: 1_000, changedAtMs: 0 } },
      { drain: { startedAtMs: 0, maxStepWeight: 1_500, bakeMs: 0, phase: "draining" } },
      { drain: { startedAtMs: 0, maxStepWeight: 1_500, bakeMs: 0, phase: "draining", deadlineAtMs: 5 } },
    ),
  },
);

function cluster(state: fc.Arbitrary<Partial<ClusterState>>): fc.Arbitrary<ClusterOptions> {
  return fc.record({
    demandRps: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 400 })),
    versions: fc.oneof(
      { weight: 4, arbitrary: fc.record({ v1: capacity }) },
      { weight: 1, arbitrary: fc.record({ v1: capacity, v2: capacity }) },
      { weight: 1, arbitrary: fc.constant({}) },
    ),
    rttMs: fc.record({
      "ap-south": fc.integer({ min: 1, max: 200 }),
      "eu-west": fc.integer({ min: 1, max: 200 }),
    }),
    labels: fc.constantFrom<Readonly<Record<string, string>>>({}, { zone: "a" }, { zone: "b" }),
    state,
  });
}

/** Weights over some destinations that are deployed, in any proportion. */
function splitOver(keys: readonly string[]): fc.Arbitrary<SplitText> {
  return fc
    .array(fc.tuple(fc.constantFrom(...keys), fc.integer({ min: 1, max: 100 })), { minLength: 1, maxLength: 4 })
    .map((entries) =>
      textOf(
        apportion(
          [...new Map(entries)].map(([key, amount]) => ({ destination: destination(key), amount })),
          CHECKOUT,
        ),
      ),
    );
}

type Options = Readonly<Record<string, ClusterOptions>>;

function clustersOf(state: fc.Arbitrary<Partial<ClusterState>>): fc.Arbitrary<Options> {
  return fc
    .subarray([...NAMES], { minLength: 1 })
    .chain((names) =>
      fc
        .tuple(...names.map((name) => cluster(state).map((options) => [name, options] as const)))
        .map(Object.fromEntries),
    );
}

function deployedKeys(clusters: Options): readonly string[] {
  return Object.entries(clusters).flatMap(([name, { versions }]) =>
    Object.keys(versions ?? {}).map((version) => `${name}/${version}`),
  );
}

function perCluster<T>(clusters: Options, value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> {
  return fc
    .tuple(...Object.keys(clusters).map((name) => fc.option(value).map((found) => [name, found] as const)))
    .map((entries) => Object.fromEntries(entries.flatMap(([name, found]) => (found === null ? [] : [[name, found]]))));
}

const names = fc.subarray([...NAMES] as ClusterId[], { minLength: 1 });

/** Policies, half of them the one that binds nobody. Clusters have a label `zone`: see `ClusterOptions`. */
const policy: fc.Arbitrary<Partial<ServicePolicy>> = fc.oneof(
  fc.constant({}),
  fc.record(
    {
      isolation: fc.constantFrom("none" as const, "nearest" as const, "strict" as const),
      requiredLabels: fc.constantFrom({}, { zone: "a" }, { region: "eu-west" }),
      allowedClusters: names,
      deniedClusters: names,
      maxShare: fc.constantFrom(1, 0.6, 0.3, 0.0001),
      surviveLossOf: fc.oneof(fc.constantFrom("none" as const, "any" as const), names),
    },
    { requiredKeys: [] },
  ),
);

/** Fleets in any condition, part-way through anything. */
export const anyFleet: fc.Arbitrary<FleetState> = clustersOf(condition)
  .filter((clusters) => deployedKeys(clusters).length > 0)
  .chain((clusters) => {
    const keys = deployedKeys(clusters);
    return fc.record({
      clusters: fc.constant(clusters),
      pins: perCluster(clusters, splitOver(keys)),
      released: perCluster(clusters, splitOver(keys)),
      empty: fc.subarray([...keys]),
      phase: fc.constantFrom("progressing", "holding", "aborted", "completed"),
      inputsCause: fc.constantFrom<InputsCause | undefined>(undefined, "measured", "operator", "lost", "abort"),
      isFrozen: fc.boolean(),
      policy,
      sources: fc.subarray(Object.keys(clusters)),
    });
  })
  .map(({ clusters, pins, released, empty, phase, inputsCause, isFrozen, policy: bound, sources }) => {
    const readyEndpoints = Object.fromEntries(empty.map((key) => [key, 0]));
    const state = aFleet(clusters, {
      policy: bound,
      pins,
      released,
      readyEndpoints,
      maxStepWeight: 3_000,
      ...(inputsCause !== undefined && { state: { inputsCause } }),
    });
    const shift = aShift(sources, { shift: "shift-1" as ShiftId, phase, maxStepWeight: 2_000 });
    const shifted = withShifts(state, shift);
    return isFrozen && phase === "completed" ? { ...shifted, freeze: { sinceMs: 0, reason: "test" } } : shifted;
  });

/** Healthy fleets of one version, every capacity known, every cluster serving. */
export const healthyFleet: fc.Arbitrary<FleetState> = fc.subarray([...NAMES], { minLength: 2 }).chain((names) =>
  fc
    .tuple(
      ...names.map((name) =>
        fc
          .record({
            demandRps: fc.integer({ min: 0, max: 400 }),
            versions: fc.record({ v1: fc.integer({ min: 1, max: 800 }) }),
            rttMs: fc.record({ "eu-west": fc.integer({ min: 1, max: 200 }) }),
          })
          .map((options) => [name, options] as const),
      ),
    )
    .map((entries) => aFleet(Object.fromEntries(entries))),
);
