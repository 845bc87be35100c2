import { describe, expect, it } from "vitest";
import type { ObservedCluster } from "../../src/model/observed.ts";
import type { ShiftId } from "../../src/model/ids.ts";
import { aSettledFleet, aShift, aSpec, cluster, isAtRest, join, Play } from "./play.ts";

const GONE: Partial<ObservedCluster> = { silentForMs: 6_000, isStreamOpen: false, peersReaching: 0, peersFailing: 2 };
const QUICK = { healthyAfterMs: 5_000, rampStepMs: 3_000, emergencyWatchMs: 2_000, routineIntervalMs: 1_000 };
const HALF = { "eu-west/v1": 5_000, "us-east/v1": 5_000 };
const PACE = { maxStepWeight: 10_000, bakeMs: 1_000, toleranceWeight: 500 };

/** us-east sends half to eu-west, everybody else stays at home. */
function aShiftedFleet(settings = {}): Play {
  const play = aSettledFleet({ ...QUICK, ...settings }, { pace: PACE });
  play.do(aShift(HALF));
  play.turnUntil((state) => state.shifts.get("s1" as ShiftId)?.phase === "completed");
  return play;
}

describe("verdicts", () => {
  it.each<[string, Partial<ObservedCluster>, string]>([
    ["reports arrive", {}, "healthy"],
    ["most peers see its gateway fail", { peersReaching: 0, peersFailing: 2 }, "degraded"],
    ["it is silent, all else is well", { silentForMs: 60_000 }, "unknown"],
    [
      "it is silent and its stream is closed, but peers reach it",
      { silentForMs: 60_000, isStreamOpen: false },
      "unknown",
    ],
    ["it is silent and peers see it fail, for too short a time", { ...GONE, silentForMs: 4_999 }, "unknown"],
    ["it is silent and peers see it fail", GONE, "dead"],
    ["nobody has a view of it and its stream is closed", { ...GONE, peersFailing: 0, silentForMs: 15_000 }, "dead"],
    ["nobody has a view of it, but its stream is open", { silentForMs: 60_000, peersReaching: 0 }, "unknown"],
  ])("when %s", (_when, seen, verdict) => {
    const play = aSettledFleet(QUICK);
    play.troubles = { "eu-west": seen };
    play.turn();
    expect(play.cluster("eu-west").verdict).toBe(verdict);
  });

  it("do not change twice for the same reports", () => {
    const play = aSettledFleet(QUICK);
    play.troubles = { "eu-west": GONE };
    const command = { kind: "observe", observed: play.observed(), measured: { demandRps: {}, reported: {} } } as const;
    expect(play.do(command)).not.toEqual([]);
    expect(play.do(command)).toEqual([]);
  });

  it("unknown moves nothing, and costs no agent a revision", () => {
    const play = aShiftedFleet();
    const before = play.state.revisions;
    play.troubles = { "eu-west": { silentForMs: 60_000 } };
    for (let turn = 0; turn < 100; turn += 1) play.turn();
    play.troubles = {};
    for (let turn = 0; turn < 100; turn += 1) play.turn();
    expect(play.state.revisions).toEqual(before);
  });

  it("a new cluster is unknown until it is heard, and unknown does not count as trouble", () => {
    const play = aSettledFleet(QUICK);
    play.troubles = { "ca-north": "silent", "ca-south": "silent", "ca-west": "silent", "ca-east": "silent" };
    join(play, "ca-north", "ca-south", "ca-west", "ca-east");
    play.turn(60_000);
    expect(play.cluster("ca-north").verdict).toBe("unknown");
    expect(play.state.freeze).toBeUndefined();
  });

  it("a new leader that has heard nobody yet changes no verdict", () => {
    const play = aSettledFleet({ ...QUICK, coldStartMs: 60_000 });
    play.collectingForMs = 20_000;
    play.troubles = { "ap-south": "silent", "eu-west": "silent", "us-east": "silent" };
    const { sequence } = play.state;
    play.turn();
    expect(play.state.sequence).toBe(sequence);
    play.collectingForMs = 61_000;
    play.turn(61_000);
    expect(play.cluster("eu-west").verdict).toBe("unknown");
  });
});

describe("a cluster's death and return", () => {
  it("moves what others sent it at once, and its own callers keep their plan", () => {
    const play = aShiftedFleet();
    play.troubles = { "eu-west": GONE };
    play.turn();
    expect(play.weights("us-east")["eu-west/v1"] ?? 0).toBe(0);
    expect(play.weights("eu-west")).toEqual({ "eu-west/v1": 10_000 });
    expect(play.service().rollout?.plan.urgency).toBe("emergency");
    expect(play.service().pins[cluster("us-east")], "the pin stays").toHaveLength(2);
  });

  it("stays dead until it looked well long enough, then climbs its ramp to the old split", () => {
    const play = aShiftedFleet();
    play.troubles = { "eu-west": GONE };
    play.turn();
    play.troubles = {};
    play.turn();
    expect(play.cluster("eu-west")).toMatchObject({ verdict: "dead", wellSinceMs: play.atMs });
    const seen = new Set<number>();
    play.turnUntil(() => {
      seen.add(play.weights("us-east")["eu-west/v1"] ?? 0);
      return play.weights("us-east")["eu-west/v1"] === 5_000;
    });
    expect([...seen]).toEqual([0, 1_000, 2_500, 5_000]);
    play.turnUntil(() => play.cluster("eu-west").ramp === undefined);
    expect(play.cluster("eu-west").verdict).toBe("healthy");
  });

  it("a relapse starts the wait anew", () => {
    const play = aShiftedFleet();
    play.troubles = { "eu-west": GONE };
    play.turn();
    play.troubles = {};
    play.turn(4_000);
    play.troubles = { "eu-west": GONE };
    play.turn(1_000);
    expect(play.cluster("eu-west").wellSinceMs).toBeUndefined();
    play.troubles = {};
    play.turn();
    play.turn(4_000);
    expect(play.cluster("eu-west").verdict).toBe("dead");
    play.turn(1_000);
    expect(play.cluster("eu-west").verdict).toBe("healthy");
  });

  it("a ramp stands still while the cluster is not healthy", () => {
    const play = aShiftedFleet();
    play.troubles = { "eu-west": GONE };
    play.turn();
    play.troubles = {};
    play.turnUntil(() => play.cluster("eu-west").verdict === "healthy");
    play.troubles = { "eu-west": { peersReaching: 0, peersFailing: 2 } };
    for (let turn = 0; turn < 30; turn += 1) play.turn();
    expect(play.cluster("eu-west").ramp?.ceilingWeight).toBe(1_000);
  });

  it("holds a running shift to a dead destination, which goes on after its return", () => {
    const play = aSettledFleet(QUICK, { pace: { ...PACE, maxStepWeight: 2_500, bakeMs: 5_000 } });
    play.do(aShift(HALF));
    play.plan();
    play.troubles = { "eu-west": GONE };
    play.turn();
    play.turn();
    expect(play.state.shifts.get("s1" as ShiftId)).toMatchObject({ phase: "holding", detail: "eu-west is dead" });
    play.troubles = {};
    play.turnUntil((state) => state.shifts.get("s1" as ShiftId)?.phase === "completed");
    expect(play.weights("us-east")).toEqual(HALF);
  });
});

describe("the freeze", () => {
  it("takes two of three clusters gone at once for the planner's own blindness", () => {
    const play = aShiftedFleet();
    const before = play.state.revisions;
    play.troubles = { "eu-west": GONE, "ap-south": GONE };
    for (let turn = 0; turn < 30; turn += 1) play.turn();
    expect(play.state.freeze?.reason).toBe("2 of 3 clusters are unknown or dead");
    expect(play.cluster("eu-west").verdict).toBe("unknown");
    expect(play.state.revisions).toEqual(before);
  });

  it("freezes on many that turn bad together although they are the minority", () => {
    const play = new Play({ ...QUICK, coldStartMs: 1_000 });
    play.do({ kind: "begin-term", holder: "a", witnessedEpoch: 0, incarnationId: "x" });
    join(play, "c1", "c2", "c3", "c4", "c5");
    play.troubles = { c1: GONE, c2: GONE };
    play.turn();
    expect(play.state.freeze?.reason).toBe("2 of 5 clusters turned bad within 60 s");
    expect(play.cluster("c1").verdict).toBe("unknown");
  });

  it("believes the loss of one cluster after another when the windows are apart", () => {
    const play = new Play({ ...QUICK, coldStartMs: 1_000 });
    play.do({ kind: "begin-term", holder: "a", witnessedEpoch: 0, incarnationId: "x" });
    join(play, "c1", "c2", "c3", "c4", "c5");
    play.troubles = { c1: GONE };
    play.turn();
    play.turn(61_000);
    play.troubles = { c1: GONE, c2: GONE };
    play.turn();
    expect([play.cluster("c1").verdict, play.cluster("c2").verdict]).toEqual(["dead", "dead"]);
  });

  it("lets an operator abort and shift all the same", () => {
    const play = aSettledFleet(QUICK, { pace: { ...PACE, maxStepWeight: 2_500 } });
    play.do(aShift(HALF));
    play.plan();
    play.troubles = { "eu-west": GONE, "ap-south": GONE };
    play.turn();
    expect(play.state.freeze).toBeDefined();
    play.do({ kind: "abort-shift", shift: "s1" as ShiftId, reason: "incident" });
    play.turn();
    expect(play.weights("us-east")).toEqual({ "us-east/v1": 10_000 });
  });

  it("thaws when the clusters are heard again, and nothing has moved", () => {
    const play = aShiftedFleet();
    const before = play.state.revisions;
    play.troubles = { "eu-west": GONE, "ap-south": GONE };
    play.turn();
    play.troubles = {};
    play.turnUntil((state) => state.freeze === undefined);
    play.turnUntil(() => isAtRest(play));
    expect(play.cluster("eu-west").verdict).toBe("healthy");
    expect(play.state.revisions).toEqual(before);
  });

  it("moves nothing on numbers alone", () => {
    const play = aSettledFleet(QUICK, { demandRps: {}, pace: PACE });
    play.troubles = { "eu-west": GONE, "ap-south": GONE };
    play.turn();
    const { revisions } = play.state;
    const service = play.service().spec.service;
    const measured = { demandRps: { [service]: { [cluster("us-east")]: 5_000 } }, reported: {} };
    play.do({ kind: "observe", observed: play.observed(), measured });
    for (let turn = 0; turn < 20; turn += 1) play.turn();
    expect(play.state.revisions).toEqual(revisions);
  });
});

describe("the floor of serving clusters", () => {
  it("is half of the members: of two, one may die and the other may not", () => {
    const play = new Play({ ...QUICK, coldStartMs: 1_000, panicRatio: 2, correlatedRatio: 2 });
    play.do({ kind: "begin-term", holder: "a", witnessedEpoch: 0, incarnationId: "x" });
    join(play, "c1", "c2");
    play.do({ kind: "apply-service", spec: aSpec(["c1/v1", "c2/v1"]) });
    play.turn();
    play.troubles = { c1: { ...GONE, silentForMs: 7_000 }, c2: GONE };
    play.turn();
    expect([play.cluster("c1").verdict, play.cluster("c2").verdict]).toEqual(["dead", "unknown"]);
  });
});
