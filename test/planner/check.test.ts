import { describe, expect, it } from "vitest";
import type { Split, Weighted } from "../../src/model/destination.ts";
import type { FleetState, ServiceState } from "../../src/model/fleet.ts";
import type { ClusterId, RouteSetHash, ServiceId } from "../../src/model/ids.ts";
import type { Route, RouteSet, ServicePlan } from "../../src/model/plan.ts";
import type { ServicePolicy } from "../../src/model/fleet-document.ts";
import { checkPlan } from "../../src/planner/check.ts";
import { encodeRouteSet } from "../../src/wire/route-set.ts";
import {
  aFleet,
  applied,
  aShift,
  changeCluster,
  changeService,
  committed,
  planOf,
  serviceOf,
  split,
  UNPACED,
  withShifts,
} from "./planning-fleet.ts";
import type { ServiceOptions } from "./planning-fleet.ts";

const US = "us-east" as ClusterId;
const SETTINGS = { ...UNPACED, routineStepWeight: 2_500 };

/** Two versions in us-east and eu-west, v1 alone in ap-south. */
function fleet(service: ServiceOptions = {}): FleetState {
  return aFleet(
    {
      "us-east": { demandRps: 100, versions: { v1: 400, v2: 400 } },
      "eu-west": { demandRps: 100, versions: { v1: 400, v2: 400 } },
      "ap-south": { demandRps: 100, versions: { v1: 400 } },
    },
    service,
  );
}

const LOCAL = {
  "us-east": { "us-east/v1": 10_000 },
  "eu-west": { "eu-west/v1": 10_000 },
  "ap-south": { "ap-south/v1": 10_000 },
};

const HALVES = { "us-east/v1": 5_000, "eu-west/v1": 5_000 };

/** The good plan of a state, and the state that stores it. */
function goodPlan(state: FleetState) {
  return committed(state, planOf(state, SETTINGS));
}

/** The plan with one source's route set replaced by a changed one. */
function tampered(
  { state, plan }: ReturnType<typeof goodPlan>,
  change: (routeSet: RouteSet) => RouteSet,
  cluster: ClusterId = US,
): ReturnType<typeof goodPlan> {
  const before = state.routeSets.get(plan.routeSets[cluster] as RouteSetHash);
  if (before === undefined) throw new Error("no route set to change");
  const after = change(before);
  const { hash } = encodeRouteSet(before);
  const changed = `${hash}-changed` as RouteSetHash;
  return {
    state: { ...state, routeSets: new Map([...state.routeSets, [changed, after]]) },
    plan: { ...plan, routeSets: { ...plan.routeSets, [cluster]: changed } },
  };
}

/** A route set with other routes, reaching all that they name. */
function withRoutes(routeSet: RouteSet, routes: readonly Route[]): RouteSet {
  const named = new Map<string, Weighted["destination"]>();
  for (const route of routes)
    for (const entry of [route, ...route.fallback])
      named.set(`${entry.destination.cluster}/${entry.destination.version}`, entry.destination);
  return {
    ...routeSet,
    rules: [{ match: { headers: {} }, routes }],
    reaches: [...named.values()].map((found) => ({
      destination: found,
      rttMs: 0,
      ...(found.cluster !== routeSet.cluster && { gateway: { address: `${found.cluster}.example`, port: 15_443 } }),
    })),
  };
}

const AP_FALLBACK = split({ "ap-south/v1": 10_000 });

function routes(entries: Split, fallback: Split = AP_FALLBACK): readonly Route[] {
  return entries.map((entry) => ({ ...entry, fallback }));
}

function verdictOn({ state, plan }: { readonly state: FleetState; readonly plan: ServicePlan }) {
  const result = checkPlan(state, plan, SETTINGS);
  return result.ok ? "passed" : result.refusal;
}

describe("the checker lets pass", () => {
  it("what the planner makes of a healthy fleet, a drain, a shift and a death", () => {
    const drain = { startedAtMs: 0, maxStepWeight: 2_500, bakeMs: 0, phase: "draining" } as const;
    const shifting = withShifts(fleet({ released: LOCAL, pins: { "us-east": HALVES } }), aShift(["us-east"]));
    const states = [
      fleet(),
      shifting,
      changeCluster(fleet({ released: LOCAL }), "ap-south", { drain }),
      changeCluster(fleet({ released: { ...LOCAL, "us-east": HALVES } }), "eu-west", { verdict: "dead" }),
    ];
    expect(states.map((state) => verdictOn(goodPlan(state)))).toEqual(["passed", "passed", "passed", "passed"]);
  });
});

describe("the checker refuses", () => {
  const good = goodPlan(fleet());

  it("a plan for a service that nobody declared", () => {
    const plan = { ...good.plan, service: "shop/none" as ServiceId };
    expect(verdictOn({ ...good, plan })).toMatchObject({ code: "UNKNOWN_SERVICE" });
  });

  it("a plan for a cluster that nobody registered", () => {
    const stranger = "mars" as ClusterId;
    const routeSets = { ...good.plan.routeSets, [stranger]: good.plan.routeSets[US] as RouteSetHash };
    const plan = { ...good.plan, routeSets, waves: [...good.plan.waves, [stranger]] };
    expect(verdictOn({ ...good, plan })).toMatchObject({ code: "UNKNOWN_CLUSTER", field: "route_sets[mars]" });
  });

  it("a plan for a revoked cluster", () => {
    const state = changeCluster(good.state, "us-east", { membership: "revoked" });
    expect(verdictOn({ ...good, state })).toMatchObject({ code: "PLAN_CHECK_FAILED" });
  });

  it.each<[string, readonly (readonly string[])[]]>([
    ["leaves a cluster out of the waves", [["eu-west", "us-east"]]],
    ["names one twice", [["ap-south", "eu-west", "us-east"], ["us-east"]]],
    ["has a wave of nobody", [["ap-south", "eu-west", "us-east"], []]],
  ])("a plan that %s", (_name, waves) => {
    const plan = { ...good.plan, waves: waves as readonly (readonly ClusterId[])[] };
    expect(verdictOn({ ...good, plan })).toMatchObject({ code: "PLAN_CHECK_FAILED", field: "waves" });
  });

  it("a route set whose value is not stored", () => {
    const plan = { ...good.plan, routeSets: { ...good.plan.routeSets, [US]: "00" as RouteSetHash } };
    expect(verdictOn({ ...good, plan })).toMatchObject({ code: "PLAN_CHECK_FAILED", field: "route_sets[us-east]" });
  });

  it("another cluster's route set", () => {
    const plan = {
      ...good.plan,
      routeSets: { ...good.plan.routeSets, [US]: good.plan.routeSets["eu-west" as ClusterId] as RouteSetHash },
    };
    expect(verdictOn({ ...good, plan })).toMatchObject({ code: "PLAN_CHECK_FAILED", field: "route_sets[us-east]" });
  });

  it.each<[string, Partial<RouteSet>]>([
    ["on another port", { port: 1 }],
    ["of another service", { service: "shop/none" as ServiceId }],
    ["that serves nothing of what is deployed", { serves: [] }],
    ["without rules", { rules: [] }],
    ["that reaches less than it names", { reaches: [] }],
  ])("a route set %s", (_name, change) => {
    expect(verdictOn(tampered(good, (routeSet) => ({ ...routeSet, ...change })))).toMatchObject({
      code: "PLAN_CHECK_FAILED",
    });
  });

  it.each<[string, Split, string]>([
    ["that sum to 9999", split({ "us-east/v1": 9_999 }), "WEIGHTS_SUM"],
    ["that sum to 10001", split({ "eu-west/v1": 1, "us-east/v1": 10_000 }), "WEIGHTS_SUM"],
    ["with a fraction", split({ "eu-west/v1": 0.5, "us-east/v1": 9_999.5 }), "WEIGHT_TYPE"],
    ["below nothing", split({ "eu-west/v1": -1, "us-east/v1": 10_001 }), "WEIGHT_TYPE"],
    ["of nothing", split({ "eu-west/v1": 0, "us-east/v1": 10_000 }), "WEIGHT_TYPE"],
    ["for nowhere", [], "WEIGHTS_SUM"],
    ["to a version that is not deployed", split({ "ap-south/v2": 10_000 }), "UNKNOWN_DESTINATION"],
    ["to a cluster that nobody registered", split({ "mars/v1": 10_000 }), "UNKNOWN_DESTINATION"],
    ["out of order", split({ "eu-west/v1": 5_000, "us-east/v1": 5_000 }).toReversed(), "PLAN_CHECK_FAILED"],
    [
      "twice for one place",
      [...split({ "us-east/v1": 5_000 }), ...split({ "us-east/v1": 5_000 })],
      "PLAN_CHECK_FAILED",
    ],
  ])("weights %s", (_name, weights, code) => {
    const bad = tampered(good, (routeSet) => withRoutes(routeSet, routes(weights)));
    expect(verdictOn(bad)).toMatchObject({ code });
  });

  it("a dropped destination", () => {
    const halves = goodPlan(fleet({ pins: { "us-east": HALVES } }));
    const bad = tampered(halves, (routeSet) => withRoutes(routeSet, routes(split({ "us-east/v1": 5_000 }))));
    expect(verdictOn(bad)).toMatchObject({ code: "WEIGHTS_SUM", message: "weights sum to 5000, not to 10000" });
  });

  it.each([
    ["dead", { verdict: "dead" }],
    ["quarantined", { isQuarantined: true }],
    ["not a member", { membership: "accepted" }],
  ] as const)("weight on a cluster that is %s", (_name, change) => {
    const state = changeCluster(fleet(), "eu-west", change);
    const bad = tampered(goodPlan(state), (routeSet) => withRoutes(routeSet, routes(split({ "eu-west/v1": 10_000 }))));
    expect(verdictOn(bad)).toMatchObject({ code: "NO_SERVING_TARGET" });
  });

  it("weight on a destination without a ready endpoint", () => {
    const state = fleet({ readyEndpoints: { "eu-west/v1": 0 } });
    const bad = tampered(goodPlan(state), (routeSet) => withRoutes(routeSet, routes(split({ "eu-west/v1": 10_000 }))));
    expect(verdictOn(bad)).toMatchObject({ code: "NO_SERVING_TARGET" });
  });

  it.each<[string, Split, string]>([
    ["into the lost cluster's other version", split({ "us-east/v2": 10_000 }), "PLAN_CHECK_FAILED"],
    ["into the lost cluster in part", split({ "ap-south/v1": 9_999, "us-east/v2": 1 }), "PLAN_CHECK_FAILED"],
    ["to a sum of 9999", split({ "ap-south/v1": 9_999 }), "WEIGHTS_SUM"],
    ["nowhere, though others serve", [], "PLAN_CHECK_FAILED"],
    ["to what is not deployed", split({ "ap-south/v2": 10_000 }), "UNKNOWN_DESTINATION"],
  ])("a fallback %s", (_name, fallback, code) => {
    const own = split({ "us-east/v1": 10_000 });
    expect(verdictOn(tampered(good, (routeSet) => withRoutes(routeSet, routes(own, fallback))))).toMatchObject({
      code,
    });
  });

  it("a fallback into a dead cluster", () => {
    const state = changeCluster(fleet(), "ap-south", { verdict: "dead" });
    const own = split({ "us-east/v1": 10_000 });
    const bad = tampered(goodPlan(state), (routeSet) => withRoutes(routeSet, routes(own)));
    expect(verdictOn(bad)).toMatchObject({ code: "NO_SERVING_TARGET" });
  });

  it("a remote destination that would be looked for at home, and one at a wrong gateway", () => {
    const elsewhere = (routeSet: RouteSet, gateway?: RouteSet["reaches"][number]["gateway"]) => ({
      ...routeSet,
      reaches: routeSet.reaches.map(({ destination: found, rttMs }) =>
        found.cluster === US || gateway === undefined
          ? { destination: found, rttMs }
          : { destination: found, rttMs, gateway },
      ),
    });
    expect(verdictOn(tampered(good, (routeSet) => elsewhere(routeSet)))).toMatchObject({
      code: "PLAN_CHECK_FAILED",
    });
    const wrong = { address: "elsewhere.example", port: 15_443 };
    expect(verdictOn(tampered(good, (routeSet) => elsewhere(routeSet, wrong)))).toMatchObject({
      code: "PLAN_CHECK_FAILED",
    });
  });
});

/** us-east sends what is named, under a policy; every cluster but eu-west has tier gold. */
function bound(weights: Readonly<Record<string, number>>, policy: Partial<ServicePolicy>): FleetState {
  let state = fleet({ released: { ...LOCAL, "us-east": weights }, policy });
  for (const [name, { spec }] of state.clusters)
    if (name !== "eu-west") state = changeCluster(state, name, { spec: { ...spec, labels: { tier: "gold" } } });
  return state;
}

describe("the checker refuses a move", () => {
  const moveTo = (state: FleetState, weights: Split, urgency?: ServicePlan["urgency"]) => {
    const bad = tampered(goodPlan(state), (routeSet) => withRoutes(routeSet, routes(weights)));
    return verdictOn({ ...bad, plan: { ...bad.plan, ...(urgency !== undefined && { urgency }) } });
  };

  it("longer than the routine's step", () => {
    const state = fleet({ released: LOCAL });
    expect(moveTo(state, split({ "eu-west/v1": 2_500, "us-east/v1": 7_500 }))).toBe("passed");
    expect(moveTo(state, split({ "eu-west/v1": 2_501, "us-east/v1": 7_499 }))).toMatchObject({
      code: "PLAN_CHECK_FAILED",
      message: "us-east would move 2501 basis points in one step, and may move 2500",
    });
  });

  it("longer than the shift's step", () => {
    const state = withShifts(
      fleet({ released: LOCAL, pins: { "us-east": HALVES } }),
      aShift(["us-east"], { maxStepWeight: 100 }),
    );
    expect(moveTo(state, split({ "eu-west/v1": 101, "us-east/v1": 9_899 }))).toMatchObject({
      code: "PLAN_CHECK_FAILED",
    });
  });

  it("that calls itself an emergency without having lost anything", () => {
    const state = fleet({ released: LOCAL });
    const halves = split({ "eu-west/v1": 5_000, "us-east/v1": 5_000 });
    expect(moveTo(state, halves, "emergency")).toMatchObject({ code: "PLAN_CHECK_FAILED" });
  });

  it.each([
    ["cordoned", { isCordoned: true }],
    ["unknown", { verdict: "unknown" }],
    ["leaving", { drain: { startedAtMs: 0, maxStepWeight: 10_000, bakeMs: 0, phase: "draining" } }],
    ["returning", { ramp: { startedAtMs: 0, ceilingWeight: 50, changedAtMs: 0 } }],
  ] as const)("that raises a cluster that is %s", (_name, change) => {
    const state = changeCluster(fleet({ released: LOCAL }), "eu-west", change);
    expect(moveTo(state, split({ "eu-west/v1": 100, "us-east/v1": 9_900 }))).toMatchObject({
      code: "PLAN_CHECK_FAILED",
    });
  });

  it.each<[string, Partial<ServicePolicy>]>([
    ["isolation strict", { isolation: "strict" }],
    ["allowedClusters", { allowedClusters: [US, "ap-south" as ClusterId] }],
    ["deniedClusters", { deniedClusters: ["eu-west" as ClusterId] }],
    ["requiredLabels tier=gold", { requiredLabels: { tier: "gold" } }],
  ])("that raises what %s forbids, or falls back on it, and lets it only fall", (rule, change) => {
    const state = bound({ "eu-west/v1": 500, "us-east/v1": 9_500 }, change);
    // Strict isolation leaves home's requests no fallback, and eu-west's the way home.
    const spare = change.isolation === "strict" ? [] : AP_FALLBACK;
    const verdict = (weight: number, atHome: Split = spare) =>
      verdictOn(
        tampered(goodPlan(state), (routeSet) =>
          withRoutes(routeSet, [
            ...routes(split({ "eu-west/v1": weight }), split({ "us-east/v1": 10_000 })),
            ...routes(split({ "us-east/v1": 10_000 - weight }), atHome),
          ]),
        ),
      );
    expect(verdict(499)).toBe("passed");
    expect(verdict(501)).toMatchObject({
      code: "POLICY_FORBIDS",
      message: `eu-west/v1 may not serve us-east (${rule}): 500 may not rise to 501`,
    });
    expect(verdict(499, split({ "eu-west/v1": 10_000 }))).toMatchObject({
      code: "POLICY_FORBIDS",
      message: `eu-west/v1 may not serve us-east (${rule}), as a fallback neither`,
    });
  });

  it("that gives somebody more than it can serve", () => {
    // us-east moves 112.5 of its 450 rps to eu-west, which has 300 already and can serve 400.
    const demandRps = { "us-east": 450, "eu-west": 300 } as ServiceState["demandRps"];
    const state = changeService(fleet({ released: LOCAL }), { demandRps });
    expect(moveTo(state, split({ "eu-west/v1": 2_500, "us-east/v1": 7_500 }))).toMatchObject({ code: "OVER_CAPACITY" });
  });
});

describe("the checker refuses to lose routes", () => {
  function wide(count: number): ReturnType<typeof goodPlan> {
    const names = Array.from({ length: count }, (_, index) => `c${String(index).padStart(2, "0")}`);
    const state = aFleet(Object.fromEntries(names.map((name) => [name, { demandRps: 1, versions: { v1: 100 } }])));
    return goodPlan(applied(state, planOf(state)));
  }

  function without({ state, plan }: ReturnType<typeof goodPlan>, count: number): ReturnType<typeof goodPlan> {
    const gone = Object.keys(plan.routeSets).slice(0, count);
    const routeSets = Object.fromEntries(Object.entries(plan.routeSets).filter(([name]) => !gone.includes(name)));
    const waves = plan.waves.map((wave) => wave.filter((name) => !gone.includes(name)));
    return { state, plan: { ...plan, routeSets, waves: waves.filter((wave) => wave.length > 0) } };
  }

  it("more than a fifth of them", () => {
    expect(verdictOn(wide(20))).toBe("passed");
    expect(verdictOn(without(wide(20), 6))).toMatchObject({ code: "INPUT_SHRINK" });
  });

  it("even one, silently", () => {
    expect(verdictOn(without(wide(20), 1))).toMatchObject({ code: "PLAN_CHECK_FAILED", field: "route_sets" });
  });

  it("all of them", () => {
    expect(verdictOn(without(wide(3), 3))).toMatchObject({ code: "EMPTY_PLAN" });
  });

  it("but not those of clusters that left the fleet", () => {
    let { state } = wide(20);
    for (const name of ["c00", "c01", "c02", "c03", "c04", "c05"])
      state = changeCluster(state, name, { membership: "revoked" });
    expect(verdictOn(goodPlan(state))).toBe("passed");
    expect(Object.keys(goodPlan(state).plan.routeSets)).toHaveLength(14);
    expect(Object.keys(serviceOf(state).released)).toHaveLength(20);
  });
});
