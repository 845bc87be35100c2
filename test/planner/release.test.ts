import { describe, expect, it } from "vitest";
import { DEFAULT_DOLLARS_PER_REQUEST_MS } from "../../src/model/fleet-document.ts";
import type { FleetDocument, Release } from "../../src/model/fleet-document.ts";
import type { FleetState } from "../../src/model/fleet.ts";
import type { ClusterId, Version } from "../../src/model/ids.ts";
import type { Settings } from "../../src/model/settings.ts";
import { checkPlan } from "../../src/planner/check.ts";
import { computeFleet } from "../../src/planner/compute/fleet.ts";
import { planWithoutSearch } from "../../src/planner/plan.ts";
import { applyService } from "../../src/planner/services.ts";
import {
  aFleet,
  applied,
  changeCluster,
  changeService,
  CHECKOUT,
  committed,
  planned,
  planOf,
  serviceOf,
  textOf,
  UNPACED,
} from "./planning-fleet.ts";
import type { ServiceOptions } from "./planning-fleet.ts";

const SETTINGS: Settings = { ...UNPACED, utilisationMax: 0.98, allocation: "optimum", onloadMax: 1 };
const V2 = "v2" as Version;
const FIVE_PER_CENT: Release = { shares: { [V2]: 0.05 }, maxSourceShare: 0.25 };

const NAMES = ["r0", "r1", "r2", "r3", "r4"] as ClusterId[];
const RTTS = {
  r0: { r1: 12, r2: 28, r3: 62, r4: 74 },
  r1: { r2: 22, r3: 56, r4: 70 },
  r2: { r3: 44, r4: 58 },
  r3: { r4: 18 },
};
const DEMANDS = [2_600, 1_400, 1_200, 900, 900];
const CAPACITIES = [2_600, 2_000, 2_000, 1_400, 1_400];

/** The gray release of the planning notes (S9): v2 runs in r2 alone and takes 500 rps; 5 % of 7000 rps are 350. */
function gray(options: ServiceOptions = {}, bytesPerRequest = 50_000): FleetState {
  const clusters = NAMES.map((name, at) => [
    name,
    {
      demandRps: DEMANDS[at] ?? 0,
      versions: { v1: CAPACITIES[at] ?? 0, ...(name === "r2" && { v2: 500 }) },
      rttMs: (RTTS as Record<string, Record<string, number>>)[name] ?? {},
    },
  ]);
  const bare = aFleet(Object.fromEntries(clusters), { release: FIVE_PER_CENT, ...options });
  const priced = NAMES.reduce((state, name) => {
    const found = state.clusters.get(name);
    if (found === undefined) return state;
    const others = NAMES.filter((other) => other !== name).map((other) => [other, 0.04]);
    return changeCluster(state, name, { spec: { ...found.spec, egressDollarsPerGb: Object.fromEntries(others) } });
  }, bare);
  return changeService(priced, { spec: { ...serviceOf(priced).spec, bytesPerRequest } });
}

/** The same fleet as a document. */
function document(): FleetDocument {
  const curve = (rps: number) => ({ kind: "queue", servers: rps / 50, meanWorkMs: 20, squaredVariation: 1 }) as const;
  const stable = NAMES.map((cluster, at) => ({ cluster, version: "v1" as Version, curve: curve(CAPACITIES[at] ?? 0) }));
  const prices = NAMES.map((name, at) => [name, Object.fromEntries(NAMES.slice(at + 1).map((other) => [other, 0.04]))]);
  return {
    description: "",
    clusters: NAMES.map((name) => ({ name, labels: {}, state: "active" })),
    rttMs: RTTS,
    localRttMs: 0,
    egressDollarsPerGb: Object.fromEntries(prices) as FleetDocument["egressDollarsPerGb"],
    services: [
      {
        name: CHECKOUT,
        stableVersion: "v1" as Version,
        destinations: [...stable, { cluster: NAMES[2] as ClusterId, version: V2, curve: curve(500) }],
        demandRps: Object.fromEntries(NAMES.map((name, at) => [name, DEMANDS[at] ?? 0])) as Record<ClusterId, number>,
        bytesPerRequest: 50_000,
        objective: { dollarsPerRequestMs: DEFAULT_DOLLARS_PER_REQUEST_MS },
        policy: { isolation: "none", requiredLabels: {}, deniedClusters: [], maxShare: 1, surviveLossOf: "none" },
        release: FIVE_PER_CENT,
      },
    ],
    settings: { utilisationMax: 0.98 },
  };
}

/** Requests per second of v2 from each source. */
function sent(state: FleetState, settings = SETTINGS): Readonly<Record<string, number>> {
  const planning = planOf(state, settings);
  return Object.fromEntries(
    NAMES.map((name, at) => {
      const split = planned(planning, name);
      const weight = Object.entries(split).reduce((sum, [key, part]) => sum + (key.endsWith("/v2") ? part : 0), 0);
      return [name, Math.round((weight / 10_000) * (DEMANDS[at] ?? 0))];
    }),
  );
}

function passes(state: FleetState): void {
  const done = committed(state, planOf(state, SETTINGS));
  expect(checkPlan(done.state, done.plan, SETTINGS)).toEqual({ ok: true, value: undefined });
}

describe("a release", () => {
  it("is sent from where that costs least, as a document's is: 300 rps by r2 itself and 50 by r0", () => {
    expect(sent(gray())).toEqual({ r0: 50, r1: 0, r2: 300, r3: 0, r4: 0 });
    const [plan] = computeFleet(document()).services;
    const live = planOf(gray(), SETTINGS);
    const gaps = (plan?.sources ?? []).flatMap(({ cluster, weights }) =>
      weights.map(({ destination, weight }) =>
        Math.abs((planned(live, cluster)[`${destination.cluster}/${destination.version}`] ?? 0) - weight),
      ),
    );
    expect(Math.max(...gaps)).toBeLessThan(30);
    passes(gray());
  });

  it("is divided by the waterfall as well, from the same sources", () => {
    expect(sent(gray(), { ...SETTINGS, allocation: "waterfall" })).toEqual({ r0: 50, r1: 0, r2: 300, r3: 0, r4: 0 });
  });

  it("says what it gives to which version of whose requests", () => {
    const texts = planOf(gray(), SETTINGS).reasons.filter(({ kind }) => kind === "release");
    expect(texts.find(({ cluster, destination }) => cluster === "r2" && destination.version === "v2")?.text).toBe(
      "v2 gets 5 % of all 7000 rps, of one source at most 25 %: 25 % of r2 (300 rps), where it costs least",
    );
    expect(texts.find(({ cluster }) => cluster === "r1")?.text).toBe(
      "v1 gets what other versions leave: 100 % of r1 (1400 rps)",
    );
  });

  it("goes in an operator's waves and in steps, and comes to its end", () => {
    const settings = { ...SETTINGS, routineStepWeight: 1_000 };
    const local = Object.fromEntries(NAMES.map((name) => [name, { [`${name}/v1`]: 10_000 }]));
    let state = gray({ maxStepWeight: 1_000, released: local, state: { inputsCause: "operator" } });
    const steps: Readonly<Record<string, number>>[] = [];
    expect(planOf(state, settings).urgency).toBe("operator");
    for (let step = 0; step < 12; step += 1) {
      const planning = planOf(state, settings);
      const done = committed(state, planning);
      expect(checkPlan(done.state, done.plan, settings)).toEqual({ ok: true, value: undefined });
      state = applied(state, planning);
      steps.push(sent(changeService(state, {}), settings));
      if (planning.isFinalStep) break;
    }
    expect(steps.at(-1)).toEqual({ r0: 50, r1: 0, r2: 300, r3: 0, r4: 0 });
    expect(steps.length).toBeGreaterThan(2);
  });

  it("stays as it is when demand moves a little, and is taken back in full when it ends", () => {
    const there = applied(gray(), planOf(gray(), SETTINGS));
    const { release: _ended, ...spec } = serviceOf(there).spec;
    const paced = { ...SETTINGS, routineStepWeight: 500 };
    let state = changeService(there, {
      spec: { ...spec, pace: { ...spec.pace, maxStepWeight: 500 } },
      inputsCause: "operator",
    });
    for (let step = 0; step < 12; step += 1) {
      const planning = planOf(state, paced);
      state = applied(state, planning);
      if (planning.isFinalStep) break;
    }
    expect(sent(state, paced)).toEqual({ r0: 0, r1: 0, r2: 0, r3: 0, r4: 0 });
  });

  it("is no gain to be weighed: what a declaration gives to another version comes to its end", () => {
    // After the first step nobody gains by going on: both versions half full wait for less than one that is full.
    const both = { demandRps: 100, versions: { v1: 200, v2: 200 } };
    const half = (name: string) => ({ [`${name}/v1`]: 5_000, [`${name}/v2`]: 5_000 });
    let state = aFleet({ a: both, b: both }, { maxStepWeight: 2_500, released: { a: half("a"), b: half("b") } });
    state = changeService(state, { spec: { ...serviceOf(state).spec, stableVersion: V2 } });
    const paced = { ...SETTINGS, routineStepWeight: 2_500 };
    for (let step = 0; step < 12; step += 1) {
      const planning = planOf(state, paced);
      state = applied(state, planning);
      if (planning.isFinalStep) break;
    }
    expect(planned(planOf(state, paced), "a")).toEqual({ "a/v2": 10_000 });
  });

  it("falls to the stable version at once when its only cluster dies, and comes back with it", () => {
    const there = applied(gray(), planOf(gray(), SETTINGS));
    const dead = changeCluster(there, "r2", { verdict: "dead" });
    const rescue = planOf(dead, SETTINGS);
    expect(rescue.urgency).toBe("emergency");
    expect(Object.keys(planned(rescue, "r0")).every((key) => key.endsWith("/v1"))).toBe(true);
    const after = applied(dead, rescue);
    expect(sent(after)).toMatchObject({ r0: 0, r1: 0, r3: 0, r4: 0 });
    const back = changeCluster(after, "r2", { verdict: "healthy" });
    expect(sent(back)).toEqual({ r0: 50, r1: 0, r2: 300, r3: 0, r4: 0 });
  });

  it("climbs with a cluster that returns step by step", () => {
    const state = changeCluster(gray({ released: { r0: { "r0/v1": 10_000 }, r2: { "r2/v1": 10_000 } } }), "r2", {
      ramp: { startedAtMs: 0, ceilingWeight: 500, changedAtMs: 0 },
    });
    const found = sent(state);
    expect(found["r2"]).toBeLessThanOrEqual(60);
    expect(found["r0"]).toBeLessThanOrEqual(130);
    passes(state);
  });

  it("is no matter of sources that a shift pinned: they send what it says, and their requests do not count", () => {
    const state = gray({ pins: { r0: { "r0/v1": 10_000 } }, released: { r0: { "r0/v1": 10_000 } } });
    const found = sent(state);
    expect(found["r0"]).toBe(0);
    // 5 % of the other 4400 rps.
    expect(Object.values(found).reduce((sum, rps) => sum + rps, 0)).toBe(220);
    passes(state);
  });

  it("gives each source its share while nobody knows what it sends", () => {
    const state = changeService(gray(), { demandRps: {} });
    expect(planned(planOf(state, SETTINGS), "r0")).toEqual({ "r0/v1": 9_500, "r2/v2": 500 });
  });

  it("is sent by everybody alike where there is no time to search", () => {
    const [planning] = planWithoutSearch(gray(), [CHECKOUT], { settings: SETTINGS, because: "no time" });
    expect(NAMES.map((name) => textOf(planning?.splits[name])["r2/v2"])).toEqual([500, 500, 500, 500, 500]);
    expect(planning?.reasons.map(({ text }) => text)).toContain(
      "v2 gets 5 % of all 7000 rps, of one source at most 25 %: 5 % of r3 (45 rps), alike of everybody for want of time",
    );
  });

  it("is divided over several versions, each to its share", () => {
    const shares = { [V2]: 0.05, ["v3" as Version]: 0.02 };
    const base = gray({ release: { shares, maxSourceShare: 0.5 } });
    const { spec } = serviceOf(base);
    const more = { cluster: "r4" as ClusterId, version: "v3" as Version, capacityRps: 300 };
    const state = changeService(base, { spec: { ...spec, deployments: [...spec.deployments, more] } });
    const planning = planOf(state, SETTINGS);
    const total = (version: string): number =>
      NAMES.reduce((sum, name, at) => {
        const parts = Object.entries(planned(planning, name)).filter(([key]) => key.endsWith(`/${version}`));
        return sum + parts.reduce((part, [, weight]) => part + (weight / 10_000) * (DEMANDS[at] ?? 0), 0);
      }, 0);
    expect(total("v2")).toBeCloseTo(350, 0);
    expect(total("v3")).toBeCloseTo(140, 0);
    passes(state);
  });
});

describe("a release by match", () => {
  const CANARY = { version: V2, headers: { "x-canary": "1" } };
  const byMatch: Release = { shares: {}, maxSourceShare: 1, matches: [CANARY] };
  const matching = (options: ServiceOptions = {}): FleetState =>
    NAMES.reduce(
      (state, name) => changeCluster(state, name, { features: ["header-match", "weighted-split"] }),
      gray({ release: byMatch, ...options }),
    );

  it("sends requests that match whole to the nearest that serves the version, and divides all others as ever", () => {
    const planning = planOf(matching(), SETTINGS);
    const { release: _none, ...plain } = serviceOf(matching()).spec;
    expect(planning.splits).toEqual(planOf(changeService(matching(), { spec: plain }), SETTINGS).splits);
    const rules = planning.routeSets["r0" as ClusterId]?.rules ?? [];
    expect(rules).toHaveLength(2);
    expect(rules[0]?.match).toEqual({ headers: { "x-canary": "1" } });
    expect(textOf(rules[0]?.routes)).toEqual({ "r2/v2": 10_000 });
    // Lost, they go to the nearest stable one: home.
    expect(textOf(rules[0]?.routes[0]?.fallback)).toEqual({ "r0/v1": 10_000 });
    expect(rules[1]?.match).toEqual({ headers: {} });
    passes(matching());
  });

  it("says where requests go that match", () => {
    const texts = planOf(matching(), SETTINGS).reasons.filter(
      ({ kind, cluster }) => kind === "release" && cluster === "r0",
    );
    expect(texts.map(({ text }) => text)).toContain("requests with x-canary: 1 go to v2, the nearest that serves it");
  });

  it("has no rule where nobody serves the version, or the mesh cannot match", () => {
    const dead = changeCluster(matching(), "r2", { verdict: "dead" });
    expect(planOf(dead, SETTINGS).routeSets["r0" as ClusterId]?.rules).toHaveLength(1);
    const blind = changeCluster(matching(), "r0", { features: ["weighted-split"] });
    expect(planOf(blind, SETTINGS).routeSets["r0" as ClusterId]?.rules).toHaveLength(1);
    expect(planOf(blind, SETTINGS).routeSets["r1" as ClusterId]?.rules).toHaveLength(2);
    passes(dead);
    passes(blind);
  });

  it("stands beside shares", () => {
    const both = matching({ release: { ...FIVE_PER_CENT, matches: [CANARY] } });
    expect(sent(both)).toEqual({ r0: 50, r1: 0, r2: 300, r3: 0, r4: 0 });
    expect(planOf(both, SETTINGS).routeSets["r3" as ClusterId]?.rules).toHaveLength(2);
    passes(both);
  });

  it("is refused while callers are where no mesh can match, and where its version runs nowhere", () => {
    const declare = (state: FleetState, release: Release) =>
      applyService(state, { kind: "apply-service", spec: { ...serviceOf(state).spec, release } }, SETTINGS);
    const refused = declare(gray(), byMatch);
    expect(refused).toMatchObject({
      ok: false,
      refusal: { code: "UNSUPPORTED_BY_MESH", field: "spec.release.matches" },
    });
    const other = { ...byMatch, matches: [{ version: "v9" as Version, headers: { a: "b" } }] };
    expect(declare(matching(), other)).toMatchObject({
      ok: false,
      refusal: { code: "UNKNOWN_DESTINATION", field: "spec.release.matches[0].version" },
    });
    expect(declare(matching(), byMatch).ok).toBe(true);
  });
});

describe("a declared release", () => {
  const declare = (release: Release) => {
    const state = gray();
    return applyService(state, { kind: "apply-service", spec: { ...serviceOf(state).spec, release } }, SETTINGS);
  };
  const refusals: readonly (readonly [string, Release, string, string])[] = [
    [
      "of an unknown version",
      { shares: { ["v9" as Version]: 0.1 }, maxSourceShare: 1 },
      "UNKNOWN_DESTINATION",
      "spec.release.share_weights[v9]",
    ],
    [
      "of the stable version",
      { shares: { ["v1" as Version]: 0.1 }, maxSourceShare: 1 },
      "FIELD_INVALID",
      "spec.release.share_weights[v1]",
    ],
    [
      "of more than a source may send",
      { shares: { [V2]: 0.1 }, maxSourceShare: 0.05 },
      "FIELD_INVALID",
      "spec.release.max_source_weight",
    ],
    [
      "of more than its version has room for",
      { shares: { [V2]: 0.09 }, maxSourceShare: 1 },
      "OVER_CAPACITY",
      "spec.release.share_weights[v2]",
    ],
  ];

  it.each(refusals)("%s is refused, and says where", (_, release, code, field) => {
    expect(declare(release)).toMatchObject({ ok: false, refusal: { code, field } });
  });

  it("of a version that policy lets serve nobody is refused", () => {
    const state = gray();
    const policy = {
      isolation: "none",
      requiredLabels: {},
      deniedClusters: ["r2" as ClusterId],
      maxShare: 1,
      surviveLossOf: "none",
    } as const;
    const refused = applyService(
      state,
      { kind: "apply-service", spec: { ...serviceOf(state).spec, policy } },
      SETTINGS,
    );
    expect(refused).toMatchObject({
      ok: false,
      refusal: { code: "POLICY_FORBIDS", field: "spec.release.share_weights[v2]" },
    });
  });
});
