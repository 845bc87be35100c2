import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  AcceptClusterRequestSchema,
  DrainClusterRequestSchema,
  RegisterClusterRequestSchema,
  RevokeClusterRequestSchema,
  UnregisterClusterRequestSchema,
} from "../../proto/gen/weir/v1/fleet_pb.ts";
import { ApplyServiceRequestSchema, RequestShiftRequestSchema } from "../../proto/gen/weir/v1/traffic_pb.ts";
import type { ShiftProposalSchema } from "../../proto/gen/weir/v1/traffic_pb.ts";
import { EMPTY_FLEET } from "../../src/model/fleet.ts";
import type { ShiftId } from "../../src/model/ids.ts";
import {
  acceptCluster,
  drainCluster,
  registerCluster,
  revokeCluster,
  unregisterCluster,
} from "../../src/wire/cluster.ts";
import { findCluster, selectClusters } from "../../src/wire/cluster-view.ts";
import { requestIdentity } from "../../src/wire/request.ts";
import { applyService, selectServices } from "../../src/wire/service.ts";
import { previewShift, requestShift } from "../../src/wire/shift.ts";

const EAST = { cluster: "us-east", version: "v1" };
const WEST = { cluster: "eu-west", version: "v1" };

function register(name: string, more: MessageInitShape<typeof RegisterClusterRequestSchema> = {}) {
  const request = create(RegisterClusterRequestSchema, { spec: { name }, ...more } as typeof more);
  return registerCluster(request, { secretHash: "h", nowMs: 1_000 });
}

describe("registering a cluster", () => {
  it("gives the token an hour, or what is asked for", () => {
    expect(register("eu-west")).toMatchObject({ ok: true, value: { expiresAtMs: 3_601_000 } });
    expect(register("eu-west", { tokenTtlSeconds: 60 })).toMatchObject({ ok: true, value: { expiresAtMs: 61_000 } });
    expect(register("eu-west", { tokenTtlSeconds: 3_601 })).toMatchObject({ refusal: { field: "token_ttl_seconds" } });
  });

  it.each([
    ["eu.west"],
    ["*"],
    [">"],
    ["eu west"],
    ["eu/west"],
    ["EU-west"],
    ["a".repeat(64)],
    ["a".repeat(254)],
    ["🚀"],
    ["eu-‮west"],
    ["eu\u0000west"],
    ["еu-west"],
    ["-eu"],
    ["eu-"],
    [""],
    ["eu\n"],
  ])("refuses the name %j", (name) => {
    const result = register(name);
    expect(result).toMatchObject({ ok: false, refusal: { code: "BAD_NAME", field: "spec.name" } });
    // What is repeated of it is printable, so that a look-alike shows itself.
    expect(!result.ok && result.refusal.message).toMatch(/^[\x20-\x7e…]+$/);
  });

  it("takes a name of 63 characters", () => {
    expect(register("a".repeat(63))).toMatchObject({ ok: true });
  });

  it("refuses numbers that are no round trip, and unset specs", () => {
    const spec = { name: "a", rttMs: { "eu-west": Number.NaN } };
    expect(register("a", { spec })).toMatchObject({
      refusal: { code: "FIELD_INVALID", field: "spec.rtt_ms[eu-west]" },
    });
    const unset = registerCluster(create(RegisterClusterRequestSchema), { secretHash: "h", nowMs: 0 });
    expect(unset).toMatchObject({ refusal: { code: "FIELD_REQUIRED", field: "spec" } });
  });
});

describe("commands on a cluster", () => {
  it("carry the expected version only when one was given", () => {
    const plain = acceptCluster(create(AcceptClusterRequestSchema, { cluster: "a" }));
    expect(plain).toEqual({ ok: true, value: { kind: "accept-cluster", cluster: "a" } });
    const pinned = acceptCluster(create(AcceptClusterRequestSchema, { cluster: "a", expectedResourceVersion: 7n }));
    expect(pinned).toMatchObject({ value: { expectedResourceVersion: 7 } });
    const huge = acceptCluster(
      create(AcceptClusterRequestSchema, { cluster: "a", expectedResourceVersion: 2n ** 64n - 1n }),
    );
    expect(huge).toMatchObject({ refusal: { code: "SEQ_RANGE" } });
  });

  it("drain with stated defaults, and never to a deadline that has passed", () => {
    const drain = (more: MessageInitShape<typeof DrainClusterRequestSchema>) =>
      drainCluster(create(DrainClusterRequestSchema, { ...more, cluster: "a" }), 1_000);
    expect(drain({})).toMatchObject({ value: { drain: { maxStepWeight: 2_500, bakeMs: 600_000, force: "no" } } });
    expect(drain({ bakeMs: 0, force: 2 })).toMatchObject({ value: { drain: { bakeMs: 0, force: "over-capacity" } } });
    expect(drain({ deadlineAtUnixMs: 1_000n })).toMatchObject({ refusal: { field: "deadline_at_unix_ms" } });
    expect(drain({ force: 9 as never })).toMatchObject({ refusal: { code: "UNKNOWN_ENUM", field: "force" } });
    expect(drain({ maxStepWeight: 10_001 })).toMatchObject({ refusal: { code: "WEIGHT_TYPE" } });
  });

  it("want a reason for what cannot be undone", () => {
    const revoked = revokeCluster(create(RevokeClusterRequestSchema, { cluster: "a", reason: " " }));
    expect(revoked).toMatchObject({ refusal: { code: "FIELD_REQUIRED", field: "reason" } });
    const forced = unregisterCluster(create(UnregisterClusterRequestSchema, { cluster: "a", force: 2 }));
    expect(forced).toMatchObject({ value: { force: "still-serving" } });
  });
});

describe("applying a service", () => {
  const spec = {
    name: "shop/checkout",
    protocol: 1,
    port: 80,
    stableVersion: "v1",
    deployments: [{ destination: EAST, capacityRps: 100 }, { destination: WEST }],
  } as const;

  function apply(changes: MessageInitShape<typeof ApplyServiceRequestSchema>["spec"]) {
    return applyService(create(ApplyServiceRequestSchema, { spec: { ...spec, ...changes } as never }));
  }

  it("fills in the defaults and sorts deployments", () => {
    expect(apply({})).toMatchObject({
      value: { spec: { deployments: [{ cluster: "eu-west" }, { cluster: "us-east" }], pace: { bakeMs: 600_000 } } },
    });
  });

  it("of nothing at all is refused EMPTY_PLAN", () => {
    expect(applyService(create(ApplyServiceRequestSchema))).toMatchObject({ refusal: { code: "EMPTY_PLAN" } });
    expect(applyService(create(ApplyServiceRequestSchema, { spec: {} }))).toMatchObject({
      refusal: { code: "EMPTY_PLAN" },
    });
  });

  it.each<[string, NonNullable<Parameters<typeof apply>[0]>, string, string]>([
    ["no deployments", { deployments: [] }, "FIELD_REQUIRED", "spec.deployments"],
    [
      "a deployment twice",
      { deployments: [{ destination: EAST }, { destination: EAST }] },
      "DUPLICATE_KEY",
      "spec.deployments",
    ],
    [
      "a negative capacity",
      { deployments: [{ destination: EAST, capacityRps: -1 }] },
      "FIELD_INVALID",
      "spec.deployments[0].capacity_rps",
    ],
    ["a stable version that runs nowhere", { stableVersion: "v9" }, "FIELD_INVALID", "spec.stable_version"],
    ["an unknown protocol", { protocol: 7 as never }, "UNKNOWN_ENUM", "spec.protocol"],
    [
      "an infinite demand",
      { demandRps: { "eu-west": Number.POSITIVE_INFINITY } },
      "FIELD_INVALID",
      "spec.demand_rps[eu-west]",
    ],
    ["a demand of no cluster", { demandRps: { "": 1 } }, "BAD_NAME", "spec.demand_rps key"],
    ["a name without namespace", { name: "checkout" }, "BAD_NAME", "spec.name"],
    ["a step above the whole", { pace: { maxStepWeight: 20_000 } }, "WEIGHT_TYPE", "spec.pace.max_step_weight"],
  ])("refuses %s", (_, changes, code, field) => {
    expect(apply(changes)).toMatchObject({ ok: false, refusal: { code, field } });
  });
});

describe("requesting a shift", () => {
  type Proposal = MessageInitShape<typeof ShiftProposalSchema>;

  function target(weights: readonly number[]): Proposal["target"] {
    const places = [EAST, WEST, EAST];
    return {
      target: {
        case: "split",
        value: { weights: weights.map((weight, index) => ({ destination: places[index] ?? EAST, weight })) },
      },
    };
  }

  function request(changes: Proposal) {
    const proposal = { service: "shop/checkout", sources: ["us-east"], target: target([5_000, 5_000]), reason: "r" };
    return requestShift(
      create(RequestShiftRequestSchema, { proposal: { ...proposal, ...changes } as never }),
      "s1" as ShiftId,
    );
  }

  it("keeps weights exactly, sorted, without those of 0", () => {
    expect(request({ target: target([10_000, 0]) })).toMatchObject({
      ok: true,
      value: { shift: "s1", target: { kind: "split", split: [{ destination: EAST, weight: 10_000 }] } },
    });
  });

  it.each<[string, Proposal, string, string]>([
    ["9,999", { target: target([5_000, 4_999]) }, "WEIGHTS_SUM", "proposal.target.split.weights"],
    ["10,001", { target: target([5_000, 5_001]) }, "WEIGHTS_SUM", "proposal.target.split.weights"],
    [
      "a weight above the total",
      { target: target([10_001]) },
      "WEIGHT_TYPE",
      "proposal.target.split.weights[0].weight",
    ],
    ["u32 max", { target: target([4_294_967_295]) }, "WEIGHT_TYPE", "proposal.target.split.weights[0].weight"],
    ["weights of 0 only", { target: target([0, 0]) }, "NO_SERVING_TARGET", "proposal.target.split.weights"],
    ["no weights", { target: target([]) }, "NO_SERVING_TARGET", "proposal.target.split.weights"],
    [
      "a destination twice",
      { target: target([4_000, 2_000, 4_000]) },
      "DUPLICATE_KEY",
      "proposal.target.split.weights",
    ],
    ["no sources", { sources: [] }, "EMPTY_SELECTOR", "proposal.sources"],
    ["a source twice", { sources: ["a", "a"] }, "DUPLICATE_KEY", "proposal.sources"],
    ["a wildcard for a source", { sources: ["*"] }, "BAD_NAME", "proposal.sources[0]"],
    ["no target", { target: {} }, "FIELD_REQUIRED", "proposal.target"],
    ["no reason", { reason: "" }, "FIELD_REQUIRED", "proposal.reason"],
    ["a reason with a line break", { reason: "a\r\nb" }, "FIELD_INVALID", "proposal.reason"],
  ])("refuses %s", (_, changes, code, field) => {
    expect(request(changes)).toMatchObject({ ok: false, refusal: { code, field } });
  });

  it("of nothing is refused EMPTY_PLAN, and a preview needs no reason", () => {
    expect(requestShift(create(RequestShiftRequestSchema), "s" as ShiftId)).toMatchObject({
      refusal: { code: "EMPTY_PLAN" },
    });
    const message = create(RequestShiftRequestSchema, {
      proposal: { service: "a/b", sources: ["a"], target: { target: { case: "automatic", value: {} } } },
    });
    expect(previewShift({ ...message, $typeName: "weir.v1.PreviewShiftRequest" })).toMatchObject({
      ok: true,
      value: { target: { kind: "automatic" } },
    });
  });
});

describe("a request's identity", () => {
  it("has the same digest for the same content and another for other content", () => {
    const identity = (requestId: string, cluster: string) => {
      const message = create(AcceptClusterRequestSchema, { requestId, cluster });
      return requestIdentity(AcceptClusterRequestSchema, message);
    };
    const [first, again, other] = [identity("r1", "a"), identity("r2", "a"), identity("r1", "b")];
    expect(first).toMatchObject({ ok: true, value: { requestId: "r1" } });
    expect(first.ok && again.ok && first.value.requestDigest === again.value.requestDigest).toBe(true);
    expect(first.ok && other.ok && first.value.requestDigest !== other.value.requestDigest).toBe(true);
    expect(identity("x".repeat(129), "a")).toMatchObject({ refusal: { field: "request_id" } });
  });
});

describe("asking for what is not there", () => {
  it.each([
    ["", "EMPTY_SELECTOR"],
    ["{}", "EMPTY_SELECTOR"],
    [" ", "EMPTY_SELECTOR"],
    ["tier", "FIELD_INVALID"],
    ["tier=gold", "SELECTOR_MATCHES_NONE"],
  ])("with the selector %j is refused %s", (selector, code) => {
    expect(selectClusters({ selector }, EMPTY_FLEET)).toMatchObject({ refusal: { code, field: "selector" } });
  });

  it("lists all without a selector, and names what it does not know", () => {
    expect(selectClusters({}, EMPTY_FLEET)).toEqual({ ok: true, value: [] });
    expect(findCluster(EMPTY_FLEET, "еu-west")).toMatchObject({
      refusal: { code: "UNKNOWN_CLUSTER", message: expect.stringContaining(String.raw`\u0435`) as string },
    });
    expect(selectServices(EMPTY_FLEET, "a/b")).toMatchObject({ refusal: { code: "UNKNOWN_SERVICE" } });
  });
});
