import { describe, expect, it } from "vitest";
import type { ShiftId } from "../../src/model/ids.ts";
import { aSettledFleet, aShift, cluster, isAtRest, join } from "./play.ts";
import type { Play } from "./play.ts";

const HALF = { "eu-west/v1": 5_000, "us-east/v1": 5_000 };
const ALL_ABROAD = { "eu-west/v1": 10_000 };

/** Half of us-east's requests go to eu-west. */
function afterShift(change: Parameters<typeof aSettledFleet>[1] = {}): Play {
  const play = aSettledFleet({ routineStepWeight: 10_000 }, change);
  play.do(aShift(HALF, { maxStepWeight: 10_000, bakeMs: 0 }));
  play.turnUntil(() => play.state.shifts.get("s1" as ShiftId)?.phase === "completed");
  return play;
}

/** Two of four clusters, none of them eu-west or us-east, go dark at once. */
function frozen(): Play {
  const play = afterShift();
  join(play, "sa-east", "af-south");
  play.turnUntil(() => isAtRest(play) && play.cluster("af-south").verdict === "healthy");
  play.troubles = { "ap-south": "silent", "sa-east": "silent", "af-south": "silent" };
  play.turnUntil(({ freeze }) => freeze !== undefined);
  return play;
}

describe("a cluster that is shut out", () => {
  it("is sent nothing from the moment that its identity is seen twice", () => {
    const play = afterShift();
    play.do({ kind: "quarantine-cluster", cluster: cluster("eu-west"), detail: "seen twice" });
    play.turn();
    expect(play.weights("us-east")).toEqual({ "us-east/v1": 10_000 });
    expect(play.weights("eu-west")).toEqual({ "eu-west/v1": 10_000 });
  });

  it("loses its share in a frozen fleet too: revoking is a person's act", () => {
    const play = frozen();
    play.do({ kind: "revoke-cluster", cluster: cluster("eu-west"), reason: "stolen key" });
    play.turn();
    expect(play.state.freeze).toBeDefined();
    expect(play.weights("us-east")).toEqual({ "us-east/v1": 10_000 });
  });

  it("leaves no demand behind that would keep others from being drained", () => {
    const play = afterShift({ demandRps: {} });
    const demandRps = { "shop/checkout": { "ap-south": 5_000, "eu-west": 100, "us-east": 100 } };
    play.do({ kind: "observe", observed: play.observed(), measured: { demandRps, reported: {} } });
    play.do({ kind: "unregister-cluster", cluster: cluster("ap-south"), force: "still-serving" });
    const drain = { maxStepWeight: 2_500, bakeMs: 1_000, force: "no" } as const;
    play.do({ kind: "drain-cluster", cluster: cluster("eu-west"), drain });
    expect(play.cluster("eu-west").drain?.phase).toBe("draining");
  });

  it("ends the shifts that need it, and those of their sources that are left go back to what held before", () => {
    const pace = { maxStepWeight: 2_500, bakeMs: 10_000, toleranceWeight: 500 };
    const play = aSettledFleet({}, { pace });
    play.do(aShift(ALL_ABROAD, { sources: [cluster("ap-south"), cluster("us-east")] }));
    play.turnUntil(() => play.weights("us-east")["eu-west/v1"] === 2_500);
    play.do({ kind: "revoke-cluster", cluster: cluster("ap-south"), reason: "sold" });
    expect(play.state.shifts.get("s1" as ShiftId)?.phase).toBe("failed");
    play.turnUntil(() => isAtRest(play));
    expect(play.weights("us-east")).toEqual({ "us-east/v1": 10_000 });
  });
});

describe("a frozen fleet", () => {
  it("plans what an operator asks although a loss waits for the thaw, which is planned then", () => {
    const play = frozen();
    const reported = { "shop/checkout": { "eu-west/v1": { readyEndpoints: 0 } } };
    play.do({ kind: "observe", observed: play.observed(), measured: { demandRps: {}, reported } });
    const drain = { maxStepWeight: 10_000, bakeMs: 0, force: "over-capacity" } as const;
    play.do({ kind: "drain-cluster", cluster: cluster("us-east"), drain });
    play.turn();
    expect(play.state.freeze).toBeDefined();
    expect(play.service().inputsSequence).toBe(play.service().plannedSequence);
    play.do({ kind: "uncordon-cluster", cluster: cluster("us-east") });
    play.turn();
    play.troubles = {};
    play.turnUntil(({ freeze }) => freeze === undefined);
    play.turnUntil(() => isAtRest(play));
    for (const name of ["eu-west", "us-east"]) expect(play.weights(name)["eu-west/v1"]).toBeUndefined();
  });
});

describe("an abort", () => {
  it("moves the sources of its own shift at once, and none of an older one", () => {
    const pace = { maxStepWeight: 1_000, bakeMs: 10_000, toleranceWeight: 500 };
    const play = aSettledFleet({ routineStepWeight: 1_000 }, { pace });
    play.do(aShift(HALF));
    play.turn(0);
    play.do({ kind: "abort-shift", shift: "s1" as ShiftId, reason: "no" });
    play.turnUntil(() => isAtRest(play));
    play.do({
      kind: "drain-cluster",
      cluster: cluster("us-east"),
      drain: { maxStepWeight: 1_000, bakeMs: 10_000, force: "no" },
    });
    play.turn(0);
    expect(play.weights("us-east")["us-east/v1"]).toBe(9_000);
    play.do(aShift({ "ap-south/v1": 10_000 }, { shift: "s2" as ShiftId, sources: [cluster("eu-west")] }));
    play.turn(0);
    play.do({ kind: "abort-shift", shift: "s2" as ShiftId, reason: "no" });
    play.turn(0);
    expect(play.weights("eu-west")).toEqual({ "eu-west/v1": 10_000 });
    expect(play.weights("us-east")["us-east/v1"]).toBe(9_000);
  });
});
