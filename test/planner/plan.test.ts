import { describe, expect, it } from "vitest";
import type { ClusterId } from "../../src/model/ids.ts";
import {
  aFleet,
  applied,
  aShift,
  changeCluster,
  CHECKOUT,
  LOCAL,
  planned,
  planOf,
  threeClusters,
  UNPACED,
  WATERFALL,
  withShifts,
} from "./planning-fleet.ts";
import { planServices } from "../../src/planner/plan.ts";

describe("where requests go", () => {
  it("keeps requests at home while there is room", () => {
    const planning = planOf(threeClusters());
    expect(planned(planning, "us-east")).toEqual({ "us-east/v1": 10_000 });
    expect(planned(planning, "eu-west")).toEqual({ "eu-west/v1": 10_000 });
    expect(planning).toMatchObject({ urgency: "routine", isFinalStep: true, inputsSequence: 7 });
  });

  it("spills what is above the threshold to the nearest cluster with room", () => {
    // 500 rps; home takes 400 x 0.8 = 320; eu-west has 320 - 100 = 220 left and is nearer than ap-south.
    const planning = planOf(threeClusters({}, { demandRps: 500 }));
    expect(planned(planning, "us-east")).toEqual({ "us-east/v1": 6_400, "eu-west/v1": 3_600 });
  });

  it("goes on to the next nearest when the nearest is full as well", () => {
    // 700 rps: 320 at home, 220 in eu-west, the last 160 in ap-south.
    const planning = planOf(threeClusters({}, { demandRps: 700 }));
    expect(planned(planning, "us-east")).toEqual({ "us-east/v1": 4_571, "eu-west/v1": 3_143, "ap-south/v1": 2_286 });
  });

  it("raises every threshold alike when demand exceeds them all", () => {
    // 1200 rps on 3 x 320: each takes 400, its whole capacity.
    const planning = planOf(threeClusters({}, { demandRps: 1_000 }));
    expect(planned(planning, "us-east")).toEqual({ "us-east/v1": 4_000, "eu-west/v1": 3_000, "ap-south/v1": 3_000 });
    expect(planned(planning, "eu-west")).toEqual({ "eu-west/v1": 10_000 });
  });

  it("sends a cluster without the service to the nearest that has it", () => {
    const planning = planOf(threeClusters({}, { versions: {} }));
    expect(planned(planning, "us-east")).toEqual({ "eu-west/v1": 10_000 });
    expect(planning.routeSets["us-east" as ClusterId]?.serves).toEqual([]);
  });

  it("gives the stable version alone to sources that nobody pinned", () => {
    const planning = planOf(threeClusters({}, { versions: { v1: 400, v2: 400 } }));
    expect(planned(planning, "us-east")).toEqual({ "us-east/v1": 10_000 });
    expect(planning.routeSets["us-east" as ClusterId]?.serves).toEqual(["v1", "v2"]);
  });

  it("believes a declared capacity rather than a reported one", () => {
    const reported = { "us-east/v1": { readyEndpoints: 2, capacityRps: 50 } };
    expect(planned(planOf(threeClusters({ state: { reported } })), "us-east")).toEqual({ "us-east/v1": 10_000 });
    const undeclared = threeClusters({ state: { reported } }, { versions: { v1: undefined } });
    expect(planned(planOf(undeclared, WATERFALL), "us-east")).toEqual({ "us-east/v1": 4_000, "eu-west/v1": 6_000 });
  });

  it("plans only services that exist, each once, in order of name", () => {
    const state = threeClusters();
    const names = [CHECKOUT, "shop/none" as typeof CHECKOUT, CHECKOUT];
    expect(planServices(state, names, UNPACED).map(({ service }) => service)).toEqual([CHECKOUT]);
  });
});

describe("a dead cluster", () => {
  const dead = { verdict: "dead" } as const;

  it("loses its share at once, to where there is room, and nothing else moves", () => {
    const released = { ...LOCAL, "us-east": { "us-east/v1": 5_000, "eu-west/v1": 5_000 } };
    const pins = { "us-east": released["us-east"] };
    const planning = planOf(changeCluster(threeClusters({ released, pins }), "eu-west", dead));
    expect(planning.urgency).toBe("emergency");
    expect(planned(planning, "us-east")).toEqual({ "us-east/v1": 10_000 });
    expect(planned(planning, "ap-south")).toEqual({ "ap-south/v1": 10_000 });
    expect(planning.waves).toEqual([["ap-south", "eu-west", "us-east"]]);
  });

  it("does not hurry a shift that is under way elsewhere", () => {
    const released = { ...LOCAL, "us-east": { "us-east/v1": 5_000, "eu-west/v1": 5_000 } };
    const state = withShifts(
      threeClusters({ released, pins: { "ap-south": { "us-east/v1": 10_000 } } }),
      aShift(["ap-south"]),
    );
    const planning = planOf(changeCluster(state, "eu-west", dead));
    expect(planned(planning, "us-east")).toEqual({ "us-east/v1": 10_000 });
    expect(planned(planning, "ap-south")).toEqual({ "ap-south/v1": 10_000 });
    expect(planning.isFinalStep).toBe(false);
  });

  it("still finds itself at home when its own callers are back", () => {
    const planning = planOf(changeCluster(threeClusters({ released: LOCAL }), "eu-west", dead));
    expect(planned(planning, "eu-west")).toEqual({ "eu-west/v1": 10_000 });
    expect(planning.urgency).toBe("routine");
  });

  it("asks for nothing: its demand takes nobody's room", () => {
    const state = threeClusters({}, { demandRps: 500 }, { demandRps: 5_000, state: dead });
    expect(planned(planOf(state), "us-east")).toEqual({ "us-east/v1": 6_400, "ap-south/v1": 3_600 });
  });

  it("returns in a ramp: no source sends it more than the ceiling", () => {
    const pins = { "us-east": { "us-east/v1": 5_000, "eu-west/v1": 5_000 } };
    const ramp = { startedAtMs: 0, ceilingWeight: 1_000, changedAtMs: 0 };
    const planning = planOf(changeCluster(threeClusters({ released: LOCAL, pins }), "eu-west", { ramp }));
    expect(planned(planning, "us-east")).toEqual({ "us-east/v1": 9_000, "eu-west/v1": 1_000 });
    expect(planned(planning, "eu-west")).toEqual({ "eu-west/v1": 10_000 });
    expect(planning.isFinalStep).toBe(true);
  });

  it("leaves the route set alone when nobody else serves", () => {
    const only = aFleet(
      { "us-east": { demandRps: 10 }, "eu-west": { versions: { v1: 100 } } },
      { released: { "us-east": { "eu-west/v1": 10_000 } } },
    );
    const planning = planOf(changeCluster(only, "eu-west", dead));
    expect(planned(planning, "us-east")).toEqual({ "eu-west/v1": 10_000 });
    expect(planning).toMatchObject({ urgency: "routine", isFinalStep: true });
  });

  it("gets no route set for a source that was never told anything and has nowhere to go", () => {
    const only = aFleet({ "us-east": {}, "eu-west": { versions: { v1: 100 }, state: dead } });
    expect(Object.keys(planOf(only).routeSets)).toEqual(["eu-west"]);
  });
});

describe("other ways to lose a destination", () => {
  const released = { ...LOCAL, "us-east": { "us-east/v1": 5_000, "eu-west/v1": 5_000 } };

  it.each([
    ["revoked", { membership: "revoked" }],
    ["quarantined", { isQuarantined: true }],
  ] as const)("moves what a %s cluster had at once", (_name, change) => {
    const planning = planOf(changeCluster(threeClusters({ released }), "eu-west", change));
    expect(planned(planning, "us-east")).toEqual({ "us-east/v1": 10_000 });
    expect(planning.urgency).toBe("emergency");
  });

  it("drops a source that is no member any more", () => {
    const planning = planOf(changeCluster(threeClusters({ released }), "eu-west", { membership: "revoked" }));
    expect(Object.keys(planning.routeSets)).toEqual(["ap-south", "us-east"]);
  });

  it("sends nothing to a cluster without a gateway", () => {
    const hidden = changeCluster(threeClusters({}, { demandRps: 500 }), "eu-west", {
      spec: { cluster: "eu-west" as ClusterId, region: "", labels: {}, rttMs: {} },
    });
    expect(planned(planOf(hidden), "us-east")).toEqual({ "us-east/v1": 6_400, "ap-south/v1": 3_600 });
  });

  it("moves what went to a destination without a ready endpoint, its own callers too", () => {
    const state = threeClusters({ released, readyEndpoints: { "eu-west/v1": 0, "us-east/v1": 3 } });
    const planning = planOf(state);
    expect(planned(planning, "us-east")).toEqual({ "us-east/v1": 10_000 });
    expect(planned(planning, "eu-west")).toEqual({ "us-east/v1": 10_000 });
  });

  it("does not believe that most clusters have no ready endpoint", () => {
    const readyEndpoints = { "eu-west/v1": 0, "us-east/v1": 0, "ap-south/v1": 1 };
    const planning = planOf(threeClusters({ released, readyEndpoints }));
    expect(planned(planning, "us-east")).toEqual({ "us-east/v1": 10_000 - 5_000, "eu-west/v1": 5_000 });
    expect(planning.urgency).not.toBe("emergency");
  });

  it("redistributes a lost version to the same version elsewhere, else to another", () => {
    const v2 = { versions: { v1: 400, v2: 400 } };
    const pins = { "us-east": { "us-east/v1": 9_000, "us-east/v2": 1_000 } };
    const options = { pins, readyEndpoints: { "us-east/v2": 0, "us-east/v1": 1 } };
    expect(planned(planOf(threeClusters(options, v2, {}, v2)), "us-east")).toEqual({
      "us-east/v1": 9_000,
      "ap-south/v2": 1_000,
    });
    expect(planned(planOf(threeClusters(options, v2)), "us-east")).toEqual({ "us-east/v1": 10_000 });
  });
});

describe("unknown, cordoned, new", () => {
  const released = { ...LOCAL, "us-east": { "us-east/v1": 8_000, "eu-west/v1": 2_000 } };
  const pins = { "us-east": { "us-east/v1": 2_000, "eu-west/v1": 8_000 } };

  it.each([
    ["an unknown cluster", { verdict: "unknown" }],
    ["a cordoned cluster", { isCordoned: true }],
  ] as const)("leaves %s what it has and gives it no more", (_name, change) => {
    const planning = planOf(changeCluster(threeClusters({ released, pins }), "eu-west", change));
    expect(planned(planning, "us-east")).toEqual({ "us-east/v1": 8_000, "eu-west/v1": 2_000 });
  });

  it("lets an unknown cluster's own callers start at home", () => {
    const state = changeCluster(threeClusters(), "eu-west", { verdict: "unknown" });
    expect(planned(planOf(state), "eu-west")).toEqual({ "eu-west/v1": 10_000 });
  });

  it("raises a cordoned cluster only when nothing else is left", () => {
    const state = aFleet({
      "us-east": { demandRps: 10 },
      "eu-west": { versions: { v1: 100 }, state: { isCordoned: true } },
    });
    expect(planned(planOf(state), "us-east")).toEqual({ "eu-west/v1": 10_000 });
  });
});

describe("a drain", () => {
  const drain = { startedAtMs: 0, maxStepWeight: 2_500, bakeMs: 0, phase: "draining" } as const;
  const released = { ...LOCAL, "us-east": { "us-east/v1": 5_000, "ap-south/v1": 5_000 } };

  it("brings the share down step by step, to nothing", () => {
    let state = changeCluster(threeClusters({ released }), "ap-south", { drain });
    const seen: unknown[] = [];
    for (let step = 0; step < 4; step += 1) {
      const planning = planOf(state);
      expect(planning.urgency).toBe("operator");
      expect(planning.isFinalStep).toBe(step === 3);
      seen.push(planned(planning, "ap-south"));
      state = applied(state, planning);
    }
    expect(seen).toEqual([
      { "ap-south/v1": 7_500, "eu-west/v1": 2_500 },
      { "ap-south/v1": 5_000, "eu-west/v1": 5_000 },
      { "ap-south/v1": 2_500, "eu-west/v1": 7_500 },
      { "eu-west/v1": 10_000 },
    ]);
    expect(planned(planOf(state), "us-east")).toEqual({ "us-east/v1": 10_000 });
  });

  it("has no limit any more once its deadline has passed", () => {
    const overdue = { ...drain, deadlineAtMs: 999_999 };
    const state = changeCluster(threeClusters({ released }), "ap-south", { drain: overdue });
    expect(planned(planOf(state), "ap-south")).toEqual({ "eu-west/v1": 10_000 });
  });

  it("is the last resort where nothing else serves", () => {
    const state = aFleet({ "us-east": { demandRps: 10 }, "eu-west": { versions: { v1: 100 }, state: { drain } } });
    expect(planned(planOf(state), "us-east")).toEqual({ "eu-west/v1": 10_000 });
  });
});

describe("a shift", () => {
  const pins = { "us-east": { "us-east/v1": 4_000, "eu-west/v1": 6_000 } };

  it("moves at most its step, sender after receiver", () => {
    const state = withShifts(threeClusters({ released: LOCAL, pins }), aShift(["us-east"]));
    const planning = planOf(state);
    expect(planned(planning, "us-east")).toEqual({ "us-east/v1": 7_500, "eu-west/v1": 2_500 });
    expect(planning).toMatchObject({ urgency: "operator", isFinalStep: false });
    const second = planOf(applied(state, planning));
    expect(planned(second, "us-east")).toEqual({ "us-east/v1": 5_000, "eu-west/v1": 5_000 });
    const third = planOf(applied(applied(state, planning), second));
    expect(planned(third, "us-east")).toEqual(pins["us-east"]);
    expect(third.isFinalStep).toBe(true);
  });

  it("stands still while it holds, and still has a step to take", () => {
    const state = withShifts(threeClusters({ released: LOCAL, pins }), aShift(["us-east"], { phase: "holding" }));
    const planning = planOf(state);
    expect(planned(planning, "us-east")).toEqual({ "us-east/v1": 10_000 });
    expect(planning.isFinalStep).toBe(false);
  });

  it("is undone at once by an abort", () => {
    const released = { ...LOCAL, "us-east": pins["us-east"] };
    const state = withShifts(
      threeClusters({ released, state: { inputsCause: "abort" } }),
      aShift(["us-east"], { phase: "aborted" }),
    );
    const planning = planOf(state);
    expect(planned(planning, "us-east")).toEqual({ "us-east/v1": 10_000 });
    expect(planning).toMatchObject({ urgency: "emergency", isFinalStep: true });
    expect(planOf(applied(state, planning)).urgency).toBe("routine");
  });

  it("keeps other sources inside the receiver's capacity", () => {
    // eu-west takes 320: 100 of us-east pinned to it leave 220 of its own 300 at home.
    const state = withShifts(
      threeClusters({ pins: { "us-east": { "eu-west/v1": 10_000 } } }, {}, { demandRps: 300 }),
      aShift(["us-east"]),
    );
    expect(planned(planOf(state), "eu-west")).toEqual({ "eu-west/v1": 7_333, "us-east/v1": 2_667 });
  });
});

describe("a frozen fleet", () => {
  const freeze = { sinceMs: 0, reason: "too many clusters in trouble" };
  const released = { ...LOCAL, "us-east": { "us-east/v1": 5_000, "eu-west/v1": 5_000 } };

  it("moves nothing by itself, not even away from the dead", () => {
    const state = changeCluster(threeClusters({ released }), "eu-west", { verdict: "dead" });
    const planning = planOf({ ...state, freeze });
    expect(planned(planning, "us-east")).toEqual(released["us-east"]);
    expect(planning.urgency).toBe("routine");
  });

  it("still lets operators move what they name", () => {
    const pins = { "ap-south": { "us-east/v1": 10_000 } };
    const state = withShifts(threeClusters({ released, pins }), aShift(["ap-south"], { maxStepWeight: 10_000 }));
    const planning = planOf({ ...state, freeze });
    expect(planned(planning, "ap-south")).toEqual({ "us-east/v1": 10_000 });
    expect(planned(planning, "us-east")).toEqual(released["us-east"]);
  });
});
