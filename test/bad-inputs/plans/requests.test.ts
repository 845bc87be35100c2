import { status } from "@grpc/grpc-js";
import type { DescService } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ClusterService, ForceMode } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { Protocol } from "../../../proto/gen/weir/v1/plan_pb.ts";
import { ServiceService, ShiftService } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { Preserialized } from "../../../src/wire/rpc.ts";
import { untilPlanned } from "./planned.ts";
import { activate } from "../world/member.ts";
import { startWorld } from "../world/world.ts";
import type { World } from "../world/world.ts";

const { INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, ABORTED } = status;
const LIMIT_MS = 90_000;

let world: World;

beforeAll(async () => {
  world = await startWorld();
  await world.untilReady();
  for (const cluster of ["c1", "c2"]) await activate(world, cluster);
  await world.must(ServiceService, "applyService", { spec: SPEC });
  await untilPlanned(world);
}, LIMIT_MS);
afterAll(async () => world.stop(), LIMIT_MS);

const at = (cluster: string, version = "v1") => ({ cluster, version });
const SPEC = {
  name: "shop/checkout",
  protocol: Protocol.HTTP,
  port: 8_080,
  stableVersion: "v1",
  deployments: [{ destination: at("c1") }, { destination: at("c2") }],
};

/** A shift of c1's callers; `weights` are pairs of cluster and basis points. */
function shift(weights: readonly (readonly [string, number])[], change: object = {}) {
  const split = { weights: weights.map(([cluster, weight]) => ({ destination: at(cluster), weight })) };
  const target = { target: { case: "split", value: split } };
  return { proposal: { service: "shop/checkout", sources: ["c1"], target, reason: "a test", ...change } };
}

/** The bytes of a field of the type varint. */
const varint = (field: number, value: bigint): readonly number[] => [
  ...digitsOf(BigInt(field << 3)),
  ...digitsOf(value),
];

function digitsOf(value: bigint): readonly number[] {
  return value < 128n ? [Number(value)] : [Number(value & 127n) | 128, ...digitsOf(value >> 7n)];
}

type Row = readonly [
  number: string,
  input: string,
  call: readonly [DescService, string, object],
  answer: readonly [number, string, string],
  wayOut: RegExp,
];

const request = (body: object): Row[2] => [ShiftService, "requestShift", body];
const apply = (spec: object): Row[2] => [ServiceService, "applyService", { spec: { ...SPEC, ...spec } }];
const registration = (name: string): Row[2] => [ClusterService, "registerCluster", { spec: { name } }];
const WEIGHTS = "proposal.target.split.weights";

const WEIGHT_ROWS: readonly Row[] = [
  [
    "1",
    "weights that sum to 9 999",
    request(
      shift([
        ["c1", 4_999],
        ["c2", 5_000],
      ]),
    ),
    [INVALID_ARGUMENT, "WEIGHTS_SUM", WEIGHTS],
    /sum to 9999; they must sum to 10000/,
  ],
  [
    "1",
    "weights that sum to 10 001",
    request(
      shift([
        ["c1", 5_001],
        ["c2", 5_000],
      ]),
    ),
    [INVALID_ARGUMENT, "WEIGHTS_SUM", WEIGHTS],
    /sum to 10001; they must sum to 10000/,
  ],
  [
    "2",
    "a weight above 100 %",
    request(shift([["c1", 10_001]])),
    [INVALID_ARGUMENT, "WEIGHT_TYPE", `${WEIGHTS}[0].weight`],
    /is 10001; an integer from 0 to 10000/,
  ],
  [
    "2",
    "a weight of 2^32 - 1, which is also what -1 looks like",
    request(shift([["c1", 4_294_967_295]])),
    [INVALID_ARGUMENT, "WEIGHT_TYPE", `${WEIGHTS}[0].weight`],
    /an integer from 0 to 10000/,
  ],
  [
    "2",
    "a step above 100 %",
    request(shift([["c2", 10_000]], { maxStepWeight: 10_001 })),
    [INVALID_ARGUMENT, "WEIGHT_TYPE", "proposal.max_step_weight"],
    /from 1 to 10000/,
  ],
  [
    "3",
    "weights that are all 0",
    request(
      shift([
        ["c1", 0],
        ["c2", 0],
      ]),
    ),
    [FAILED_PRECONDITION, "NO_SERVING_TARGET", WEIGHTS],
    /give at least one/,
  ],
  [
    "3",
    "no weights at all",
    request(shift([])),
    [FAILED_PRECONDITION, "NO_SERVING_TARGET", WEIGHTS],
    /give at least one/,
  ],
  ["4", "an empty shift", request({}), [INVALID_ARGUMENT, "EMPTY_PLAN", "proposal"], /name a service/],
  ["4", "an empty proposal", request({ proposal: {} }), [INVALID_ARGUMENT, "EMPTY_PLAN", "proposal"], /name a service/],
  [
    "4",
    "an empty service",
    [ServiceService, "applyService", {}],
    [INVALID_ARGUMENT, "EMPTY_PLAN", "spec"],
    /name a service and where it runs/,
  ],
];

const NAME_ROWS: readonly Row[] = [
  [
    "10",
    "a shift from an unknown cluster",
    request(shift([["c2", 10_000]], { sources: ["mars"] })),
    [NOT_FOUND, "UNKNOWN_CLUSTER", "sources[0]"],
    /there are c1, c2/,
  ],
  [
    "10",
    "a deployment in an unknown cluster",
    apply({ deployments: [{ destination: at("mars") }] }),
    [NOT_FOUND, "UNKNOWN_CLUSTER", "spec.deployments[0].destination.cluster"],
    /there are c1, c2/,
  ],
  [
    "10",
    "a drain of an unknown cluster",
    [ClusterService, "drainCluster", { cluster: "mars" }],
    [NOT_FOUND, "UNKNOWN_CLUSTER", "cluster"],
    /there are c1, c2/,
  ],
  ...(
    [
      ["a dot", "c.1", /may only have a-z/],
      ["a star", "c*", /may only have a-z/],
      ["a greater-than sign", "c>", /may only have a-z/],
      ["a space", "c 1", /may only have a-z/],
      ["a slash", "c/1", /may only have a-z/],
      ["capitals", "C1", /may only have a-z/],
      ["254 characters", "c".repeat(254), /has 254 characters; at most 63/],
      ["an emoji", "c1🙂", /may only have a-z/],
      ["a right-to-left mark", "c1\u200f", /\\u200f.*may only have a-z/],
      ["a NUL", "c1\u0000", /\\u0000.*may only have a-z/],
      ["a dash at the end", "c1-", /ends with a letter or digit/],
      ["nothing", "", /is empty/],
      ["a name that every object has", "constructor", /is reserved/],
    ] as const
  ).map(([what, name, words]): Row => [
    "11",
    `a name with ${what}`,
    registration(name),
    [INVALID_ARGUMENT, "BAD_NAME", "spec.name"],
    words,
  ]),
  [
    "12",
    "a look-alike of an existing cluster",
    registration("с1"),
    [INVALID_ARGUMENT, "BAD_NAME", "spec.name"],
    /\\u0441/,
  ],
  [
    "12",
    "a look-alike as a destination",
    request(shift([["с1", 10_000]])),
    [INVALID_ARGUMENT, "BAD_NAME", `${WEIGHTS}[0].destination.cluster`],
    /\\u0441/,
  ],
  [
    "13",
    "no sources",
    request(shift([["c2", 10_000]], { sources: [] })),
    [INVALID_ARGUMENT, "EMPTY_SELECTOR", "proposal.sources"],
    /name the clusters/,
  ],
  [
    "13",
    "an empty selector",
    [ClusterService, "listClusters", { selector: "" }],
    [INVALID_ARGUMENT, "EMPTY_SELECTOR", "selector"],
    /\w/,
  ],
  [
    "13",
    "a selector that matches none",
    [ClusterService, "listClusters", { selector: "tier=gold" }],
    [NOT_FOUND, "SELECTOR_MATCHES_NONE", "selector"],
    /\w/,
  ],
];

const NUMBER_ROWS: readonly Row[] = [
  [
    "7",
    "a destination twice",
    request(
      shift([
        ["c1", 5_000],
        ["c1", 5_000],
      ]),
    ),
    [INVALID_ARGUMENT, "DUPLICATE_KEY", WEIGHTS],
    /c1\/v1 more than once/,
  ],
  [
    "7",
    "a deployment twice",
    apply({ deployments: [{ destination: at("c1") }, { destination: at("c1") }] }),
    [INVALID_ARGUMENT, "DUPLICATE_KEY", "spec.deployments"],
    /c1\/v1 more than once/,
  ],
  [
    "18",
    "an older resource version",
    [ServiceService, "applyService", { spec: SPEC, expectedResourceVersion: 5n }],
    [ABORTED, "STALE_RESOURCE_VERSION", "expected_resource_version"],
    /\d/,
  ],
  [
    "19",
    "a resource version of 2^53",
    [ClusterService, "acceptCluster", { cluster: "c1", expectedResourceVersion: 2n ** 53n }],
    [INVALID_ARGUMENT, "SEQ_RANGE", "expected_resource_version"],
    /at most 9007199254740991/,
  ],
  [
    "19",
    "a resource version of 2^64 - 1",
    [ClusterService, "acceptCluster", { cluster: "c1", expectedResourceVersion: 2n ** 64n - 1n }],
    [INVALID_ARGUMENT, "SEQ_RANGE", "expected_resource_version"],
    /at most 9007199254740991/,
  ],
  [
    "27",
    "an unknown protocol",
    apply({ protocol: 99 }),
    [INVALID_ARGUMENT, "UNKNOWN_ENUM", "spec.protocol"],
    /known: PROTOCOL_HTTP, PROTOCOL_GRPC/,
  ],
  [
    "27",
    "a protocol that was not set",
    apply({ protocol: 0 }),
    [INVALID_ARGUMENT, "UNKNOWN_ENUM", "spec.protocol"],
    /known: PROTOCOL_HTTP/,
  ],
  [
    "27",
    "an unknown force",
    [ClusterService, "drainCluster", { cluster: "c1", force: 7 }],
    [INVALID_ARGUMENT, "UNKNOWN_ENUM", "force"],
    /known: .*FORCE_MODE_NO/,
  ],
  [
    "27",
    "an unknown retry scope",
    apply({ request: { retryScope: -1 } }),
    [INVALID_ARGUMENT, "UNKNOWN_ENUM", "spec.request.retry_scope"],
    /known: /,
  ],
  [
    "6",
    "a field that the contract lacks",
    [
      ClusterService,
      "drainCluster",
      new Preserialized(Buffer.from([...varint(7, BigInt(ForceMode.NO)), ...varint(99, 1n)])),
    ],
    [INVALID_ARGUMENT, "DECODE", ""],
    /has no field 99/,
  ],
];

describe("a request that cannot be", { timeout: LIMIT_MS }, () => {
  it.each([...WEIGHT_ROWS, ...NAME_ROWS, ...NUMBER_ROWS])(
    "%s: %s is refused, and nothing changes",
    async (_number, _input, [service, method, body], [wanted, code, field], wayOut) => {
      const before = await world.state();
      const answer = await world.ask(service, method, body);
      expect(answer).toEqual({ status: wanted, code, field, message: expect.stringMatching(wayOut) as string });
      expect(await world.state()).toEqual(before);
    },
  );
});
