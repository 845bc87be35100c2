import { describe, expect, it } from "vitest";
import type { ShiftId } from "../../src/model/ids.ts";
import { aSettledFleet, aShift, cluster, isAtRest } from "./play.ts";

const S1 = "s1" as ShiftId;
const HALF = { "eu-west/v1": 5_000, "us-east/v1": 5_000 };
const PACE = { maxStepWeight: 2_500, bakeMs: 10_000, toleranceWeight: 500 };

describe("the life of a shift", () => {
  it("starts from a fleet that serves at home", () => {
    const play = aSettledFleet();
    expect(play.weights("us-east")).toEqual({ "us-east/v1": 10_000 });
    expect(play.state.revisions.size).toBe(3);
  });

  it("moves its source step by step and completes at the target", () => {
    const play = aSettledFleet({}, { pace: PACE });
    play.do(aShift(HALF));
    play.plan();
    expect(play.weights("us-east")).toEqual({ "eu-west/v1": 2_500, "us-east/v1": 7_500 });
    play.turnUntil(() => play.state.shifts.get(S1)?.phase === "completed", { turns: 60 });
    expect(play.weights("us-east")).toEqual(HALF);
    expect(play.state.shifts.get(S1)?.stepsTaken).toBe(2);
    expect(play.service().pins[cluster("us-east")]).toHaveLength(2);
  });

  it("takes no step before the bake of the last is over", () => {
    const play = aSettledFleet({}, { pace: PACE });
    play.do(aShift(HALF));
    play.turn(0);
    play.turn(9_000);
    expect(play.weights("us-east")["eu-west/v1"]).toBe(2_500);
    expect(play.service().rollout?.waitsFor).toBe("10 s of watching");
    play.turn(1_000);
    play.turn(0);
    expect(play.weights("us-east")["eu-west/v1"]).toBe(5_000);
  });

  it("is not hurried by a newer plan that changes nothing of it", () => {
    const play = aSettledFleet({}, { pace: PACE });
    play.do(aShift(HALF));
    play.turn(0);
    play.turn(5_000);
    play.do({ kind: "cordon-cluster", cluster: cluster("ap-south") });
    play.turn(0);
    expect(play.service().rollout?.isSettled).toBe(false);
    expect(play.weights("us-east")["eu-west/v1"]).toBe(2_500);
    play.troubles = { "us-east": { appliedHashes: {} } };
    for (let turn = 0; turn < 30; turn += 1) play.turn();
    expect(play.service().rollout?.waitsFor).toBe("us-east to apply it");
    expect(play.weights("us-east")["eu-west/v1"]).toBe(2_500);
    play.troubles = {};
    play.turnUntil(() => play.state.shifts.get(S1)?.phase === "completed");
    expect(play.weights("us-east")).toEqual(HALF);
  });

  it("waits for an agent that has not applied the step", () => {
    const play = aSettledFleet({}, { pace: PACE });
    play.do(aShift(HALF));
    play.troubles = { "us-east": { appliedHashes: {} } };
    for (let turn = 0; turn < 30; turn += 1) play.turn();
    expect(play.weights("us-east")["eu-west/v1"]).toBe(2_500);
    expect(play.service().rollout?.waitsFor).toBe("us-east to apply it");
  });

  it("waits while the observed share is not the intended one", () => {
    const play = aSettledFleet({}, { pace: PACE });
    play.do(aShift(HALF));
    play.turn(0);
    const traffic = play.observed().clusters[cluster("us-east")]?.traffic ?? {};
    const astray = Object.fromEntries(
      Object.entries(traffic).map(([id, seen]) => [
        id,
        { ...seen, windowStartedAtMs: 1e12, shares: { "us-east/v1": 1 } },
      ]),
    );
    play.troubles = { "us-east": { traffic: astray } };
    for (let turn = 0; turn < 30; turn += 1) play.turn();
    expect(play.weights("us-east")["eu-west/v1"]).toBe(2_500);
    expect(play.service().rollout?.waitsFor).toMatch(/share that us-east sends to eu-west\/v1/);
  });

  it("waits for a window that began after the release", () => {
    const play = aSettledFleet({}, { pace: PACE });
    play.do(aShift(HALF));
    play.turn(0);
    const traffic = play.observed().clusters[cluster("us-east")]?.traffic ?? {};
    const old = Object.fromEntries(
      Object.entries(traffic).map(([id, seen]) => [id, { ...seen, windowStartedAtMs: 0 }]),
    );
    play.troubles = { "us-east": { traffic: old } };
    for (let turn = 0; turn < 30; turn += 1) play.turn();
    expect(play.service().rollout?.waitsFor).toBe("a full window of traffic of us-east");
  });

  it("waits for a first window of traffic when a planner began to listen a moment ago", () => {
    const play = aSettledFleet({}, { pace: PACE });
    play.do(aShift(HALF));
    play.turn(0);
    play.collectingForMs = 500;
    play.troubles = { "us-east": { traffic: {} } };
    play.turn(20_000);
    expect(play.service().rollout?.waitsFor).toBe("a full window of traffic of us-east");
    expect(play.service().rollout?.isSettled).toBe(false);
    // Whoever sends nothing for so long sends nothing.
    play.collectingForMs = 2_000;
    play.turnUntil(() => play.state.shifts.get(S1)?.phase === "completed");
  });

  it("holds with the agent's own words when a mesh refuses the step", () => {
    const play = aSettledFleet({}, { pace: PACE });
    play.do(aShift(HALF));
    play.plan();
    const hash = play.service().released[cluster("us-east")] ?? "";
    const refusal = { service: play.service().spec.service, hash, code: "MESH_REJECTED", detail: "no such listener" };
    play.troubles = { "us-east": { appliedHashes: {}, refusals: [refusal] } };
    play.turn();
    const shift = play.state.shifts.get(S1);
    expect(shift?.phase).toBe("holding");
    expect(shift?.detail).toBe("us-east refused it: MESH_REJECTED no such listener");
    play.do({ kind: "abort-shift", shift: S1, reason: "refused" });
    play.troubles = {};
    play.turnUntil(() => isAtRest(play));
    expect(play.weights("us-east")).toEqual({ "us-east/v1": 10_000 });
  });

  it("holds while a cluster it touches is unknown, and goes on when it is heard again", () => {
    const play = aSettledFleet({}, { pace: PACE });
    play.do(aShift(HALF));
    play.plan();
    play.troubles = { "eu-west": { silentForMs: 10_000 } };
    for (let turn = 0; turn < 20; turn += 1) play.turn();
    expect(play.cluster("eu-west").verdict).toBe("unknown");
    expect(play.state.shifts.get(S1)?.phase).toBe("holding");
    expect(play.weights("us-east")["eu-west/v1"]).toBe(2_500);
    play.troubles = {};
    play.turnUntil(() => play.state.shifts.get(S1)?.phase === "completed");
  });

  it("goes on although a third cluster is unknown", () => {
    const play = aSettledFleet({}, { pace: PACE });
    play.do(aShift(HALF));
    play.troubles = { "ap-south": { silentForMs: 10_000 } };
    play.turnUntil(() => play.state.shifts.get(S1)?.phase === "completed", { turns: 60 });
    expect(play.cluster("ap-south").verdict).toBe("unknown");
  });

  it("returns to what was before when it is aborted, at once", () => {
    const play = aSettledFleet({}, { pace: PACE });
    play.do(aShift(HALF));
    play.plan();
    play.do({ kind: "abort-shift", shift: S1, reason: "changed my mind" });
    play.plan();
    expect(play.weights("us-east")).toEqual({ "us-east/v1": 10_000 });
    expect(play.service().rollout?.plan.urgency).toBe("emergency");
    expect(play.state.shifts.get(S1)).toMatchObject({ phase: "aborted", detail: "changed my mind" });
  });

  it("gives its place to a shift of the same sources, whose abort goes back before both", () => {
    const play = aSettledFleet({}, { pace: PACE });
    play.do(aShift(HALF));
    play.plan();
    play.do(aShift({ "ap-south/v1": 10_000 }, { shift: "s2" as ShiftId }));
    expect(play.state.shifts.get(S1)).toMatchObject({
      phase: "superseded",
      detail: "superseded by shift s2 of operator:ana",
    });
    play.do({ kind: "abort-shift", shift: "s2" as ShiftId, reason: "no" });
    expect(play.service().pins).toEqual({});
  });

  it("gives the sources back with the target automatic", () => {
    const play = aSettledFleet({}, { pace: PACE });
    play.do(aShift(HALF));
    play.turnUntil(() => play.state.shifts.get(S1)?.phase === "completed");
    play.do(aShift({}, { shift: "s2" as ShiftId, target: { kind: "automatic" } }));
    play.turnUntil(() => play.state.shifts.get("s2" as ShiftId)?.phase === "completed");
    expect(play.weights("us-east")).toEqual({ "us-east/v1": 10_000 });
  });
});
