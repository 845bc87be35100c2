import { describe, expect, it } from "vitest";
import type { Protocol } from "../../src/model/service.ts";
import type { ServiceId, ShiftId, Version } from "../../src/model/ids.ts";
import { decide } from "../../src/planner/decide.ts";
import { inputsDigest } from "../../src/planner/inputs-digest.ts";
import { ANA, aGreeting, aRegistration, aSettledFleet, aShift, aSpec, CHECKOUT, cluster } from "./play.ts";

const HOME = { "us-east/v1": 10_000 };
const TO_EU = { "eu-west/v1": 10_000 };

describe("a shift is refused", () => {
  it.each<[string, Readonly<Record<string, number>>, string, RegExp]>([
    ["weights that sum to 9999", { "eu-west/v1": 4_999, "us-east/v1": 5_000 }, "WEIGHTS_SUM", /9999/],
    ["weights that sum to 10001", { "eu-west/v1": 5_001, "us-east/v1": 5_000 }, "WEIGHTS_SUM", /10001/],
    ["a negative weight", { "eu-west/v1": -1, "us-east/v1": 10_001 }, "WEIGHT_TYPE", /-1/],
    ["a fraction", { "eu-west/v1": 0.5, "us-east/v1": 9_999.5 }, "WEIGHT_TYPE", /0\.5/],
    ["NaN", { "eu-west/v1": Number.NaN, "us-east/v1": 10_000 }, "WEIGHT_TYPE", /NaN/],
    ["infinity", { "eu-west/v1": Number.POSITIVE_INFINITY }, "WEIGHT_TYPE", /Infinity/],
    ["minus zero", { "eu-west/v1": -0, "us-east/v1": 10_000 }, "WEIGHT_TYPE", /-0/],
    ["nothing but zeros", { "eu-west/v1": 0, "us-east/v1": 0 }, "NO_SERVING_TARGET", /nowhere/],
    ["no weights at all", {}, "NO_SERVING_TARGET", /nowhere/],
    ["an unknown cluster", { "mars/v1": 10_000 }, "UNKNOWN_CLUSTER", /mars/],
    ["a cluster that is no name", { "Mars/v1": 10_000 }, "BAD_NAME", /Mars/],
    ["a version that is not deployed there", { "eu-west/v2": 10_000 }, "UNKNOWN_DESTINATION", /eu-west\/v1/],
  ])("with %s", (_what, weights, code, message) => {
    const play = aSettledFleet();
    const refusal = play.refuses(aShift(weights));
    expect(refusal.code).toBe(code);
    expect(refusal.message).toMatch(message);
    expect(refusal.field).toMatch(/^target\.split\.weights/);
  });

  it.each<[string, Partial<ReturnType<typeof aShift>>, string, string]>([
    ["of an unknown service", { service: "shop/nothing" as ServiceId }, "UNKNOWN_SERVICE", "service"],
    ["without sources", { sources: [] }, "FIELD_REQUIRED", "sources"],
    ["of an unknown source", { sources: [cluster("mars")] }, "UNKNOWN_CLUSTER", "sources[0]"],
    ["of a source named twice", { sources: [cluster("us-east"), cluster("us-east")] }, "DUPLICATE_KEY", "sources[1]"],
    ["without a reason", { reason: "" }, "FIELD_REQUIRED", "reason"],
    ["with a step of nothing", { maxStepWeight: 0 }, "FIELD_INVALID", "max_step_weight"],
    ["with a bake of a year", { bakeMs: 3.2e10 }, "FIELD_INVALID", "bake_ms"],
    ["with a digest that no longer holds", { pinnedDigest: "1.life-1.1" }, "INPUTS_MOVED", "pinned_digest"],
    ["without a name", { shift: "" as ShiftId }, "BAD_NAME", "shift"],
  ])("%s", (_what, change, code, field) => {
    const play = aSettledFleet();
    expect(play.refuses(aShift(HOME, change))).toMatchObject({ code, field });
  });

  it("naming a destination twice", () => {
    const play = aSettledFleet();
    const half = { destination: { cluster: cluster("eu-west"), version: "v1" as Version }, weight: 5_000 };
    expect(play.refuses(aShift({}, { target: { kind: "split", split: [half, half] } })).code).toBe("DUPLICATE_KEY");
  });

  it("of a source that has no agent yet", () => {
    const play = aSettledFleet();
    play.do(aRegistration("ca-west", play.atMs));
    expect(play.refuses(aShift(TO_EU, { sources: [cluster("ca-west")] })).code).toBe("CLUSTER_STATE");
  });

  it("when nobody who gets weight serves", () => {
    const play = aSettledFleet();
    play.do({
      kind: "drain-cluster",
      cluster: cluster("eu-west"),
      drain: { maxStepWeight: 2_500, bakeMs: 0, force: "no" },
    });
    const refusal = play.refuses(aShift(TO_EU));
    expect(refusal.code).toBe("NO_SERVING_TARGET");
    expect(refusal.message).toContain("draining");
  });

  it("over capacity, with the most that would fit", () => {
    const demandRps = { [cluster("us-east")]: 1_000, [cluster("eu-west")]: 300 };
    const play = aSettledFleet({}, { demandRps });
    const refusal = play.refuses(aShift(TO_EU));
    expect(refusal).toMatchObject({ code: "OVER_CAPACITY", field: "target.split.weights[0].weight" });
    expect(refusal.message).toContain("1300 rps");
    const most = Number(/\((\d+)\) of us-east/.exec(refusal.message)?.[1]);
    expect(most).toBe(6_000);
    play.do(aShift({ "eu-west/v1": most, "us-east/v1": 10_000 - most }));
  });

  it("not for a load that it makes smaller", () => {
    const places = ["ap-south/v1", "eu-west/v1", "us-east/v1"];
    const play = aSettledFleet({}, { demandRps: { [cluster("us-east")]: 700 } });
    play.do(aShift(TO_EU));
    play.do({ kind: "apply-service", spec: aSpec(places, { demandRps: { [cluster("us-east")]: 900 } }) });
    play.do(aShift({ "eu-west/v1": 9_500, "us-east/v1": 500 }, { shift: "s2" as ShiftId }));
    expect(play.state.shifts.get("s2" as ShiftId)?.phase).toBe("progressing");
  });

  it("when another moves some but not all of its sources", () => {
    const play = aSettledFleet();
    play.do(aShift(HOME, { sources: [cluster("us-east"), cluster("ap-south")] }));
    const refusal = play.refuses(aShift(HOME, { shift: "s2" as ShiftId }));
    expect(refusal.code).toBe("SHIFT_IN_PROGRESS");
    expect(refusal.message).toContain("s1");
    play.do(aShift({ "eu-west/v1": 10_000 }, { shift: "s3" as ShiftId, sources: [cluster("eu-west")] }));
  });

  it("under a name that was used", () => {
    const play = aSettledFleet();
    play.do(aShift(HOME));
    expect(play.refuses(aShift(HOME)).code).toBe("ALREADY_EXISTS");
  });

  it("when the mesh of a source cannot divide by weight", () => {
    const play = aSettledFleet();
    play.do(aGreeting("us-east", { features: [] }));
    const refusal = play.refuses(aShift({ "eu-west/v1": 5_000, "us-east/v1": 5_000 }));
    expect(refusal).toMatchObject({ code: "UNSUPPORTED_BY_MESH", field: "sources[0]" });
    play.do(aShift(TO_EU));
  });

  it("when it names more destinations than a route of the mesh takes", () => {
    const play = aSettledFleet();
    play.do(aGreeting("us-east", { features: ["weighted-split"], maxDestinations: 1 }));
    const refusal = play.refuses(aShift({ "eu-west/v1": 5_000, "us-east/v1": 5_000 }));
    expect(refusal).toMatchObject({ code: "UNSUPPORTED_BY_MESH", field: "sources[0]" });
    expect(refusal.message).toContain("at most 1 destinations, and 2 have weight");
    play.do(aShift(TO_EU));
  });

  it.each<[Protocol, string]>([
    ["grpc", "UNSUPPORTED_BY_MESH"],
    ["http", "accepted"],
  ])("when proxyless %s clients would have to name a version elsewhere", (protocol, answer) => {
    const play = aSettledFleet();
    const spec = aSpec(["ap-south/v1", "eu-west/v1", "eu-west/v2", "us-east/v1"], { protocol });
    play.do({ kind: "apply-service", spec });
    play.do(aGreeting("us-east", { features: ["weighted-split", "proxyless"] }));
    play.turnUntil(() => play.service().inputsSequence <= play.service().plannedSequence);
    const command = aShift({ "eu-west/v2": 10_000 });
    const envelope = { command, atMs: play.atMs, actor: ANA, requestId: "", requestDigest: "" };
    const decision = decide(play.state, envelope, play.settings);
    expect(decision.ok ? "accepted" : decision.refusal.code).toBe(answer);
  });
});

describe("a preview's digest", () => {
  it("holds as long as nothing moves that the plan depends on", () => {
    const play = aSettledFleet();
    const pinnedDigest = inputsDigest(play.state, CHECKOUT);
    play.turn();
    play.do({ kind: "cordon-cluster", cluster: cluster("eu-west") });
    expect(play.refuses(aShift(HOME, { pinnedDigest })).code).toBe("INPUTS_MOVED");
    play.do(aShift(HOME, { pinnedDigest: inputsDigest(play.state, CHECKOUT) }));
  });
});

describe("an abort is refused", () => {
  it("without reason, of no shift, and of one that has ended", () => {
    const play = aSettledFleet();
    const abort = { kind: "abort-shift", shift: "s1" as ShiftId, reason: "because" } as const;
    expect(play.refuses(abort).code).toBe("UNKNOWN_SHIFT");
    play.do(aShift(HOME));
    expect(play.refuses({ ...abort, reason: "" }).code).toBe("FIELD_REQUIRED");
    play.do(abort);
    expect(play.refuses(abort)).toMatchObject({ code: "SHIFT_ENDED" });
  });
});
