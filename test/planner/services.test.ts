import { describe, expect, it } from "vitest";
import type { ServicePolicy } from "../../src/model/fleet-document.ts";
import type { ServiceSpec } from "../../src/model/service.ts";
import { DEFAULT_PACE_POLICY, DEFAULT_REQUEST_POLICY, OPEN_POLICY } from "../../src/model/service.ts";
import type { ServiceId, ShiftId, Version } from "../../src/model/ids.ts";
import { aSettledFleet, aShift, aSpec, CHECKOUT, cluster } from "./play.ts";

const PLACES = ["ap-south/v1", "eu-west/v1", "us-east/v1"];

const POLICY = "spec.policy";
const [EU, MARS] = [cluster("eu-west"), cluster("mars")];

function bound(policy: Partial<ServicePolicy>): Partial<ServiceSpec> {
  return { policy: { ...OPEN_POLICY, ...policy } };
}

describe("a declaration is refused", () => {
  it.each<[string, Partial<ServiceSpec>, string, string]>([
    ["without namespace", { service: "checkout" as ServiceId }, "BAD_NAME", "spec.name"],
    ["with a name that is none", { service: "shop/Check" as ServiceId }, "BAD_NAME", "spec.name"],
    ["with port 65536", { port: 65_536 }, "FIELD_INVALID", "spec.port"],
    ["without deployments", { deployments: [] }, "FIELD_REQUIRED", "spec.deployments"],
    ["in an unknown cluster", aSpec(["mars/v1"]), "UNKNOWN_CLUSTER", "spec.deployments[0].destination.cluster"],
    ["with a version that is no name", aSpec(["eu-west/V1"]), "BAD_NAME", "spec.deployments[0].destination.version"],
    ["with a deployment twice", aSpec(["eu-west/v1", "eu-west/v1"]), "DUPLICATE_KEY", "spec.deployments[1]"],
    [
      "with a stable version that runs nowhere",
      { stableVersion: "v9" as Version },
      "FIELD_INVALID",
      "spec.stable_version",
    ],
    ["with a demand below 0", { demandRps: { [cluster("eu-west")]: -1 } }, "FIELD_INVALID", "spec.demand_rps[eu-west]"],
    ["with an unknown caller", { demandRps: { [cluster("mars")]: 1 } }, "UNKNOWN_CLUSTER", "spec.demand_rps[mars]"],
    [
      "with eleven retries",
      { request: { ...DEFAULT_REQUEST_POLICY, retries: 11 } },
      "FIELD_INVALID",
      "spec.request.retries",
    ],
    [
      "with a timeout of 0",
      { request: { ...DEFAULT_REQUEST_POLICY, perTryTimeoutMs: 0 } },
      "FIELD_INVALID",
      "spec.request.per_try_timeout_ms",
    ],
    [
      "with a step of nothing",
      { pace: { ...DEFAULT_PACE_POLICY, maxStepWeight: 0 } },
      "FIELD_INVALID",
      "spec.pace.max_step_weight",
    ],
    ["with requests of less than nothing", { bytesPerRequest: -1 }, "FIELD_INVALID", "spec.bytes_per_request"],
    [
      "with time that is worth nothing",
      { objective: { dollarsPerRequestMs: 0 } },
      "FIELD_INVALID",
      "spec.objective.dollars_per_request_ms",
    ],
    [
      "that allows a cluster nobody knows",
      bound({ allowedClusters: [MARS] }),
      "UNKNOWN_CLUSTER",
      `${POLICY}.allowed_clusters[0]`,
    ],
    ["that allows no cluster", bound({ allowedClusters: [] }), "EMPTY_SELECTOR", `${POLICY}.allowed_clusters`],
    [
      "that denies a cluster nobody knows",
      bound({ deniedClusters: [MARS] }),
      "UNKNOWN_CLUSTER",
      `${POLICY}.denied_clusters[0]`,
    ],
    [
      "that denies a cluster twice",
      bound({ deniedClusters: [EU, EU] }),
      "DUPLICATE_KEY",
      `${POLICY}.denied_clusters[1]`,
    ],
    [
      "that allows and denies the same",
      bound({ allowedClusters: [EU], deniedClusters: [EU] }),
      "FIELD_INVALID",
      `${POLICY}.denied_clusters`,
    ],
    [
      "that is to survive Mars",
      bound({ surviveLossOf: [MARS] }),
      "UNKNOWN_CLUSTER",
      `${POLICY}.survive_loss_of.clusters[0]`,
    ],
    ["with a share of nothing", bound({ maxShare: 0 }), "FIELD_INVALID", `${POLICY}.max_share_weight`],
    [
      "with a label that is none",
      bound({ requiredLabels: { "-": "x" } }),
      "FIELD_INVALID",
      `${POLICY}.required_labels["-"]`,
    ],
  ])("%s", (_what, change, code, field) => {
    const play = aSettledFleet();
    const spec = { ...aSpec(PLACES), ...change };
    expect(play.refuses({ kind: "apply-service", spec })).toMatchObject({ code, field });
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("with a capacity of %d", (capacityRps) => {
    const play = aSettledFleet();
    const spec = aSpec(PLACES);
    const deployments = spec.deployments.map((deployment) => ({ ...deployment, capacityRps }));
    const refusal = play.refuses({ kind: "apply-service", spec: { ...spec, deployments } });
    expect(refusal).toMatchObject({ code: "FIELD_INVALID", field: "spec.deployments[0].capacity_rps" });
  });

  it.each<[string, object, string]>([
    ["without servers", { servers: 0 }, "curve.servers"],
    ["with work of no time", { meanWorkMs: 0 }, "curve.mean_work_ms"],
    ["with a variation below 0", { squaredVariation: -1 }, "curve.squared_variation"],
    ["that is full before the declared capacity", { servers: 1 }, "capacity_rps"],
  ])("with a curve %s", (_what, change, field) => {
    const play = aSettledFleet();
    const curve = { kind: "queue" as const, servers: 8, meanWorkMs: 20, squaredVariation: 1 };
    const curved = (more: object): ServiceSpec => {
      const [first, ...others] = aSpec(PLACES).deployments;
      if (first === undefined) throw new Error("no deployment");
      return {
        ...aSpec(PLACES),
        deployments: [{ ...first, capacityRps: 400, curve: { ...curve, ...more } }, ...others],
      };
    };
    expect(play.do({ kind: "apply-service", spec: curved({}) })).toHaveLength(1);
    const refusal = play.refuses({ kind: "apply-service", spec: curved(change) });
    expect(refusal).toMatchObject({ code: "FIELD_INVALID", field: `spec.deployments[0].${field}` });
  });

  it("when it leaves sources with demand nowhere to go, and each of them is named", () => {
    const play = aSettledFleet();
    const demandRps = Object.fromEntries(["ap-south", "eu-west", "us-east"].map((name) => [cluster(name), 10]));
    const spec = { ...aSpec(["us-east/v1"]), demandRps, policy: { ...OPEN_POLICY, isolation: "strict" as const } };
    const refusal = play.refuses({ kind: "apply-service", spec });
    expect(refusal).toMatchObject({ code: "POLICY_FORBIDS", field: "spec.policy" });
    expect(refusal.message).toBe(
      "ap-south, eu-west would have nowhere to go, and have demand. For ap-south: us-east may not serve ap-south: " +
        "isolation strict keeps requests in their own cluster. Deploy it where it is allowed, or widen the policy",
    );
  });

  it("when it takes a destination away that a shift sends to", () => {
    const play = aSettledFleet();
    play.do(aShift({ "eu-west/v1": 5_000, "us-east/v1": 5_000 }));
    const refusal = play.refuses({ kind: "apply-service", spec: aSpec(["ap-south/v1", "us-east/v1"]) });
    expect(refusal).toMatchObject({ code: "STILL_SERVING", field: "spec.deployments" });
    expect(refusal.message).toContain("50.00 %");
  });

  it("when it has changed meanwhile", () => {
    const play = aSettledFleet();
    const spec = aSpec(PLACES, { port: 81 });
    play.do({ kind: "apply-service", spec, expectedResourceVersion: 1 });
    const refusal = play.refuses({ kind: "apply-service", spec, expectedResourceVersion: 1 });
    expect(refusal.code).toBe("STALE_RESOURCE_VERSION");
  });
});

describe("a declaration", () => {
  it("made again in another order of keys changes nothing", () => {
    const play = aSettledFleet();
    const { spec } = play.service();
    const shuffled = Object.fromEntries(Object.entries(spec).toReversed()) as unknown as ServiceSpec;
    expect(play.do({ kind: "apply-service", spec: shuffled })).toEqual([]);
  });
});

describe("deleting a service", () => {
  it("takes it out of every cluster's plan and ends its shifts", () => {
    const play = aSettledFleet();
    play.do(aShift({ "us-east/v1": 10_000 }));
    const before = new Map(play.state.revisions);
    play.do({ kind: "delete-service", service: CHECKOUT, force: "no" });
    expect(play.state.services.size).toBe(0);
    expect(play.state.shifts.get("s1" as ShiftId)).toMatchObject({
      phase: "failed",
      detail: "shop/checkout was deleted",
    });
    for (const [name, revision] of play.state.revisions) expect(revision).toBeGreaterThan(before.get(name) ?? 0);
  });

  it("is refused while it is called, unless forced", () => {
    const play = aSettledFleet({}, { demandRps: {} });
    const measured = { demandRps: { [CHECKOUT]: { [cluster("eu-west")]: 5 } }, reported: {} };
    play.do({ kind: "observe", observed: play.observed(), measured });
    expect(play.refuses({ kind: "delete-service", service: CHECKOUT, force: "no" }).code).toBe("STILL_SERVING");
    play.do({ kind: "delete-service", service: CHECKOUT, force: "still-serving" });
    expect(play.refuses({ kind: "delete-service", service: CHECKOUT, force: "no" }).code).toBe("UNKNOWN_SERVICE");
  });
});
