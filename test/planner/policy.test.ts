import { describe, expect, it } from "vitest";
import type { ServicePolicy } from "../../src/model/fleet-document.ts";
import type { FleetState } from "../../src/model/fleet.ts";
import type { ClusterId } from "../../src/model/ids.ts";
import { OPEN_POLICY } from "../../src/model/service.ts";
import type { ServiceSpec } from "../../src/model/service.ts";
import { checkPlan } from "../../src/planner/check.ts";
import { offersTo } from "../../src/planner/eligible.ts";
import {
  aFleet,
  applied,
  changeCluster,
  changeService,
  committed,
  LOCAL,
  planned,
  planOf,
  serviceOf,
  split,
  textOf,
  threeClusters,
  UNPACED,
} from "./planning-fleet.ts";
import type { ClusterOptions, ServiceOptions, SplitText } from "./planning-fleet.ts";
import { aSettledFleet, aShift, aSpec, cluster, isAtRest } from "./play.ts";
import type { Play } from "./play.ts";

const [US, EU, AP] = [cluster("us-east"), cluster("eu-west"), cluster("ap-south")];

function bound(policy: Partial<ServicePolicy>, options: ServiceOptions = {}): ServiceOptions {
  return { policy, ...options };
}

/** Texts of the reasons of one kind for what a source sends. */
function reasons(state: FleetState, source: string, kind: string): readonly string[] {
  return planOf(state)
    .reasons.filter((reason) => reason.cluster === source && reason.kind === kind)
    .map(({ text }) => text);
}

function fallbackOf(state: FleetState, source: string, key: string) {
  const routes = planOf(state).routeSets[source as ClusterId]?.rules[0]?.routes ?? [];
  return textOf(routes.find(({ destination }) => `${destination.cluster}/${destination.version}` === key)?.fallback);
}

/** us-east with twice the demand that it takes; the others have room. */
const HOT: ClusterOptions = { demandRps: 640 };

describe("what a policy forbids gets nothing", () => {
  const rules: readonly (readonly [string, Partial<ServicePolicy>, object])[] = [
    ["that is denied", { deniedClusters: [EU] }, { "ap-south/v1": 5_000, "us-east/v1": 5_000 }],
    ["that is not allowed", { allowedClusters: [US, AP] }, { "ap-south/v1": 5_000, "us-east/v1": 5_000 }],
    ["that lacks a label", { requiredLabels: { zone: "a" } }, { "ap-south/v1": 5_000, "us-east/v1": 5_000 }],
    ["that is another than the caller's", { isolation: "strict" }, { "us-east/v1": 10_000 }],
  ];

  it.each(rules)("as spill-over: a cluster %s", (_, policy, weights) => {
    const zone = { labels: { zone: "a" } };
    const state = threeClusters(bound(policy), { ...HOT, ...zone }, { demandRps: 0 }, { demandRps: 0, ...zone });
    expect(planned(planOf(state), "us-east")).toEqual(weights);
  });

  it.each(rules)("as a fallback: a cluster %s", (_, policy) => {
    const zone = { labels: { zone: "a" } };
    const state = threeClusters(bound(policy), zone, {}, zone);
    expect(fallbackOf(state, "us-east", "us-east/v1")).toEqual(
      policy.isolation === "strict" ? {} : { "ap-south/v1": 10_000 },
    );
  });

  it("as a last resort: who may serve is overloaded, drained or cordoned before anybody else is asked", () => {
    const drain = { startedAtMs: 0, maxStepWeight: 2_500, bakeMs: 0, phase: "draining" as const };
    const state = threeClusters(bound({ allowedClusters: [US] }), { ...HOT, state: { drain, isCordoned: true } });
    expect(planned(planOf(state), "us-east")).toEqual({ "us-east/v1": 10_000 });
    expect(planned(planOf(state), "eu-west")).toEqual({ "us-east/v1": 10_000 });
  });

  it("and takes a region for the label of that name, as selectors do, unless there is one", () => {
    const residency = bound({ requiredLabels: { region: "eu-west" } });
    expect(planned(planOf(threeClusters(residency)), "us-east")).toEqual({ "eu-west/v1": 10_000 });
    const labelled = threeClusters(residency, { labels: { region: "eu-west" } }, { labels: { region: "eu" } });
    expect(planned(planOf(labelled), "eu-west")).toEqual({ "us-east/v1": 10_000 });
  });

  it("and is no way out when all that may serve are gone: the source keeps what it has, and is told why", () => {
    const policy = { allowedClusters: [US, AP] };
    const released = { ...LOCAL, "us-east": { "ap-south/v1": 4_000, "us-east/v1": 6_000 } };
    let state = threeClusters(bound(policy, { released, readyEndpoints: { "us-east/v1": 0 } }));
    state = changeCluster(state, "ap-south", { verdict: "dead" });
    const planning = planOf(state);
    expect(planned(planning, "us-east")).toEqual(released["us-east"]);
    expect(planning.routeSets[US]).toBe(state.routeSets.get(serviceOf(state).released[US] ?? ("" as never)));
    expect(reasons(state, "us-east", "policy")[0]).toBe(
      "nothing that may serve this source does: it keeps what was released to it last " +
        "(eu-west may not serve it: allowedClusters names us-east, ap-south alone)",
    );
  });
});

describe("a route set that is kept", () => {
  const open = applied(threeClusters(), planOf(threeClusters()));
  const denied = changeService(open, {
    spec: { ...serviceOf(open).spec, policy: { ...OPEN_POLICY, allowedClusters: [US, AP] } },
  });
  const gone = { "us-east/v1": { readyEndpoints: 0 }, "ap-south/v1": { readyEndpoints: 0 } };

  const stranded = changeCluster(changeService(denied, { reported: gone }), "ap-south", { verdict: "dead" });
  const { spec } = serviceOf(stranded);
  const elsewhere = spec.deployments.filter((found) => found.cluster !== EU);

  it.each<[string, FleetState]>([
    ["for want of anything that is allowed", stranded],
    ["though its fallback is deployed no more", changeService(stranded, { spec: { ...spec, deployments: elsewhere } })],
    ["because the fleet is frozen", { ...denied, freeze: { sinceMs: 0, reason: "test" } }],
  ])("%s, falls back nowhere that has come to be forbidden, and passes the checker", (_, state) => {
    expect(fallbackOf(open, "us-east", "us-east/v1")).toEqual({ "eu-west/v1": 10_000 });
    const planning = planOf(state);
    expect(planned(planning, "us-east")).toEqual({ "us-east/v1": 10_000 });
    expect(fallbackOf(state, "us-east", "us-east/v1")).toEqual({});
    expect(planning.routeSets[US]?.reaches.map(({ destination }) => destination.cluster)).toEqual([US]);
    const done = committed(state, planning);
    expect(checkPlan(done.state, done.plan, UNPACED)).toEqual({ ok: true, value: undefined });
    const kept = { ...planning, routeSets: { ...planning.routeSets, ...planOf(open).routeSets } };
    const asItWas = committed(state, kept);
    expect(checkPlan(asItWas.state, asItWas.plan, UNPACED)).toMatchObject({ refusal: { code: "POLICY_FORBIDS" } });
  });
});

describe("a share that a new policy forbids", () => {
  const away = {
    ...LOCAL,
    "us-east": { "eu-west/v1": 6_000, "us-east/v1": 4_000 },
    "eu-west": { "us-east/v1": 10_000 },
  };

  it("comes down in an operator's steps, is no emergency, and says which rule takes it", () => {
    let state = threeClusters(bound({ deniedClusters: [EU] }, { released: away, maxStepWeight: 2_500 }));
    const weights: number[] = [];
    for (let step = 0; step < 3; step += 1) {
      const planning = planOf(state);
      expect(planning.urgency).toBe("operator");
      expect(planning.isFinalStep).toBe(step === 2);
      weights.push(planned(planning, "us-east")["eu-west/v1"] ?? 0);
      state = applied(state, planning);
    }
    expect(weights).toEqual([3_500, 1_000, 0]);
    expect(planOf(state).urgency).toBe("routine");
    expect(reasons(threeClusters(bound({ deniedClusters: [EU] }, { released: away })), "us-east", "policy")).toContain(
      "eu-west may not serve it: deniedClusters names it; 6000 of 10000 leave it step by step",
    );
  });

  it("waits for each wave to bake, though no shift and no drain runs", () => {
    const pace = { ...aSpec([]).pace, bakeMs: 20_000 };
    const play = aSettledFleet({}, { pace });
    play.do(aShift({ "eu-west/v1": 10_000 }, { bakeMs: 0, maxStepWeight: 10_000 }));
    play.turnUntil(() => isAtRest(play) && play.weights("us-east")["eu-west/v1"] === 10_000);
    play.do({ kind: "apply-service", spec: denying(play, EU) });
    const seen: number[] = [];
    const from = play.atMs;
    play.turnUntil(() => {
      const weight = play.weights("us-east")["eu-west/v1"] ?? 0;
      if (weight !== seen.at(-1)) seen.push(weight);
      return isAtRest(play) && weight === 0;
    });
    expect(seen).toEqual([10_000, 7_500, 5_000, 2_500, 0]);
    expect(play.atMs - from).toBeGreaterThanOrEqual(4 * pace.bakeMs);
  });

  it("goes on coming down while the fleet is frozen: a person asked for it", () => {
    const fleet = threeClusters(bound({ deniedClusters: [EU] }, { released: away, maxStepWeight: 2_500 }));
    const state = { ...fleet, freeze: { sinceMs: 0, reason: "test" } };
    expect(planned(planOf(state), "us-east")["eu-west/v1"]).toBe(3_500);
  });

  it("gets nothing of what another destination loses", () => {
    const state = threeClusters(
      bound({ deniedClusters: [EU] }, { released: away, readyEndpoints: { "us-east/v1": 0 } }),
    );
    const planning = planOf(state);
    expect(planning.urgency).toBe("emergency");
    expect(planned(planning, "us-east")).toEqual({ "ap-south/v1": 4_000, "eu-west/v1": 6_000 });
  });

  it("is taken from a shift that has ended as well, and the shift is named no cause of it", () => {
    const pins = { "us-east": { "eu-west/v1": 6_000, "us-east/v1": 4_000 } };
    const state = threeClusters(bound({ deniedClusters: [EU] }, { pins, released: LOCAL }));
    expect(planned(planOf(state), "us-east")).toEqual({ "us-east/v1": 10_000 });
    expect(reasons(state, "us-east", "policy")).toEqual([
      "eu-west may not serve it: deniedClusters names it; the 6000 of 10000 of a shift go elsewhere",
    ]);
  });

  it("ends the shift that was to bring it about", () => {
    const play = aSettledFleet();
    play.do(aShift({ "eu-west/v1": 5_000, "us-east/v1": 5_000 }));
    play.turnUntil(() => (play.weights("us-east")["eu-west/v1"] ?? 0) > 0);
    const events = play.do({ kind: "apply-service", spec: denying(play, EU) });
    expect(events[0]).toMatchObject({
      kind: "shift-moved",
      phase: "failed",
      detail: "eu-west may not serve it: deniedClusters names it",
    });
    play.turnUntil(() => isAtRest(play) && play.weights("us-east")["us-east/v1"] === 10_000, { ms: 60_000 });
  });
});

function denying(play: Play, denied: ClusterId): ServiceSpec {
  return { ...play.service().spec, policy: { ...OPEN_POLICY, deniedClusters: [denied] } };
}

describe("isolation nearest", () => {
  const NEAREST = bound({ isolation: "nearest" });

  it("overloads home rather than leave it for load, and says so", () => {
    const state = threeClusters(NEAREST, HOT);
    expect(planned(planOf(state), "us-east")).toEqual({ "us-east/v1": 10_000 });
    const texts = planOf(state).reasons.filter((reason) => reason.cluster === "us-east");
    expect(texts.map(({ text }) => text).join("\n")).toMatch(
      /rps\) stays at home beyond its room: isolation nearest overloads it rather than let it leave; it takes 320 rps/,
    );
    expect(reasons(state, "us-east", "policy")).toEqual([
      "nothing else may serve us-east (640 rps): isolation nearest keeps v1 at home, so that ap-south stands by; " +
        "isolation nearest keeps v1 at home, so that eu-west stands by",
    ]);
  });

  it("brings home what is elsewhere", () => {
    const released = { ...LOCAL, "us-east": { "eu-west/v1": 6_000, "us-east/v1": 4_000 } };
    expect(planned(planOf(threeClusters({ ...NEAREST, released })), "us-east")).toEqual({ "us-east/v1": 10_000 });
  });

  it("leaves when its version serves nowhere at home, be it that another version does", () => {
    const released = LOCAL;
    const empty = threeClusters({ ...NEAREST, released, readyEndpoints: { "us-east/v1": 0 } });
    expect(planned(planOf(empty), "us-east")).toEqual({ "eu-west/v1": 10_000 });
    expect(reasons(empty, "us-east", "spillover").join()).toContain(
      "isolation nearest, and v1 does not take everything",
    );
    const other = threeClusters(NEAREST, { versions: { v2: 400 } });
    expect(planned(planOf(other), "us-east")).toEqual({ "eu-west/v1": 10_000 });
  });

  it("has a fallback elsewhere for the loss of home", () => {
    expect(fallbackOf(threeClusters(NEAREST), "us-east", "us-east/v1")).toEqual({ "eu-west/v1": 10_000 });
  });

  it("returns no faster than home comes back, and leaves a home that is drained", () => {
    const ramp = { startedAtMs: 0, ceilingWeight: 1_000, changedAtMs: 0 };
    const released = { ...LOCAL, "us-east": { "eu-west/v1": 10_000 } };
    const returning = changeCluster(threeClusters({ ...NEAREST, released }), "us-east", { ramp });
    expect(planned(planOf(returning), "us-east")).toEqual({ "eu-west/v1": 9_000, "us-east/v1": 1_000 });
    const drain = { startedAtMs: 0, maxStepWeight: 10_000, bakeMs: 0, phase: "draining" as const };
    const drained = changeCluster(threeClusters({ ...NEAREST, released: LOCAL }), "us-east", { drain });
    expect(planned(planOf(drained), "us-east")).toEqual({ "eu-west/v1": 10_000 });
  });

  it("lets an operator's shift leave all the same", () => {
    const play = aSettledFleet({}, { policy: { ...OPEN_POLICY, isolation: "nearest" } });
    play.do(aShift({ "eu-west/v1": 10_000 }, { bakeMs: 0, maxStepWeight: 10_000 }));
    play.turnUntil(() => isAtRest(play) && [...play.state.shifts.values()][0]?.phase === "completed");
    expect(play.weights("us-east")).toEqual({ "eu-west/v1": 10_000 });
  });
});

describe("maxShare", () => {
  it("is the most that one destination gets of a source, the rest goes on as if it were full", () => {
    const state = threeClusters(bound({ maxShare: 0.6 }));
    expect(planned(planOf(state), "us-east")).toEqual({ "eu-west/v1": 4_000, "us-east/v1": 6_000 });
    expect(reasons(state, "us-east", "policy")).toEqual(["maxShare: at most 6000 of 10000 to one destination of v1"]);
  });

  it("is shared alike where there are too few destinations, and gives way where there is one", () => {
    expect(planned(planOf(threeClusters(bound({ maxShare: 0.2 }))), "us-east")).toEqual({
      "ap-south/v1": 3_332,
      "eu-west/v1": 3_334,
      "us-east/v1": 3_334,
    });
    const one = aFleet({ "us-east": { demandRps: 1, versions: { v1: 10 } } }, bound({ maxShare: 0.2 }));
    expect(planned(planOf(one), "us-east")).toEqual({ "us-east/v1": 10_000 });
  });

  it("drives nothing into another version", () => {
    const both = { versions: { v1: 400, v2: 400 } };
    const weights = planned(planOf(threeClusters(bound({ maxShare: 0.3 }), both, both, both)), "us-east");
    expect(Object.keys(weights)).toEqual(["ap-south/v1", "eu-west/v1", "us-east/v1"]);
    const state = threeClusters(bound({ maxShare: 0.5 }), both, both, { versions: {} });
    expect(fallbackOf(state, "us-east", "us-east/v1")).toEqual({ "eu-west/v1": 10_000 });
  });

  it("holds for shifts, which are refused above it", () => {
    const play = aSettledFleet({}, { policy: { ...OPEN_POLICY, maxShare: 0.6 } });
    const refusal = play.refuses(aShift({ "eu-west/v1": 7_000, "us-east/v1": 3_000 }));
    expect(refusal).toMatchObject({ code: "POLICY_FORBIDS", field: "target.split.weights[0].weight" });
    expect(refusal.message).toContain("at most 60.00 % of us-east's requests, and 70.00 % was asked");
    play.do(aShift({ "eu-west/v1": 6_000, "us-east/v1": 4_000 }));
  });
});

describe("a policy that is not hard", () => {
  const away = { ...LOCAL, "us-east": { "eu-west/v1": 10_000 } };

  const ways: readonly (readonly [string, Partial<ServicePolicy>, Readonly<Record<string, SplitText>>, object])[] = [
    ["isolation nearest", { isolation: "nearest" }, away, { "us-east/v1": 10_000 }],
    ["maxShare", { maxShare: 0.5 }, LOCAL, { "eu-west/v1": 5_000, "us-east/v1": 5_000 }],
  ];

  const allocations = ["waterfall", "optimum"] as const;
  const rows = ways.flatMap(([what, ...row]) => allocations.map((allocation) => [what, allocation, ...row] as const));

  it.each(rows)("is come to in routine steps, whatever it costs callers: %s by the %s", (...row) => {
    const [, allocation, policy, released, end] = row;
    const settings = { ...UNPACED, allocation };
    let state = threeClusters(bound(policy, { released, maxStepWeight: 2_500 }));
    for (let step = 0; step < 10; step += 1) {
      const planning = planOf(state, settings);
      state = applied(state, planning);
      if (planning.isFinalStep) break;
    }
    expect(planned(planOf(state, settings), "us-east")).toEqual(end);
  });
});

describe("an operator's act against a policy", () => {
  it.each<[Partial<ServicePolicy>, string]>([
    [{ isolation: "strict" }, "eu-west may not serve us-east: isolation strict keeps requests in their own cluster"],
    [{ deniedClusters: [EU] }, "eu-west may not serve it: deniedClusters names it"],
    [{ allowedClusters: [US, AP] }, "eu-west may not serve it: allowedClusters names us-east, ap-south alone"],
    [
      { requiredLabels: { tier: "gold", zone: "a" } },
      "eu-west may not serve it: requiredLabels asks for tier=gold, zone=a",
    ],
  ])("is refused with the rule named: a shift against %j", (policy, text) => {
    const play = aSettledFleet();
    const spec = { ...play.service().spec, demandRps: {}, policy: { ...OPEN_POLICY, ...policy } };
    play.do({ kind: "apply-service", spec });
    const refusal = play.refuses(aShift({ "eu-west/v1": 5_000, "us-east/v1": 5_000 }));
    expect(refusal).toMatchObject({ code: "POLICY_FORBIDS", field: "target.split.weights[0].destination" });
    expect(refusal.message).toContain(text);
  });

  it("is refused before it strands a caller: a drain of the only cluster that may serve it", () => {
    const play = aSettledFleet({}, { policy: { ...OPEN_POLICY, isolation: "strict" } });
    const drain = { maxStepWeight: 10_000, bakeMs: 0, force: "no" as const };
    const refusal = play.refuses({ kind: "drain-cluster", cluster: EU, drain });
    expect(refusal).toMatchObject({ code: "NO_SERVING_TARGET", field: "cluster" });
    expect(refusal.message).toContain("the policy of shop/checkout lets eu-west go nowhere but to eu-west");
    play.do({ kind: "drain-cluster", cluster: EU, drain: { ...drain, force: "over-capacity" } });
    play.turnUntil(() => play.cluster("eu-west").drain?.phase === "done", { ms: 60_000 });
    expect(play.weights("eu-west")).toEqual({ "eu-west/v1": 10_000 });
  });
});

describe("an offer", () => {
  it("carries what an allocator may go by: curve, its capacity, and the price of the way there", () => {
    const curve = { kind: "queue" as const, servers: 8, meanWorkMs: 20, squaredVariation: 1 };
    let state = threeClusters({}, {}, { versions: { v1: undefined } });
    const service = serviceOf(state);
    const deployments = service.spec.deployments.map((found) => (found.cluster === EU ? { ...found, curve } : found));
    state = changeService(state, { spec: { ...service.spec, deployments } });
    const eu = state.clusters.get(EU);
    if (eu === undefined) throw new Error("no eu-west");
    state = changeCluster(state, EU, { spec: { ...eu.spec, egressDollarsPerGb: { [US]: 0.02 } } });
    const offers = offersTo(
      { source: US, now: split({ "us-east/v1": 10_000 }), isDoubted: false },
      state,
      serviceOf(state),
    );
    expect(
      offers.map(({ key, capacityRps, egressDollarsPerGb, curve: found }) => [
        key,
        capacityRps,
        egressDollarsPerGb,
        found,
      ]),
    ).toEqual([
      ["ap-south/v1", 400, 0, undefined],
      ["eu-west/v1", 400, 0.02, curve],
      ["us-east/v1", 400, 0, undefined],
    ]);
  });
});
