import { status } from "@grpc/grpc-js";
import type { DescService } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ClusterService } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { Protocol } from "../../../proto/gen/weir/v1/plan_pb.ts";
import { Isolation, ServiceService, ShiftService } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { activate } from "../world/member.ts";
import { untilPlanned } from "./planned.ts";
import { startWorld } from "../world/world.ts";
import type { World } from "../world/world.ts";

const { INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION } = status;
const LIMIT_MS = 90_000;

let world: World;

beforeAll(async () => {
  world = await startWorld();
  await world.untilReady();
  for (const cluster of ["c1", "c2"]) await activate(world, cluster);
  await world.must(ServiceService, "applyService", { spec: { ...SPEC, policy: { deniedClusters: ["c2"] } } });
  await untilPlanned(world);
}, LIMIT_MS);
afterAll(async () => world.stop(), LIMIT_MS);

const at = (cluster: string) => ({ cluster, version: "v1" });
const SPEC = {
  name: "shop/checkout",
  protocol: Protocol.HTTP,
  port: 8_080,
  stableVersion: "v1",
  deployments: [{ destination: at("c1") }, { destination: at("c2") }],
  demandRps: { c1: 10, c2: 10 },
};

type Row = readonly [
  input: string,
  call: readonly [DescService, string, object],
  answer: readonly [number, string, string],
  wayOut: RegExp,
];

const apply = (change: object): Row[1] => [ServiceService, "applyService", { spec: { ...SPEC, ...change } }];
const policy = (change: object): Row[1] => apply({ policy: change });
const curve = (change: object, capacityRps?: number): Row[1] =>
  apply({
    deployments: [{ destination: at("c1"), capacityRps, curve: { servers: 8, meanWorkMs: 20, ...change } }],
  });
const prices = (egressDollarsPerGb: object): Row[1] => [
  ClusterService,
  "registerCluster",
  { spec: { name: "c3", egressDollarsPerGb } },
];
const shift = (method: string): Row[1] => {
  const split = { weights: [{ destination: at("c2"), weight: 10_000 }] };
  const target = { target: { case: "split", value: split } };
  return [ShiftService, method, { proposal: { service: "shop/checkout", sources: ["c1"], target, reason: "a test" } }];
};

const POLICY_ROWS: readonly Row[] = [
  [
    "an isolation that nobody knows",
    policy({ isolation: 9 }),
    [INVALID_ARGUMENT, "UNKNOWN_ENUM", "spec.policy.isolation"],
    /known: .*ISOLATION_NEAREST, ISOLATION_STRICT/,
  ],
  [
    "a share above 100 %",
    policy({ maxShareWeight: 10_001 }),
    [INVALID_ARGUMENT, "WEIGHT_TYPE", "spec.policy.max_share_weight"],
    /from 1 to 10000/,
  ],
  [
    "no allowed cluster",
    policy({ allowedClusters: {} }),
    [INVALID_ARGUMENT, "EMPTY_SELECTOR", "spec.policy.allowed_clusters"],
    /leave it out to mean any/,
  ],
  [
    "a wildcard for a cluster",
    policy({ deniedClusters: ["*"] }),
    [INVALID_ARGUMENT, "BAD_NAME", "spec.policy.denied_clusters[0]"],
    /may only have a-z/,
  ],
  [
    "a denied cluster that nobody knows",
    policy({ deniedClusters: ["mars"] }),
    [NOT_FOUND, "UNKNOWN_CLUSTER", "spec.policy.denied_clusters[0]"],
    /there are c1, c2/,
  ],
  [
    "a cluster that is allowed twice",
    policy({ allowedClusters: { clusters: ["c1", "c1"] } }),
    [INVALID_ARGUMENT, "DUPLICATE_KEY", "spec.policy.allowed_clusters"],
    /"c1" more than once/,
  ],
  [
    "a cluster that is allowed and denied",
    policy({ allowedClusters: { clusters: ["c1"] }, deniedClusters: ["c1"] }),
    [INVALID_ARGUMENT, "FIELD_INVALID", "spec.policy.denied_clusters"],
    /allowed_clusters names too/,
  ],
  [
    "a label without a key",
    policy({ requiredLabels: { "": "eu" } }),
    [INVALID_ARGUMENT, "FIELD_REQUIRED", "spec.policy.required_labels key"],
    /is required/,
  ],
  [
    "a label that no cluster could have",
    policy({ requiredLabels: { "-": "eu" } }),
    [INVALID_ARGUMENT, "FIELD_INVALID", 'spec.policy.required_labels["-"]'],
    /no Kubernetes label/,
  ],
  [
    "a loss of nobody",
    policy({ surviveLossOf: { loss: { case: "clusters", value: {} } } }),
    [INVALID_ARGUMENT, "EMPTY_SELECTOR", "spec.policy.survive_loss_of.clusters"],
    /names no cluster/,
  ],
  [
    "a loss that says nothing",
    policy({ surviveLossOf: {} }),
    [INVALID_ARGUMENT, "FIELD_REQUIRED", "spec.policy.survive_loss_of"],
    /set any or clusters/,
  ],
  [
    "a policy that leaves two callers nowhere to go",
    policy({ requiredLabels: { zone: "a" } }),
    [FAILED_PRECONDITION, "POLICY_FORBIDS", "spec.policy"],
    /^c1, c2 would have nowhere to go.*requiredLabels asks for zone=a.*widen the policy/,
  ],
  [
    "isolation of a caller from all there is",
    apply({ deployments: [{ destination: at("c1") }], policy: { isolation: Isolation.STRICT } }),
    [FAILED_PRECONDITION, "POLICY_FORBIDS", "spec.policy"],
    /^c2 would have nowhere to go, and has demand/,
  ],
  [
    "a shift to a denied cluster",
    shift("requestShift"),
    [FAILED_PRECONDITION, "POLICY_FORBIDS", "target.split.weights[0].destination"],
    /deniedClusters names it; send c1's requests elsewhere, or change the policy/,
  ],
  [
    "a preview of a shift to a denied cluster",
    shift("previewShift"),
    [FAILED_PRECONDITION, "POLICY_FORBIDS", "target.split.weights[0].destination"],
    /deniedClusters names it/,
  ],
];

const NUMBER_ROWS: readonly Row[] = [
  [
    "requests of -1 byte",
    apply({ bytesPerRequest: -1 }),
    [INVALID_ARGUMENT, "FIELD_INVALID", "spec.bytes_per_request"],
    /from 0 to 1000000000000/,
  ],
  [
    "time that is worth nothing",
    apply({ objective: { objective: { case: "dollarsPerRequestMs", value: 0 } } }),
    [INVALID_ARGUMENT, "FIELD_INVALID", "spec.objective.dollars_per_request_ms"],
    /above 0/,
  ],
  [
    "time of infinite worth",
    apply({ objective: { objective: { case: "dollarsPerRequestMs", value: Infinity } } }),
    [INVALID_ARGUMENT, "FIELD_INVALID", "spec.objective.dollars_per_request_ms"],
    /at most 1000000/,
  ],
  [
    "no servers",
    curve({ servers: 0 }),
    [INVALID_ARGUMENT, "FIELD_INVALID", "spec.deployments[0].curve.servers"],
    /from 1 to/,
  ],
  [
    "work of no time",
    curve({ meanWorkMs: 0 }),
    [INVALID_ARGUMENT, "FIELD_INVALID", "spec.deployments[0].curve.mean_work_ms"],
    /above 0/,
  ],
  [
    "a variation that is no number",
    curve({ squaredVariation: Number.NaN }),
    [INVALID_ARGUMENT, "FIELD_INVALID", "spec.deployments[0].curve.squared_variation"],
    /from 0 to 10000/,
  ],
  [
    "a capacity that its servers cannot serve",
    curve({}, 401),
    [INVALID_ARGUMENT, "FIELD_INVALID", "spec.deployments[0].capacity_rps"],
    /8 servers at 20 ms are full at 400 rps/,
  ],
  [
    "a price below 0",
    prices({ c1: -0.01 }),
    [INVALID_ARGUMENT, "FIELD_INVALID", "spec.egress_dollars_per_gb[c1]"],
    /from 0 to 1000000/,
  ],
  [
    "a price to no cluster",
    prices({ "c 1": 0.01 }),
    [INVALID_ARGUMENT, "BAD_NAME", "spec.egress_dollars_per_gb key"],
    /may only have a-z/,
  ],
];

describe("a policy or a number to plan by that cannot be", { timeout: LIMIT_MS }, () => {
  it.each([...POLICY_ROWS, ...NUMBER_ROWS])(
    "%s is refused, and nothing changes",
    async (_input, [service, method, body], [wanted, code, field], wayOut) => {
      const before = await world.state();
      const answer = await world.ask(service, method, body);
      expect(answer).toEqual({ status: wanted, code, field, message: expect.stringMatching(wayOut) as string });
      expect(await world.state()).toEqual(before);
    },
  );
});
