import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_DOLLARS_PER_REQUEST_MS } from "../../../src/model/fleet-document.ts";
import type { DocumentService, FleetDocument, Tier } from "../../../src/model/fleet-document.ts";
import type { ClusterId, ServiceId, Version } from "../../../src/model/ids.ts";
import { computeFleet } from "../../../src/planner/compute/fleet.ts";

const NAMES = ["a", "b", "c", "d"] as ClusterId[];
const LABELS: Readonly<Record<string, string>> = { a: "x", b: "x", c: "y", d: "z" };

const tier: fc.Arbitrary<Tier> = fc.oneof(
  fc.constantFrom(...NAMES).map((cluster) => ({ kind: "cluster" as const, cluster })),
  fc.constantFrom<Tier>({ kind: "own" }, { kind: "labels", labels: { zone: "x" } }, { kind: "labels", labels: {} }),
);
const order = fc.array(tier, { minLength: 1, maxLength: 4 });

const fleets: fc.Arbitrary<FleetDocument> = fc
  .record({
    demands: fc.tuple(...NAMES.map(() => fc.integer({ min: 0, max: 900 }))),
    capacities: fc.tuple(...NAMES.map(() => fc.integer({ min: 50, max: 900 }))),
    ready: fc.tuple(...NAMES.map(() => fc.constantFrom(1, 1, 0.5))),
    rtts: fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 6, maxLength: 6 }),
    order,
    single: fc.dictionary(fc.constantFrom(...NAMES), order, { maxKeys: 2, noNullPrototype: true }),
    most: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    localityPenaltyMs: fc.constantFrom<Readonly<Record<string, number>>>({}, { zone: 30 }),
  })
  .map(({ demands, capacities, ready, rtts, order: common, single, most, localityPenaltyMs }) => {
    const [ab = 0, ac = 0, ad = 0, bc = 0, bd = 0, cd = 0] = rtts;
    const service: DocumentService = {
      name: "shop/checkout" as ServiceId,
      stableVersion: "v1" as Version,
      destinations: NAMES.map((cluster, at) => ({
        cluster,
        version: "v1" as Version,
        curve: { kind: "queue", servers: (capacities[at] ?? 0) / 50, meanWorkMs: 20, squaredVariation: 1 },
        readyShare: ready[at] ?? 1,
      })),
      demandRps: Object.fromEntries(NAMES.map((name, at) => [name, demands[at] ?? 0])) as Record<ClusterId, number>,
      bytesPerRequest: 0,
      objective: { dollarsPerRequestMs: DEFAULT_DOLLARS_PER_REQUEST_MS },
      policy: {
        isolation: "none",
        requiredLabels: {},
        deniedClusters: [],
        maxShare: 1,
        surviveLossOf: "none",
        failover: { order: common, orderBySource: single, healthyMin: 0.7 },
        localityPenaltyMs,
      },
    };
    return {
      description: "",
      clusters: NAMES.map((name) => ({
        name,
        labels: { zone: LABELS[name] ?? "" },
        state: "active",
        ...(most !== undefined && { maxDestinations: most }),
      })),
      rttMs: { a: { b: ab, c: ac, d: ad }, b: { c: bc, d: bd }, c: { d: cd } } as FleetDocument["rttMs"],
      localRttMs: 0.5,
      egressDollarsPerGb: {},
      services: [service],
      settings: { utilisationMax: 0.9 },
    };
  });

/** Position of the first tier that a cluster is on, as the format has it; -1: none. */
function tierOf({ services: [service] }: FleetDocument, source: string, cluster: string): number {
  const { failover } = service?.policy ?? {};
  const tiers = new Map(Object.entries(failover?.orderBySource ?? {})).get(source) ?? failover?.order ?? [];
  return tiers.findIndex((found) => {
    if (found.kind === "own") return cluster === source;
    if (found.kind === "cluster") return found.cluster === cluster;
    return (found.labels["zone"] ?? LABELS[cluster]) === LABELS[cluster];
  });
}

describe("a document's plan with failover orders", () => {
  it("keeps to them: nobody off the order, no later tier while an earlier whole one has room, no more than a mesh takes", () => {
    fc.assert(
      fc.property(fleets, (document) => {
        const [plan] = computeFleet(document).services;
        const sites = document.services[0]?.destinations ?? [];
        const loads = new Map(plan?.destinations.map(({ destination, loadRps }) => [destination.cluster, loadRps]));
        const isFull = (cluster: ClusterId): boolean => {
          const found = plan?.destinations.find(({ destination }) => destination.cluster === cluster);
          return (loads.get(cluster) ?? 0) >= 0.9 * (found?.capacityRps ?? 0) - (plan?.demandRps ?? 0) / 5_000;
        };
        const isNarrow = document.clusters[0]?.maxDestinations !== undefined;
        for (const { cluster: source, weights } of plan?.sources ?? []) {
          expect(weights.length).toBeLessThanOrEqual(document.clusters[0]?.maxDestinations ?? Infinity);
          for (const { destination } of weights) {
            const own = tierOf(document, source, destination.cluster);
            expect(own).toBeGreaterThanOrEqual(0);
            const passed = sites.filter(({ cluster }) => {
              const at = tierOf(document, source, cluster);
              const isWhole = sites.every(
                (site) => tierOf(document, source, site.cluster) !== at || site.readyShare === 1,
              );
              return at >= 0 && at < own && isWhole;
            });
            expect(passed.filter(({ cluster }) => !isNarrow && !isFull(cluster))).toEqual([]);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
