import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_DOLLARS_PER_REQUEST_MS } from "../../../src/model/fleet-document.ts";
import type { DocumentService, FleetDocument } from "../../../src/model/fleet-document.ts";
import type { ClusterId, ServiceId, Version } from "../../../src/model/ids.ts";
import { computeFleet } from "../../../src/planner/compute/fleet.ts";

const NAMES = ["a", "b", "c", "d"] as ClusterId[];

const services: fc.Arbitrary<DocumentService> = fc
  .record({
    demands: fc.tuple(...NAMES.map(() => fc.oneof(fc.constant(0), fc.double({ min: 1, max: 900, noNaN: true })))),
    servers: fc.tuple(...NAMES.map(() => fc.integer({ min: 1, max: 40 }))),
    places: fc.subarray([0, 1, 2, 3], { minLength: 1 }),
    grayPlaces: fc.subarray([0, 1, 2, 3], { minLength: 1, maxLength: 2 }),
    isolation: fc.constantFrom("none", "none", "nearest", "strict"),
    grayShare: fc.constantFrom(0, 0.05, 0.2),
    bytesPerRequest: fc.constantFrom(0, 50_000),
  })
  .map(({ demands, servers, places, grayPlaces, isolation, grayShare, bytesPerRequest }) => {
    const site = (version: string) => (at: number) => ({
      cluster: NAMES[at] as ClusterId,
      version: version as Version,
      curve: { kind: "queue", servers: servers[at] ?? 1, meanWorkMs: 20, squaredVariation: 1.5 } as const,
    });
    return {
      name: "shop/checkout" as ServiceId,
      stableVersion: "v1" as Version,
      destinations: [...places.map(site("v1")), ...grayPlaces.map(site("v2"))],
      demandRps: Object.fromEntries(NAMES.map((name, at) => [name, demands[at] ?? 0])) as Record<ClusterId, number>,
      bytesPerRequest,
      objective: { dollarsPerRequestMs: DEFAULT_DOLLARS_PER_REQUEST_MS },
      policy: { isolation, requiredLabels: {}, deniedClusters: [], maxShare: 1, surviveLossOf: "none" as const },
      release: { shares: { ["v2" as Version]: grayShare }, maxSourceShare: 0.25 },
    };
  });

const fleets: fc.Arbitrary<FleetDocument> = fc
  .record({
    rtts: fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 6, maxLength: 6 }),
    states: fc.tuple(
      ...NAMES.map(() => fc.constantFrom("active" as const, "active" as const, "cordoned" as const, "dead" as const)),
    ),
    service: services,
  })
  .map(({ rtts, states, service }) => {
    const [ab = 0, ac = 0, ad = 0, bc = 0, bd = 0, cd = 0] = rtts;
    return {
      description: "",
      clusters: NAMES.map((name, at) => ({ name, labels: {}, state: states[at] ?? "active" })),
      rttMs: { a: { b: ab, c: ac, d: ad }, b: { c: bc, d: bd }, c: { d: cd } } as FleetDocument["rttMs"],
      localRttMs: 0.5,
      egressDollarsPerGb: { a: { b: 0.02, c: 0.08 }, b: { d: 0.04 } } as unknown as FleetDocument["egressDollarsPerGb"],
      services: [service],
      settings: { utilisationMax: 0.9 },
    };
  });

describe("computeFleet", () => {
  it("serves what may be served, within limits while there is room, and never worse than its fallbacks", () => {
    fc.assert(
      fc.property(fleets, (document) => {
        const [plan] = computeFleet(document).services;
        if (plan === undefined) throw new Error("a service has no plan");
        const served = plan.destinations.reduce((sum, { loadRps }) => sum + loadRps, 0);
        expect(served + plan.unservedRps).toBeCloseTo(plan.demandRps, 6);
        for (const { weights, demandRps, others } of plan.sources) {
          const stable = others.filter(({ destination }) => destination.version === "v1");
          const isShutOut = weights.length === 0 && stable.every(({ reason }) => reason.startsWith("is "));
          expect(weights.reduce((sum, { weight }) => sum + weight, 0)).toBe(isShutOut ? 0 : 10_000);
          const gray = weights.filter(({ destination }) => destination.version === "v2");
          expect(gray.reduce((sum, { weight }) => sum + weight, 0)).toBeLessThanOrEqual(2_502);
          expect(demandRps).toBeGreaterThan(0);
        }
        // With a release a basis point of every source may round onto one destination; without one, none does.
        const isReleased = (document.services[0]?.release?.shares["v2" as Version] ?? 0) > 0;
        const grain = isReleased ? plan.demandRps / 10_000 : 1e-6 * plan.demandRps;
        const overfull = plan.destinations.filter(({ loadRps, capacityRps }) => loadRps > 0.9 * capacityRps + grain);
        expect(plan.overLimitRps === 0 ? overfull : []).toEqual([]);
        const better = plan.fallbacks.filter(
          ({ objectiveMs, filling }) => filling <= 1 && objectiveMs < plan.objectiveMs * (1 - 1e-9),
        );
        expect(better).toEqual([]);
        expect(plan.boundMs).toBeLessThanOrEqual(plan.objectiveMs);
      }),
      { numRuns: 150 },
    );
  });

  it("says the same of the same fleet, in whatever order it is written", () => {
    fc.assert(
      fc.property(fleets, (document) => {
        const turned = {
          ...document,
          clusters: document.clusters.toReversed(),
          services: document.services.map((service) => ({
            ...service,
            destinations: service.destinations.toReversed(),
            demandRps: Object.fromEntries(Object.entries(service.demandRps).toReversed()) as typeof service.demandRps,
          })),
        };
        expect(computeFleet(turned)).toEqual(computeFleet(document));
      }),
      { numRuns: 50 },
    );
  });
});
