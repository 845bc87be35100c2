import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RegisterClusterRequestSchema } from "../../proto/gen/weir/v1/fleet_pb.ts";
import { ApplyServiceRequestSchema, Isolation, ServiceSpecSchema } from "../../proto/gen/weir/v1/traffic_pb.ts";
import type { Failover, Release, ServicePolicy, Tier } from "../../src/model/fleet-document.ts";
import type { ClusterId, ServiceId, Version } from "../../src/model/ids.ts";
import { DEFAULT_PACE_POLICY, DEFAULT_REQUEST_POLICY, OPEN_POLICY } from "../../src/model/service.ts";
import type { ServiceSpec } from "../../src/model/service.ts";
import { canonicalJson } from "../../src/wire/canonical-json.ts";
import { registerCluster } from "../../src/wire/cluster.ts";
import { applyService, toServiceSpec } from "../../src/wire/service.ts";

type Spec = MessageInitShape<typeof ServiceSpecSchema>;

const SPEC: Spec = {
  name: "shop/checkout",
  protocol: 1,
  port: 8_080,
  stableVersion: "v1",
  deployments: [{ destination: { cluster: "us-east", version: "v1" } }],
};

function apply(changes: Spec) {
  return applyService(create(ApplyServiceRequestSchema, { spec: { ...SPEC, ...changes } as never }));
}

/** The declaration that a message makes, or an error. */
function declared(changes: Spec): ServiceSpec {
  const result = apply(changes);
  if (!result.ok) throw new Error(`${result.refusal.code} ${result.refusal.field}: ${result.refusal.message}`);
  return result.value.spec;
}

/** What a client that reads the service would apply again. */
function again(spec: ServiceSpec): ServiceSpec {
  const bytes = toBinary(ServiceSpecSchema, create(ServiceSpecSchema, toServiceSpec(spec)));
  return declared(fromBinary(ServiceSpecSchema, bytes));
}

const clusters = fc
  .uniqueArray(fc.constantFrom("ap-south", "eu-west", "us-east"), { minLength: 1 })
  .map((names) => names.toSorted() as ClusterId[]);

const labelValues = fc.dictionary(
  fc.constantFrom("zone", "tier"),
  fc.uniqueArray(fc.constantFrom("a", "b", "c"), { minLength: 1 }).map((values) => values.toSorted()),
  { minKeys: 1, noNullPrototype: true },
);

const tiers = fc.uniqueArray(
  fc.constantFrom<Tier>(
    { kind: "own" },
    { kind: "cluster", cluster: "eu-west" as ClusterId },
    { kind: "cluster", cluster: "us-east" as ClusterId },
    { kind: "labels", labels: { zone: "a" } },
  ),
  { minLength: 1, selector: (tier) => JSON.stringify(tier) },
);

const failover: fc.Arbitrary<Failover> = fc.record({
  order: tiers,
  orderBySource: fc.dictionary(fc.constantFrom("ap-south", "us-east"), tiers, { noNullPrototype: true }),
  healthyMin: fc.integer({ min: 1, max: 10_000 }).map((weight) => weight / 10_000),
});

const policy: fc.Arbitrary<ServicePolicy> = fc
  .record(
    {
      isolation: fc.constantFrom("none" as const, "nearest" as const, "strict" as const),
      requiredLabels: fc.dictionary(fc.constantFrom("zone", "region", "tier"), fc.constantFrom("", "eu", "gold")),
      allowedClusters: clusters,
      maxShareWeight: fc.integer({ min: 1, max: 10_000 }),
      surviveLossOf: fc.oneof(fc.constantFrom("none" as const, "any" as const), clusters),
      allowedLabels: labelValues,
      deniedLabels: labelValues,
      failover,
      localityPenaltyMs: fc.dictionary(fc.constantFrom("region", "zone"), fc.integer({ min: 1, max: 90 }), {
        minKeys: 1,
        noNullPrototype: true,
      }),
    },
    { requiredKeys: ["isolation", "requiredLabels", "maxShareWeight", "surviveLossOf"] },
  )
  .map(({ maxShareWeight, ...found }) => ({
    ...found,
    // An order is refused beside isolation.
    isolation: found.failover === undefined ? found.isolation : "none",
    deniedClusters: [],
    maxShare: maxShareWeight / 10_000,
  }));

const release: fc.Arbitrary<Release> = fc
  .record({
    weight: fc.integer({ min: 1, max: 4_000 }),
    most: fc.integer({ min: 4_000, max: 10_000 }),
    headers: fc.dictionary(fc.constantFrom("x-canary", "x-team"), fc.constantFrom("", "1"), { noNullPrototype: true }),
  })
  .map(({ weight, most, headers }) => ({
    shares: { ["v2" as Version]: weight / 10_000 },
    maxSourceShare: most / 10_000,
    ...(Object.keys(headers).length > 0 && { matches: [{ version: "v2" as Version, headers }] }),
  }));

const spec: fc.Arbitrary<ServiceSpec> = fc.record(
  {
    service: fc.constant("shop/checkout" as ServiceId),
    protocol: fc.constant("http" as const),
    port: fc.constant(8_080),
    stableVersion: fc.constant("v1" as Version),
    deployments: fc
      .record(
        {
          capacityRps: fc.double({ min: 0, max: 1_000, noNaN: true, noDefaultInfinity: true }).map((rps) => rps + 0),
          curve: fc.record({
            kind: fc.constant("queue" as const),
            servers: fc.integer({ min: 1, max: 1_000_000 }),
            meanWorkMs: fc.double({ min: 0.001, max: 1_000, noNaN: true }),
            squaredVariation: fc.double({ min: 0, max: 100, noNaN: true }).map((variation) => variation + 0),
          }),
        },
        { requiredKeys: [] },
      )
      .map((found) => [
        { cluster: "us-east" as ClusterId, version: "v1" as Version, ...found },
        { cluster: "us-east" as ClusterId, version: "v2" as Version },
      ]),
    demandRps: fc.constant({}),
    request: fc.constant(DEFAULT_REQUEST_POLICY),
    pace: fc.constant(DEFAULT_PACE_POLICY),
    bytesPerRequest: fc.double({ min: 1, max: 1e12, noNaN: true }),
    objective: fc.oneof(
      fc.constantFrom("latency" as const, "price" as const),
      fc.double({ min: 1e-9, max: 1e6, noNaN: true }).map((dollarsPerRequestMs) => ({ dollarsPerRequestMs })),
    ),
    policy: policy.filter((found) => canonicalJson(found) !== canonicalJson(OPEN_POLICY)),
    release,
  },
  { requiredKeys: ["service", "protocol", "port", "stableVersion", "deployments", "demandRps", "request", "pace"] },
);

describe("what a service declares to be planned by", () => {
  it("comes back from the wire, and from JSON, as it was declared", () => {
    fc.assert(
      fc.property(spec, (found) => {
        expect(again(found)).toEqual(found);
        expect(JSON.parse(canonicalJson(found))).toEqual(JSON.parse(JSON.stringify(found)));
      }),
    );
  });

  it("has no field where it says what is the default anyway, so that old declarations are the same as new ones", () => {
    const plain = declared({});
    expect(plain).not.toHaveProperty("policy");
    expect(declared({ policy: {}, objective: {}, bytesPerRequest: 0 })).toEqual(plain);
    expect(again(plain)).toEqual(plain);
  });

  it("is shown in full, with its defaults", () => {
    expect(toServiceSpec(declared({}))).toMatchObject({
      bytesPerRequest: 0,
      objective: { objective: { case: "dollarsPerRequestMs", value: 1e-6 } },
      policy: { isolation: Isolation.NONE, requiredLabels: {}, deniedClusters: [], maxShareWeight: 10_000 },
    });
  });

  it("takes exponential work where no variation is given", () => {
    const destination = { cluster: "us-east", version: "v1" };
    const [found] = declared({ deployments: [{ destination, curve: { servers: 8, meanWorkMs: 20 } }] }).deployments;
    expect(found?.curve).toEqual({ kind: "queue", servers: 8, meanWorkMs: 20, squaredVariation: 1 });
  });

  const deployments = (curve: object): Spec => ({
    deployments: [
      { destination: { cluster: "us-east", version: "v1" }, curve: { servers: 1, meanWorkMs: 1, ...curve } },
    ],
  });
  const tierOf = (name: string) => ({ tier: { case: "cluster" as const, value: name } });
  const TWO_MORE: Spec = {
    deployments: ["v1", "v2", "v3"].map((version) => ({ destination: { cluster: "us-east", version } })),
  };
  const rate = (value: number): Spec => ({ objective: { objective: { case: "dollarsPerRequestMs", value } } });

  it.each<[string, Spec, string, string]>([
    ["a size below 0", { bytesPerRequest: -1 }, "FIELD_INVALID", "bytes_per_request"],
    ["a size that is no number", { bytesPerRequest: Number.NaN }, "FIELD_INVALID", "bytes_per_request"],
    ["a size above 1e12", { bytesPerRequest: 1.1e12 }, "FIELD_INVALID", "bytes_per_request"],
    ["an exchange rate of 0", rate(0), "FIELD_INVALID", "objective.dollars_per_request_ms"],
    ["an infinite exchange rate", rate(Infinity), "FIELD_INVALID", "objective.dollars_per_request_ms"],
    ["no servers", deployments({ servers: 0 }), "FIELD_INVALID", "deployments[0].curve.servers"],
    ["work of no time", deployments({ meanWorkMs: 0 }), "FIELD_INVALID", "deployments[0].curve.mean_work_ms"],
    [
      "work of no number",
      deployments({ meanWorkMs: Number.NaN }),
      "FIELD_INVALID",
      "deployments[0].curve.mean_work_ms",
    ],
    [
      "a variation below 0",
      deployments({ squaredVariation: -1 }),
      "FIELD_INVALID",
      "deployments[0].curve.squared_variation",
    ],
    ["an unknown isolation", { policy: { isolation: 9 as never } }, "UNKNOWN_ENUM", "policy.isolation"],
    ["a share above the whole", { policy: { maxShareWeight: 10_001 } }, "WEIGHT_TYPE", "policy.max_share_weight"],
    ["an empty label", { policy: { requiredLabels: { "": "eu" } } }, "FIELD_REQUIRED", "policy.required_labels key"],
    [
      "an empty list of allowed clusters",
      { policy: { allowedClusters: {} } },
      "EMPTY_SELECTOR",
      "policy.allowed_clusters",
    ],
    ["a wildcard", { policy: { allowedClusters: { clusters: ["*"] } } }, "BAD_NAME", "policy.allowed_clusters[0]"],
    ["a cluster denied twice", { policy: { deniedClusters: ["a", "a"] } }, "DUPLICATE_KEY", "policy.denied_clusters"],
    [
      "a cluster that is allowed and denied",
      { policy: { allowedClusters: { clusters: ["a"] }, deniedClusters: ["a"] } },
      "FIELD_INVALID",
      "policy.denied_clusters",
    ],
    ["a label of no value", { policy: { deniedLabels: { tier: {} } } }, "EMPTY_SELECTOR", "policy.denied_labels[tier]"],
    [
      "a value twice",
      { policy: { allowedLabels: { tier: { values: ["a", "a"] } } } },
      "DUPLICATE_KEY",
      "policy.allowed_labels[tier]",
    ],
    ["a failover without an order", { policy: { failover: {} } }, "FIELD_REQUIRED", "policy.failover"],
    ["a tier that is none", { policy: { failover: { order: [{}] } } }, "FIELD_REQUIRED", "policy.failover.order[0]"],
    [
      "a tier twice",
      { policy: { failover: { order: [tierOf("a"), tierOf("b"), tierOf("a")] } } },
      "DUPLICATE_KEY",
      "policy.failover.order",
    ],
    [
      "a tier of no label",
      { policy: { failover: { order: [{ tier: { case: "labels", value: {} } }] } } },
      "EMPTY_SELECTOR",
      "policy.failover.order[0].labels",
    ],
    [
      "an order beside isolation",
      { policy: { isolation: Isolation.NEAREST, failover: { order: [tierOf("a")] } } },
      "FIELD_INVALID",
      "policy.failover",
    ],
    [
      "a threshold above the whole",
      { policy: { failover: { order: [tierOf("a")], healthyMinWeight: 10_001 } } },
      "WEIGHT_TYPE",
      "policy.failover.healthy_min_weight",
    ],
    [
      "a penalty below 0",
      { policy: { localityPenaltyMs: { zone: -1 } } },
      "FIELD_INVALID",
      "policy.locality_penalty_ms[zone]",
    ],
    [
      "a release of the stable version",
      { release: { shareWeights: { v1: 1 } } },
      "FIELD_INVALID",
      "release.share_weights[v1]",
    ],
    [
      "a release of nothing that runs",
      { release: { shareWeights: { v9: 1 } } },
      "UNKNOWN_DESTINATION",
      "release.share_weights[v9]",
    ],
    [
      "more than everything released",
      { ...TWO_MORE, release: { shareWeights: { v2: 6_000, v3: 5_000 } } },
      "WEIGHTS_SUM",
      "release.share_weights",
    ],
    [
      "more released than a source may send",
      { ...TWO_MORE, release: { shareWeights: { v2: 600 }, maxSourceWeight: 500 } },
      "FIELD_INVALID",
      "release.max_source_weight",
    ],
    [
      "a match of every request",
      { ...TWO_MORE, release: { matches: [{ version: "v2" }] } },
      "EMPTY_SELECTOR",
      "release.matches[0].match.headers",
    ],
    [
      "a header of no name",
      { ...TWO_MORE, release: { matches: [{ version: "v2", match: { headers: { "X Canary": "1" } } }] } },
      "FIELD_INVALID",
      "release.matches[0].match.headers",
    ],
    [
      "a match of nothing that runs",
      { ...TWO_MORE, release: { matches: [{ version: "v9", match: { headers: { a: "1" } } }] } },
      "UNKNOWN_DESTINATION",
      "release.matches[0].version",
    ],
    ["a loss of nothing", { policy: { surviveLossOf: {} } }, "FIELD_REQUIRED", "policy.survive_loss_of"],
    [
      "a loss of no cluster",
      { policy: { surviveLossOf: { loss: { case: "clusters", value: {} } } } },
      "EMPTY_SELECTOR",
      "policy.survive_loss_of.clusters",
    ],
  ])("is refused with %s", (_, changes, code, field) => {
    expect(apply(changes)).toMatchObject({ ok: false, refusal: { code, field: `spec.${field}` } });
  });
});

describe("how many destinations a mesh takes", () => {
  const register = (maxDestinations?: number) =>
    registerCluster(
      create(RegisterClusterRequestSchema, {
        spec: { name: "eu-west", ...(maxDestinations === undefined ? {} : { maxDestinations }) },
      }),
      { secretHash: "h", nowMs: 0 },
    );

  it("is kept where it is declared, and is no field where it is not", () => {
    expect(register(16)).toMatchObject({ value: { spec: { maxDestinations: 16 } } });
    const endless = register();
    expect(endless.ok && endless.value.spec).not.toHaveProperty("maxDestinations");
    expect(register(0)).toMatchObject({ refusal: { code: "FIELD_INVALID", field: "spec.max_destinations" } });
  });
});

describe("the price of what leaves a cluster", () => {
  const register = (egressDollarsPerGb: Readonly<Record<string, number>>) =>
    registerCluster(create(RegisterClusterRequestSchema, { spec: { name: "eu-west", egressDollarsPerGb } }), {
      secretHash: "h",
      nowMs: 0,
    });

  it("is kept per cluster, and is no field where there is none", () => {
    expect(register({ "us-east": 0.02 })).toMatchObject({
      value: { spec: { egressDollarsPerGb: { "us-east": 0.02 } } },
    });
    const free = register({});
    expect(free.ok && free.value.spec).not.toHaveProperty("egressDollarsPerGb");
  });

  it.each([
    ["below 0", { "us-east": -0.01 }, "FIELD_INVALID", "spec.egress_dollars_per_gb[us-east]"],
    ["that is no number", { "us-east": Number.NaN }, "FIELD_INVALID", "spec.egress_dollars_per_gb[us-east]"],
    ["above a million", { "us-east": 1e7 }, "FIELD_INVALID", "spec.egress_dollars_per_gb[us-east]"],
    ["to no cluster", { "US east": 1 }, "BAD_NAME", "spec.egress_dollars_per_gb key"],
  ])("is refused %s", (_, prices, code, field) => {
    expect(register(prices)).toMatchObject({ ok: false, refusal: { code, field } });
  });
});
