import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ClusterSchema, Membership, Verdict } from "../../proto/gen/weir/v1/fleet_pb.ts";
import type { Cluster } from "../../proto/gen/weir/v1/fleet_pb.ts";
import { Protocol } from "../../proto/gen/weir/v1/plan_pb.ts";
import {
  CapacityOrigin,
  CapacityStatusSchema,
  RoundTripStatusSchema,
  ServiceSchema,
  SourceStatusSchema,
} from "../../proto/gen/weir/v1/traffic_pb.ts";
import { liveDocument } from "../../src/cli/plan/live-document.ts";
import { readFleetDocument } from "../../src/io/yaml/fleet-document.ts";
import { writeFleetDocument } from "../../src/io/yaml/write-fleet-document.ts";

function cluster(name: string, more: Partial<Pick<Cluster, "membership" | "verdict" | "isCordoned">> = {}): Cluster {
  return create(ClusterSchema, {
    membership: Membership.ACTIVE,
    verdict: Verdict.HEALTHY,
    ...more,
    spec: {
      name,
      region: "eu",
      labels: { tier: "gold" },
      rttMs: name === "b" ? { a: 30 } : {},
      egressDollarsPerGb: { c: 0.02 },
    },
  });
}

const service = create(ServiceSchema, {
  spec: {
    name: "shop/checkout",
    protocol: Protocol.HTTP,
    port: 8080,
    stableVersion: "v1",
    bytesPerRequest: 1_000,
    objective: { objective: { case: "price", value: {} } },
    demandRps: { a: 5 },
    deployments: [
      { destination: { cluster: "a", version: "v1" }, capacityRps: 80, curve: { servers: 4, meanWorkMs: 40 } },
      { destination: { cluster: "b", version: "v1" }, curve: { servers: 4, meanWorkMs: 40, squaredVariation: 2 } },
      { destination: { cluster: "c", version: "v1" } },
    ],
  },
});

describe("liveDocument", () => {
  const learned = create(SourceStatusSchema, { service: "shop/checkout", cluster: "b", demandRps: 7 });
  const clusters = [
    cluster("a"),
    cluster("b", { isCordoned: true }),
    cluster("c", { verdict: Verdict.DEAD }),
    cluster("d", { membership: Membership.REGISTERED }),
  ];
  const { document, notes } = liveDocument({
    clusters,
    services: [service],
    sources: [learned],
    capacities: [],
    roundTrips: [],
  });

  it("says what is declared and reported, and what nobody declared beside it", () => {
    expect(document.clusters.map(({ name, state }) => `${name} ${state}`)).toEqual([
      "a active",
      "b cordoned",
      "c dead",
      "d dead",
    ]);
    expect(document.clusters[0]?.labels).toEqual({ region: "eu", tier: "gold" });
    expect(document.rttMs).toEqual({ a: { b: 30 } });
    expect(document.egressDollarsPerGb).toEqual({ a: { c: 0.02 }, b: { c: 0.02 }, d: { c: 0.02 } });
    expect(document.services[0]).toMatchObject({
      demandRps: { a: 5, b: 7 },
      objective: { dollarsPerRequestMs: (0.02 * 1_000) / 1e9 / 1_000 },
      destinations: [
        { cluster: "a", curve: { kind: "queue", servers: 3.2, meanWorkMs: 40, squaredVariation: 1 } },
        { cluster: "b", curve: { kind: "queue", servers: 4, meanWorkMs: 40, squaredVariation: 2 } },
        { cluster: "c", curve: { kind: "polynomial", baseMs: 20, coefficient: 0 } },
      ],
    });
    expect(notes).toEqual(["shop/checkout: nobody declares what c/v1 can serve; written as 20 ms without end"]);
  });

  it("carries what a policy prefers, a release, and how many destinations a mesh takes", () => {
    const narrow = create(ClusterSchema, {
      membership: Membership.ACTIVE,
      verdict: Verdict.HEALTHY,
      spec: { name: "a", maxDestinations: 16 },
    });
    const preferring = create(ServiceSchema, {
      spec: {
        name: "shop/cart",
        protocol: Protocol.HTTP,
        port: 8080,
        stableVersion: "v1",
        demandRps: { a: 5 },
        deployments: ["v1", "v2"].map((version) => ({ destination: { cluster: "a", version }, capacityRps: 10 })),
        policy: {
          deniedLabels: { tier: { values: ["test"] } },
          failover: { order: [{ tier: { case: "own", value: {} } }], healthyMinWeight: 5_000 },
          localityPenaltyMs: { region: 20 },
        },
        release: { shareWeights: { v2: 500 }, maxSourceWeight: 2_500 },
      },
    });
    const found = liveDocument({
      clusters: [narrow],
      services: [preferring],
      sources: [],
      capacities: [],
      roundTrips: [],
    });
    expect(found.document.clusters[0]?.maxDestinations).toBe(16);
    expect(found.document.services[0]).toMatchObject({
      policy: {
        deniedLabels: { tier: ["test"] },
        failover: { order: [{ kind: "own" }], orderBySource: {}, healthyMin: 0.5 },
        localityPenaltyMs: { region: 20 },
      },
      release: { shares: { v2: 0.05 }, maxSourceShare: 0.25 },
    });
    expect(found.notes).toEqual([
      "shop/cart: its failover orders are written as if all endpoints were ready; set readyShare where not",
    ]);
    expect(readFleetDocument(writeFleetDocument(found.document), "f")).toEqual({ ok: true, value: found.document });
  });

  it("writes what was learned as if it were declared, and says so", () => {
    const destination = { cluster: "c", version: "v1" };
    const capacity = { service: "shop/checkout", destination, origin: CapacityOrigin.LEARNED, capacityRps: 800 };
    const found = liveDocument({
      clusters,
      services: [service],
      sources: [],
      capacities: [create(CapacityStatusSchema, { ...capacity, meanWorkMs: 10, squaredVariation: 2 })],
      roundTrips: [create(RoundTripStatusSchema, { clusterA: "a", clusterB: "b", rttMs: 99 })],
    });
    expect(found.document.services[0]?.destinations[2]?.curve).toEqual({
      kind: "queue",
      servers: 8,
      meanWorkMs: 10,
      squaredVariation: 2,
    });
    expect(found.notes[0]).toBe(
      "shop/checkout: nobody declares what c/v1 can serve; written as 800 rps, as was learned from its load and utilisation",
    );
    // What is declared wins.
    expect(Object.values(found.document.rttMs)).toEqual([{ b: 30 }]);
  });

  it("is a file that reads back", () => {
    expect(readFleetDocument(writeFleetDocument(document), "f")).toEqual({ ok: true, value: document });
  });
});
