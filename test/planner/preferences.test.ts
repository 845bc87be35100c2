import { describe, expect, it } from "vitest";
import type { Failover, ServicePolicy, Tier } from "../../src/model/fleet-document.ts";
import type { FleetState, Reported } from "../../src/model/fleet.ts";
import type { ClusterId } from "../../src/model/ids.ts";
import type { Settings } from "../../src/model/settings.ts";
import { checkPlan } from "../../src/planner/check.ts";
import { applyService } from "../../src/planner/services.ts";
import {
  aFleet,
  applied,
  changeCluster,
  changeService,
  committed,
  planned,
  planOf,
  serviceOf,
  textOf,
  UNPACED,
} from "./planning-fleet.ts";
import type { ServiceOptions, SplitText } from "./planning-fleet.ts";

const ALLOCATIONS: readonly (readonly [string, Settings])[] = (["waterfall", "optimum"] as const).map((allocation) => [
  allocation,
  { ...UNPACED, allocation, onloadMax: 1 },
]);

function tiers(...names: readonly string[]): readonly Tier[] {
  return names.map((name): Tier =>
    name === "own" ? { kind: "own" } : { kind: "cluster", cluster: name as ClusterId },
  );
}

function ordered(order: readonly Tier[], change: Partial<Failover> = {}): Partial<ServicePolicy> {
  return { failover: { order, orderBySource: {}, healthyMin: 0.7, ...change } };
}

/** From `a`, which runs nothing: b is 10 ms away, c 30, d 80; each takes 80 % of 100 rps. */
function fleet(
  policy: Partial<ServicePolicy>,
  { demandRps = 60, ...options }: ServiceOptions & { demandRps?: number } = {},
) {
  return aFleet(
    {
      a: { demandRps, rttMs: { b: 10, c: 30, d: 80 }, labels: { region: "eu", provider: "aws" } },
      b: { versions: { v1: 100 }, rttMs: { c: 35, d: 70 }, labels: { region: "us", provider: "gcp" } },
      c: { versions: { v1: 100 }, rttMs: { d: 60 }, labels: { region: "eu", provider: "aws", tier: "test" } },
      d: { versions: { v1: 100 }, labels: { region: "ap", provider: "azure" } },
    },
    { policy, ...options },
  );
}

function ready(shares: Readonly<Record<string, number>>): ServiceOptions {
  const reported = Object.fromEntries(
    Object.entries(shares).map(([key, share]): [string, Reported] => [
      key,
      { readyEndpoints: Math.round(10 * share), totalEndpoints: 10 },
    ]),
  );
  return { state: { reported } };
}

function reasons(state: FleetState, settings: Settings, kind: string): readonly string[] {
  return planOf(state, settings)
    .reasons.filter((reason) => reason.cluster === "a" && reason.kind === kind)
    .map(({ text }) => text);
}

function passes(state: FleetState, settings: Settings): void {
  const done = committed(state, planOf(state, settings));
  expect(checkPlan(done.state, done.plan, settings)).toEqual({ ok: true, value: undefined });
}

describe.each(ALLOCATIONS)("rules by labels, by %s", (_, settings) => {
  it("keep requests from denied labels, and from all but allowed ones", () => {
    const denied = fleet({ deniedLabels: { provider: ["gcp"], tier: ["stage", "test"] } });
    expect(planned(planOf(denied, settings), "a")).toEqual({ "d/v1": 10_000 });
    const allowed = fleet({ allowedLabels: { provider: ["aws", "azure"] } });
    expect(planned(planOf(allowed, settings), "a")).toEqual({ "c/v1": 10_000 });
    passes(denied, settings);
    passes(allowed, settings);
  });

  it("bring down a share that is there, and say which rule takes it", () => {
    const state = fleet({ deniedLabels: { provider: ["gcp"] } }, { released: { a: { "b/v1": 10_000 } } });
    expect(planned(planOf(state, settings), "a")).toEqual({ "c/v1": 10_000 });
    expect(reasons(state, settings, "policy")).toContain(
      "b may not serve it: deniedLabels names provider=gcp; 10000 of 10000 leave it step by step",
    );
  });
});

describe.each(ALLOCATIONS)("a failover order, by %s", (_, settings) => {
  it("is followed whoever is nearer, and is nobody's who is on none of its tiers", () => {
    const state = fleet(ordered(tiers("c", "d")));
    expect(planned(planOf(state, settings), "a")).toEqual({ "c/v1": 10_000 });
    passes(state, settings);
    const full = fleet(ordered(tiers("c")), { demandRps: 500 });
    expect(planned(planOf(full, settings), "a")).toEqual({ "c/v1": 10_000 });
    passes(full, settings);
  });

  it("goes on to the next tier with what exceeds the limit", () => {
    // 80 of 120 rps fill d; 40 go to c, none to b, the nearest.
    const state = fleet(ordered(tiers("d", "c", "b")), { demandRps: 120 });
    expect(planned(planOf(state, settings), "a")).toEqual({ "c/v1": 3_333, "d/v1": 6_667 });
    expect(reasons(state, settings, "failover")).toEqual([
      "tier 2 of 3 of the failover order of a (d, then c, then b): takes what the healthy tiers before it have no room for",
      "tier 1 of 3 of the failover order of a (d, then c, then b)",
    ]);
    passes(state, settings);
  });

  it("passes over a tier of which too little is healthy, and takes it back ten points above the threshold", () => {
    const at = (share: number, now: SplitText) =>
      fleet(ordered(tiers("b", "d")), { ...ready({ "b/v1": share }), released: { a: now } });
    const weights = (share: number, now: SplitText) => planned(planOf(at(share, now), settings), "a");
    expect(weights(0.7, { "b/v1": 10_000 })).toEqual({ "b/v1": 10_000 });
    expect(weights(0.6, { "b/v1": 10_000 })).toEqual({ "d/v1": 10_000 });
    expect(weights(0.7, { "d/v1": 10_000 })).toEqual({ "d/v1": 10_000 });
    expect(weights(0.8, { "d/v1": 10_000 })).toEqual({ "b/v1": 10_000 });
    expect(reasons(at(0.6, { "b/v1": 10_000 }), settings, "failover")).toContain(
      "tier 1 of 2 of the failover order of a (b, then d), last in line: 60 % of it is healthy, less than 70 %",
    );
    passes(at(0.6, { "b/v1": 10_000 }), settings);
  });

  it("counts a dead cluster of a tier as not healthy, and one that drains not at all", () => {
    const two: readonly Tier[] = [{ kind: "labels", labels: { region: "eu" } }, ...tiers("d")];
    const both = aFleet(
      {
        a: { demandRps: 60, rttMs: { b: 10, c: 30, d: 80 } },
        b: { versions: { v1: 100 }, labels: { region: "eu" } },
        c: { versions: { v1: 100 }, labels: { region: "eu" } },
        d: { versions: { v1: 100 } },
      },
      { policy: ordered(two) },
    );
    // Half of the tier is left: less than 70 %.
    expect(planned(planOf(changeCluster(both, "b", { verdict: "dead" }), settings), "a")).toEqual({ "d/v1": 10_000 });
    const drain = { startedAtMs: 0, maxStepWeight: 1_500, bakeMs: 0, phase: "draining" as const };
    expect(planned(planOf(changeCluster(both, "b", { drain }), settings), "a")).toEqual({ "c/v1": 10_000 });
  });

  it("is followed by the fallbacks that proxies carry", () => {
    const state = fleet(ordered(tiers("d", "c", "b")), { demandRps: 60 });
    const [route] = planOf(state, settings).routeSets["a" as ClusterId]?.rules[0]?.routes ?? [];
    expect(textOf(route?.fallback)).toEqual({ "c/v1": 10_000 });
    const last = fleet(ordered(tiers("d")));
    const [only] = planOf(last, settings).routeSets["a" as ClusterId]?.rules[0]?.routes ?? [];
    expect(only?.fallback).toEqual([]);
    passes(state, settings);
    passes(last, settings);
  });

  it("moves on at once when its tier dies, and comes back when that is well again", () => {
    const state = fleet(ordered(tiers("d", "c", "b")), { released: { a: { "d/v1": 10_000 } } });
    const dead = changeCluster(state, "d", { verdict: "dead" });
    const rescue = planOf(dead, settings);
    expect(rescue.urgency).toBe("emergency");
    expect(planned(rescue, "a")).toEqual({ "c/v1": 10_000 });
    const back = changeCluster(applied(dead, rescue), "d", { verdict: "healthy" });
    expect(planned(planOf(back, settings), "a")).toEqual({ "d/v1": 10_000 });
  });

  it("gives way to a shift within it, and refuses one out of it", () => {
    const pinned = fleet(ordered(tiers("d", "c")), {
      pins: { a: { "c/v1": 10_000 } },
      released: { a: { "c/v1": 10_000 } },
    });
    expect(planned(planOf(pinned, settings), "a")).toEqual({ "c/v1": 10_000 });
    passes(pinned, settings);
  });

  it("is each source's own where it has one, and binds nobody who has none", () => {
    const state = fleet(ordered([], { orderBySource: { ["a" as ClusterId]: tiers("own", "d") } }));
    expect(planned(planOf(state, settings), "a")).toEqual({ "d/v1": 10_000 });
    expect(planned(planOf(state, settings), "c")).toEqual({ "c/v1": 10_000 });
  });
});

describe.each(ALLOCATIONS)("a locality preference, by %s", (_, settings) => {
  it("is left only where that saves at least the penalty", () => {
    // b (us) is 20 ms nearer than c (eu).
    const near = fleet({ localityPenaltyMs: { region: 15 } }, { demandRps: 5 });
    expect(planned(planOf(near, settings), "a")).toEqual({ "b/v1": 10_000 });
    const far = fleet({ localityPenaltyMs: { region: 25 } }, { demandRps: 5 });
    expect(planned(planOf(far, settings), "a")).toEqual({ "c/v1": 10_000 });
    expect(reasons(far, settings, "locality")).toEqual([]);
  });

  it("is left for want of room, and the reason says what that weighs", () => {
    const state = fleet({ localityPenaltyMs: { region: 100_000 } }, { demandRps: 120 });
    expect(planned(planOf(state, settings), "a")).toEqual({ "b/v1": 3_333, "c/v1": 6_667 });
    expect(reasons(state, settings, "locality")).toEqual([
      "b lies in another locality than a, which weighs 100000 ms of localityPenaltyMs",
    ]);
  });
});

describe.each(ALLOCATIONS)("a mesh that takes few destinations, by %s", (_, settings) => {
  const narrow = (most: number, options: Parameters<typeof fleet>[1] = {}) =>
    changeCluster(fleet({}, { demandRps: 200, ...options }), "a", { maxDestinations: most });

  it("gets the largest shares, and the rest goes to those", () => {
    const whole = planned(planOf(narrow(3), settings), "a");
    expect(Object.keys(whole)).toHaveLength(3);
    const two = planned(planOf(narrow(2), settings), "a");
    expect(Object.keys(two)).toHaveLength(2);
    passes(narrow(2), settings);
    const one = planned(planOf(narrow(1), settings), "a");
    expect(Object.values(one)).toEqual([10_000]);
    passes(narrow(1), settings);
  });

  it("never has more on the way to other destinations, and comes there", () => {
    let state = narrow(2, { demandRps: 20, maxStepWeight: 3_000, released: { a: { "c/v1": 4_000, "d/v1": 6_000 } } });
    const seen: string[] = [];
    for (let step = 0; step < 20; step += 1) {
      const planning = planOf(state, settings);
      passes(state, settings);
      expect(Object.keys(planned(planning, "a")).length).toBeLessThanOrEqual(2);
      seen.push(JSON.stringify(planned(planning, "a")));
      state = applied(state, planning);
      if (planning.isFinalStep) break;
    }
    expect(planned(planOf(state, settings), "a")).toEqual(planned(planOf(narrow(2, { demandRps: 20 }), settings), "a"));
    expect(new Set(seen).size).toBe(seen.length);
  });

  it("swaps in one go where it takes a single one", () => {
    const state = narrow(1, { demandRps: 20, maxStepWeight: 1_000, released: { a: { "d/v1": 10_000 } } });
    expect(planned(planOf(state, settings), "a")).toEqual({ "b/v1": 10_000 });
    passes(state, settings);
  });

  it("is one of a single destination when its agent cannot divide by weight", () => {
    const state = changeCluster(fleet({}, { demandRps: 200 }), "a", { features: ["rendered-fallback"] });
    expect(Object.values(planned(planOf(state, settings), "a"))).toEqual([10_000]);
    passes(state, settings);
  });
});

describe("a declared policy", () => {
  const declare = (policy: Partial<ServicePolicy>) => {
    const state = fleet({});
    const { spec } = serviceOf(state);
    const whole = {
      isolation: "none",
      requiredLabels: {},
      deniedClusters: [],
      maxShare: 1,
      surviveLossOf: "none",
    } as const;
    return applyService(state, { kind: "apply-service", spec: { ...spec, policy: { ...whole, ...policy } } }, UNPACED);
  };
  const refusals: readonly (readonly [string, Partial<ServicePolicy>, string, string])[] = [
    ["an unknown tier", ordered(tiers("b", "nowhere")), "UNKNOWN_CLUSTER", "spec.policy.failover.order[1].cluster"],
    [
      "an order beside isolation",
      { ...ordered(tiers("b")), isolation: "nearest" },
      "FIELD_INVALID",
      "spec.policy.failover",
    ],
    [
      "an order of an unknown source",
      ordered([], { orderBySource: { ["x" as ClusterId]: tiers("b") } }),
      "UNKNOWN_CLUSTER",
      "spec.policy.failover.order_by_source[x]",
    ],
    [
      "a threshold of nothing",
      ordered(tiers("b"), { healthyMin: 0 }),
      "FIELD_INVALID",
      "spec.policy.failover.healthy_min_weight",
    ],
    ["an order that strands a caller", ordered(tiers("own")), "POLICY_FORBIDS", "spec.policy"],
    [
      "labels that strand a caller",
      { deniedLabels: { provider: ["gcp", "aws", "azure"] } },
      "POLICY_FORBIDS",
      "spec.policy",
    ],
    [
      "a label without values",
      { allowedLabels: { provider: [] } },
      "EMPTY_SELECTOR",
      "spec.policy.allowed_labels[provider]",
    ],
    [
      "a penalty below nothing",
      { localityPenaltyMs: { region: -1 } },
      "FIELD_INVALID",
      "spec.policy.locality_penalty_ms[region]",
    ],
  ];

  it.each(refusals)("with %s is refused, and says where", (_, policy, code, field) => {
    expect(declare(policy)).toMatchObject({ ok: false, refusal: { code, field } });
  });

  it("names the callers that its order strands, and the order", () => {
    const refused = declare(ordered(tiers("own")));
    expect(refused.ok ? "" : refused.refusal.message).toContain(
      "a would have nowhere to go, and has demand. For a: b may not serve a: its failover order is its own cluster",
    );
  });
});

describe("defaults", () => {
  it("plan as without any of it: an order that names all alike, and no penalty, change nothing", () => {
    const plain = planOf(fleet({}, { demandRps: 120 }));
    const all = { kind: "labels", labels: {} } as const;
    const same = planOf(fleet({ ...ordered([all]), localityPenaltyMs: { region: 0 } }, { demandRps: 120 }));
    expect(same.splits).toEqual(plain.splits);
    expect(planOf(changeService(fleet({}, { demandRps: 120 }), {})).splits).toEqual(plain.splits);
  });
});
