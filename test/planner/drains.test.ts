import { describe, expect, it } from "vitest";
import type { Command, DrainRequest } from "../../src/model/command.ts";
import type { ServiceId, ShiftId } from "../../src/model/ids.ts";
import { aSettledFleet, aShift, aSpec, cluster, isAtRest } from "./play.ts";

const QUICK = { healthyAfterMs: 5_000, rampStepMs: 3_000, routineIntervalMs: 1_000 };

function aDrain(name: string, change: Partial<DrainRequest> = {}): Extract<Command, { kind: "drain-cluster" }> {
  return {
    kind: "drain-cluster",
    cluster: cluster(name),
    drain: { maxStepWeight: 2_500, bakeMs: 5_000, force: "no", ...change },
  };
}

describe("a drain", () => {
  it("takes everything away step by step, then is done, and uncordoning brings it back in a ramp", () => {
    const play = aSettledFleet(QUICK);
    play.do(aDrain("ap-south"));
    play.turnUntil(() => play.weights("ap-south")["ap-south/v1"] !== 10_000);
    expect(play.weights("ap-south")["ap-south/v1"]).toBe(7_500);
    play.turnUntil(() => play.cluster("ap-south").drain?.phase === "done");
    expect(play.weights("ap-south")["ap-south/v1"] ?? 0).toBe(0);
    play.do({ kind: "uncordon-cluster", cluster: cluster("ap-south") });
    expect(play.cluster("ap-south").ramp?.ceilingWeight).toBe(1_000);
    play.turnUntil(() => play.weights("ap-south")["ap-south/v1"] === 10_000);
    play.turnUntil(() => isAtRest(play) && play.cluster("ap-south").ramp === undefined);
  });

  it("holds while a cluster that it touches is unknown", () => {
    const play = aSettledFleet(QUICK);
    play.do(aDrain("ap-south"));
    play.turnUntil(() => play.weights("ap-south")["ap-south/v1"] === 7_500);
    const [receiver = ""] = Object.keys(play.weights("ap-south"))
      .map((key) => key.split("/")[0] ?? "")
      .filter((name) => name !== "ap-south");
    play.troubles = { [receiver]: { silentForMs: 60_000 } };
    for (let turn = 0; turn < 30; turn += 1) play.turn();
    expect(play.weights("ap-south")["ap-south/v1"]).toBe(7_500);
    expect(play.service().rollout?.waitsFor).toBe(`${receiver} to be heard again; nothing is known of it`);
    play.troubles = {};
    play.turnUntil(() => play.cluster("ap-south").drain?.phase === "done");
  });

  it("asked again is the same drain; with other numbers it goes on with those", () => {
    const play = aSettledFleet(QUICK);
    play.do(aDrain("ap-south"));
    expect(play.do(aDrain("ap-south"))).toEqual([]);
    play.do(aDrain("ap-south", { maxStepWeight: 5_000 }));
    expect(play.cluster("ap-south").drain?.maxStepWeight).toBe(5_000);
  });

  it("is refused with numbers when the survivors lack room, unless forced", () => {
    const demandRps = { [cluster("ap-south")]: 900, [cluster("eu-west")]: 600, [cluster("us-east")]: 600 };
    const play = aSettledFleet(QUICK, { demandRps });
    const refusal = play.refuses(aDrain("ap-south"));
    expect(refusal.code).toBe("OVER_CAPACITY");
    expect(refusal.message).toContain("2100 rps");
    expect(refusal.message).toContain("1800 rps");
    expect(play.do(aDrain("ap-south", { force: "over-capacity" }))).toHaveLength(1);
  });

  it("is refused when a service is served nowhere else", () => {
    const play = aSettledFleet(QUICK);
    play.do({ kind: "apply-service", spec: aSpec(["ap-south/v1"], { service: "shop/cart" as ServiceId }) });
    play.turn();
    const refusal = play.refuses(aDrain("ap-south"));
    expect(refusal.code).toBe("NO_SERVING_TARGET");
    expect(refusal.message).toContain("shop/cart");
    play.do(aDrain("ap-south", { force: "over-capacity" }));
    play.turnUntil(() => play.cluster("ap-south").drain?.phase === "done");
  });

  it("of the other cluster is refused while one is drained and the last could not take all", () => {
    const demandRps = { [cluster("us-east")]: 700 };
    const play = aSettledFleet(QUICK, { demandRps });
    play.do(aDrain("ap-south"));
    play.do(aDrain("eu-west"));
    expect(play.refuses(aDrain("us-east")).code).toBe("NO_SERVING_TARGET");
  });

  it.each<[string, Partial<DrainRequest>, string]>([
    ["a step of 0", { maxStepWeight: 0 }, "max_step_weight"],
    ["a step above all", { maxStepWeight: 10_001 }, "max_step_weight"],
    ["a negative bake", { bakeMs: -1 }, "bake_ms"],
    ["half a ms", { bakeMs: 0.5 }, "bake_ms"],
    ["a deadline in the past", { deadlineAtMs: 1 }, "deadline_at_unix_ms"],
  ])("refuses %s", (_what, change, field) => {
    const play = aSettledFleet(QUICK);
    expect(play.refuses(aDrain("ap-south", change))).toMatchObject({ code: "FIELD_INVALID", field });
  });

  it("is refused for what is not active, not known, or has changed", () => {
    const play = aSettledFleet(QUICK);
    expect(play.refuses(aDrain("nowhere")).code).toBe("UNKNOWN_CLUSTER");
    const stale = play.refuses({ ...aDrain("ap-south"), expectedResourceVersion: 1 });
    expect(stale.code).toBe("STALE_RESOURCE_VERSION");
    play.do({ ...aDrain("ap-south"), expectedResourceVersion: play.cluster("ap-south").resourceVersion });
  });
});

describe("a cordon", () => {
  it("refuses a shift that raises the cluster, and none that lowers it", () => {
    const play = aSettledFleet(QUICK, { pace: { maxStepWeight: 10_000, bakeMs: 0, toleranceWeight: 500 } });
    play.do(aShift({ "eu-west/v1": 5_000, "us-east/v1": 5_000 }));
    play.turnUntil((state) => state.shifts.get("s1" as ShiftId)?.phase === "completed");
    play.do({ kind: "cordon-cluster", cluster: cluster("eu-west") });
    const refusal = play.refuses(aShift({ "eu-west/v1": 6_000, "us-east/v1": 4_000 }, { shift: "s2" as ShiftId }));
    expect(refusal).toMatchObject({ code: "CLUSTER_STATE", field: "target.split.weights[0].weight" });
    expect(refusal.message).toContain("50.00 %");
    play.do(aShift({ "eu-west/v1": 4_000, "us-east/v1": 6_000 }, { shift: "s2" as ShiftId }));
  });

  it("twice changes nothing, and uncordoning what is not cordoned neither", () => {
    const play = aSettledFleet(QUICK);
    play.do({ kind: "cordon-cluster", cluster: cluster("eu-west") });
    expect(play.do({ kind: "cordon-cluster", cluster: cluster("eu-west") })).toEqual([]);
    play.do({ kind: "uncordon-cluster", cluster: cluster("eu-west") });
    expect(play.cluster("eu-west").ramp).toBeUndefined();
    expect(play.do({ kind: "uncordon-cluster", cluster: cluster("eu-west") })).toEqual([]);
  });
});
