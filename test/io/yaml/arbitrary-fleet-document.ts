import * as fc from "fast-check";
import type {
  DocumentCluster,
  DocumentService,
  Failover,
  FleetDocument,
  LoadCurve,
  Matrix,
  ServicePolicy,
  Tier,
} from "../../../src/model/fleet-document.ts";
import type { ClusterId, ServiceId, Version } from "../../../src/model/ids.ts";
import { badName } from "../../../src/model/names.ts";

const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,6}[a-z0-9])?$/).filter((text) => badName(text) === undefined);
const amount = fc.double({ min: 0, max: 1e9, noNaN: true }).map((value) => value + 0);
const share = fc.double({ min: 0.01, max: 1, noNaN: true });
const text = fc.string({ unit: "grapheme-ascii", maxLength: 12 });

const queue: fc.Arbitrary<LoadCurve> = fc.record({
  kind: fc.constant("queue" as const),
  servers: amount,
  meanWorkMs: fc.double({ min: 0.01, max: 1e6, noNaN: true }),
  squaredVariation: amount,
});
const polynomial: fc.Arbitrary<LoadCurve> = fc.record(
  {
    kind: fc.constant("polynomial" as const),
    baseMs: amount,
    coefficient: amount,
    exponent: fc.double({ min: 1, max: 8, noNaN: true }),
    capacityRps: amount,
  },
  { requiredKeys: ["kind", "baseMs", "coefficient", "exponent"] },
);

/** Any document that the reader must take. */
export const fleetDocuments: fc.Arbitrary<FleetDocument> = fc
  .uniqueArray(name, { minLength: 1, maxLength: 5 })
  .chain((names) =>
    fc.record({
      description: text,
      clusters: fc.tuple(...names.map((id) => clusterOf(id as ClusterId))),
      rttMs: matrixOf(names, { isOneWay: true }),
      localRttMs: amount,
      egressDollarsPerGb: matrixOf(names, { isOneWay: false }),
      services: servicesOf(names as ClusterId[]),
      settings: fc.record({ utilisationMax: share }),
    }),
  );

function clusterOf(id: ClusterId): fc.Arbitrary<DocumentCluster> {
  return fc.record(
    {
      name: fc.constant(id),
      labels: fc.dictionary(text, text, { maxKeys: 2, noNullPrototype: true }),
      state: fc.constantFrom("active", "cordoned", "draining", "dead"),
      maxDestinations: fc.integer({ min: 1, max: 9 }),
    },
    { requiredKeys: ["name", "labels", "state"] },
  );
}

function matrixOf(names: readonly string[], { isOneWay }: { readonly isOneWay: boolean }): fc.Arbitrary<Matrix> {
  const pairs = names.flatMap((a, at) =>
    names.flatMap((b, other) => (a === b || (isOneWay && at > other) ? [] : [[a, b] as const])),
  );
  return fc.subarray(pairs).chain((chosen) =>
    fc.array(amount, { minLength: chosen.length, maxLength: chosen.length }).map((values) => {
      const matrix: Record<string, Record<string, number>> = {};
      for (const [index, [a, b]] of chosen.entries()) matrix[a] = { ...matrix[a], [b]: values[index] ?? 0 };
      return matrix;
    }),
  );
}

function servicesOf(names: readonly ClusterId[]): fc.Arbitrary<readonly DocumentService[]> {
  return fc
    .uniqueArray(
      fc.tuple(name, name).map(([space, own]) => `${space}/${own}` as ServiceId),
      { maxLength: 3 },
    )
    .chain((ids) => fc.tuple(...ids.map((id) => serviceOf(id, names))));
}

function serviceOf(id: ServiceId, names: readonly ClusterId[]): fc.Arbitrary<DocumentService> {
  const [first] = names as readonly [ClusterId];
  return fc
    .record(
      {
        name: fc.constant(id),
        stableVersion: fc.constant("v1" as Version),
        demandRps: fc.dictionary(fc.constantFrom(...names), amount, { noNullPrototype: true }),
        bytesPerRequest: amount,
        objective: fc.record({
          dollarsPerRequestMs: fc.oneof(
            fc.constantFrom(Infinity, 1e-6),
            fc.double({ min: 1e-12, max: 1, noNaN: true }),
          ),
        }),
        policy: policies(names),
        elsewhere: fc.uniqueArray(fc.tuple(fc.constantFrom(...names), fc.constantFrom("v1", "v2")), {
          selector: ([cluster, version]) => `${cluster}/${version}`,
        }),
        curves: fc.infiniteStream(fc.oneof(queue, polynomial)),
        release: fc.record({
          shares: fc.double({ min: 0, max: 0.3, noNaN: true }).map((v2) => ({ v2: v2 + 0 }) as Record<Version, number>),
          maxSourceShare: fc.double({ min: 0.3, max: 1, noNaN: true }),
          matches: fc.constant([{ version: "v2" as Version, headers: { "x-canary": "1" } }]),
        }),
      },
      {
        requiredKeys: [
          "name",
          "stableVersion",
          "demandRps",
          "bytesPerRequest",
          "objective",
          "policy",
          "elsewhere",
          "curves",
        ],
      },
    )
    .map(({ elsewhere, curves, release, ...service }) => {
      // The first cluster, which every policy here allows, runs both versions.
      const others = elsewhere.filter(([cluster]) => cluster !== first);
      const places = [[first, "v1"] as const, [first, "v2"] as const, ...others];
      const destinations = places.map(([cluster, version]) => ({
        cluster,
        version: version as Version,
        curve: curves.next().value,
        ...(version === "v2" ? { readyShare: 0.25 } : {}),
      }));
      return { ...service, destinations, ...(release === undefined ? {} : { release }) };
    });
}

function policies(names: readonly ClusterId[]): fc.Arbitrary<ServicePolicy> {
  const [first, ...others] = names as readonly [ClusterId, ...ClusterId[]];
  return fc
    .record(
      {
        isolation: fc.constantFrom("none", "nearest", "strict"),
        requiredLabels: fc.constant({}),
        deniedLabels: fc.dictionary(fc.constantFrom("tier", "provider"), fc.uniqueArray(name, { minLength: 1 }), {
          minKeys: 1,
          noNullPrototype: true,
        }),
        failover: failovers(names),
        localityPenaltyMs: fc.dictionary(fc.constantFrom("region", "zone"), amount, {
          minKeys: 1,
          noNullPrototype: true,
        }),
        allowedClusters: fc.subarray(others).map((chosen) => [first, ...chosen]),
        deniedClusters: fc.subarray(others),
        maxShare: share,
        surviveLossOf: fc.oneof(fc.constantFrom("none" as const, "any" as const), fc.subarray([...names])),
      },
      { requiredKeys: ["isolation", "requiredLabels", "deniedClusters", "maxShare", "surviveLossOf"] },
      // An order is refused beside isolation.
    )
    .map((policy) => (policy.failover === undefined ? policy : { ...policy, isolation: "none" as const }));
}

/** Orders that name the first cluster, which serves everybody. */
function failovers(names: readonly ClusterId[]): fc.Arbitrary<Failover> {
  const [first, ...others] = names as readonly [ClusterId, ...ClusterId[]];
  const more: readonly Tier[] = [
    { kind: "own" },
    { kind: "labels", labels: { tier: "gold" } },
    ...others.map((cluster): Tier => ({ kind: "cluster", cluster })),
  ];
  const order = fc
    .shuffledSubarray([...more])
    .map((tiers): readonly Tier[] => [{ kind: "cluster", cluster: first }, ...tiers]);
  return fc.record({
    order,
    orderBySource: fc.dictionary(fc.constantFrom(...names), order, { noNullPrototype: true }),
    healthyMin: share,
  });
}
