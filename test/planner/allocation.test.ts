import { describe, expect, it } from "vitest";
import type { ClusterSpec } from "../../src/model/cluster.ts";
import type { ServicePlan } from "../../src/model/plan.ts";
import type { FleetState } from "../../src/model/fleet.ts";
import type { ClusterId } from "../../src/model/ids.ts";
import { planServices } from "../../src/planner/plan.ts";
import {
  aFleet,
  applied,
  changeCluster,
  changeService,
  CHECKOUT,
  planOf,
  planned,
  serviceOf,
  split,
  UNPACED,
} from "./planning-fleet.ts";
import type { ClusterOptions, ServiceOptions } from "./planning-fleet.ts";

const OPTIMUM = { ...UNPACED, allocation: "optimum" } as const;

/** Two clusters of 40 servers each, 10 ms apart; requests take 20 ms of work. */
function twoClusters(eastRps: number, service: ServiceOptions = {}, east: Partial<ClusterOptions> = {}): FleetState {
  const state = aFleet(
    {
      east: { demandRps: eastRps, versions: { v1: undefined }, rttMs: { west: 10 }, ...east },
      west: { demandRps: 200, versions: { v1: undefined } },
    },
    service,
  );
  const { spec } = serviceOf(state);
  const curve = { kind: "queue", servers: 40, meanWorkMs: 20, squaredVariation: 1 } as const;
  const deployments = spec.deployments.map((deployment) => ({ ...deployment, curve }));
  return changeService(state, { spec: { ...spec, deployments } });
}

function clusterSpec(state: FleetState, name: string): ClusterSpec {
  const found = state.clusters.get(name as ClusterId);
  if (found === undefined) throw new Error(`no cluster ${name}`);
  return found.spec;
}

function reasonsOf(state: FleetState): readonly string[] {
  return planOf(state, OPTIMUM).reasons.map(
    ({ cluster, destination, text }) => `${cluster} → ${destination.cluster}: ${text}`,
  );
}

describe("planning by the optimum", () => {
  it("sends away as little as brings all queues to one price", () => {
    const planning = planOf(twoClusters(1_900), { ...OPTIMUM, utilisationMax: 0.95 });
    const { "east/v1": home = 0, "west/v1": away = 0 } = planned(planning, "east");
    expect(home + away).toBe(10_000);
    expect(away).toBeGreaterThan(0);
    // A tenth of a second's queue is not waited for, nor are ten milliseconds of way paid for nothing.
    expect(home).toBeGreaterThan(8_000);
    expect(planned(planning, "west")).toEqual({ "west/v1": 10_000 });
  });

  it("counts the price of bytes, and says what was weighed", () => {
    const priced = { bytesPerRequest: 1_000_000, objective: { dollarsPerRequestMs: 1e-6 } };
    const state = twoClusters(1_900);
    const withPrice = changeService(state, { spec: { ...serviceOf(state).spec, ...priced } });
    const far = changeCluster(withPrice, "east", {
      spec: { ...clusterSpec(withPrice, "east"), egressDollarsPerGb: { ["west" as ClusterId]: 0.09 } },
    });
    const roomy = { ...OPTIMUM, utilisationMax: 0.99 };
    const awayOf = (fleet: FleetState) => planned(planOf(fleet, roomy), "east")["west/v1"] ?? 0;
    expect(awayOf(withPrice)).toBeGreaterThan(awayOf(far));
    expect(reasonsOf(far).find((text) => text.startsWith("east → west"))).toMatch(
      /one more request costs 10 ms way \+ [\d.]+ ms marginal latency.* = [\d.]+ ms; at east\/v1 [\d.]+ ms/u,
    );
  });

  it("falls back as the waterfall does", () => {
    const state = twoClusters(500);
    const fallbacks = (settings: typeof UNPACED) =>
      Object.values(planServices(state, [CHECKOUT], settings)[0]?.routeSets ?? {}).flatMap(({ rules }) =>
        rules.flatMap(({ routes }) => routes.map(({ fallback }) => fallback)),
      );
    expect(fallbacks(OPTIMUM)).toEqual(fallbacks(UNPACED));
  });
});

describe("the dead band", () => {
  const HOME = { east: { "east/v1": 10_000 }, west: { "west/v1": 10_000 } };

  it("leaves sources where they are for a gain too small, and says how small", () => {
    const state = twoClusters(1_200, { released: { ...HOME, east: { "east/v1": 9_900, "west/v1": 100 } } });
    expect(planned(planOf(state, OPTIMUM), "east")).toEqual({ "east/v1": 9_900, "west/v1": 100 });
    expect(planOf(state, OPTIMUM).isFinalStep).toBe(true);
    expect(reasonsOf(state).find((text) => text.startsWith("east → east"))).toMatch(
      /stays at 9900 of 10000: moving would gain callers 0\.\d+ % of what they spend, and less than 3 % is not worth it/u,
    );
  });

  it("does not stop a move short of its end because the last step gains little", () => {
    const state = twoClusters(1_200, { released: { ...HOME, east: { "east/v1": 9_900, "west/v1": 100 } } });
    const plan = planOf(state, OPTIMUM);
    const underWay = (isFinalStep: boolean, urgency: ServicePlan["urgency"] = "routine") =>
      changeService(state, {
        rollout: {
          plan: { ...plan, urgency, routeSets: {}, isFinalStep },
          changes: [],
          committedAtMs: 0,
          waveIndex: 0,
          waveReleasedAtMs: 0,
          isSettled: true,
          waitsFor: "",
        },
      });
    expect(planned(planOf(underWay(false), OPTIMUM), "east")).toEqual({ "east/v1": 10_000 });
    expect(planned(planOf(underWay(false, "operator"), OPTIMUM), "east")).toEqual({ "east/v1": 10_000 });
    const stays = { "east/v1": 9_900, "west/v1": 100 };
    expect(planned(planOf(underWay(true), OPTIMUM), "east")).toEqual(stays);
    // What an emergency made is no way to somewhere.
    expect(planned(planOf(underWay(false, "emergency"), OPTIMUM), "east")).toEqual(stays);
  });

  it("moves for a gain that is worth it", () => {
    const state = twoClusters(1_200, { released: { ...HOME, east: { "west/v1": 10_000 } } });
    expect(planned(planOf(state, OPTIMUM), "east")).toEqual({ "east/v1": 10_000 });
  });

  it("moves whatever the gain where a limit is exceeded that can be kept", () => {
    const state = twoClusters(1_660, { released: HOME });
    expect(planned(planOf(state, OPTIMUM), "east")["east/v1"]).toBeLessThanOrEqual(9_640);
    const roomy = { ...OPTIMUM, utilisationMax: 0.83 };
    expect(planned(planOf(state, roomy), "east")).toEqual({ "east/v1": 10_000 });
  });

  it("asks for more gain to come back to somebody who would be nearly full than to anybody else", () => {
    // Of 0.8 * 2000 = 1600 rps, 0.95 are 1520: with 1580 rps at home east would be nearly full, with 1450 it would not.
    const away = { ...HOME, east: { "east/v1": 8_800, "west/v1": 1_200 } };
    const [full, roomy] = [twoClusters(1_580, { released: away }), twoClusters(1_450, { released: away })];
    expect(planned(planOf(full, OPTIMUM), "east")).toEqual(away.east);
    expect(reasonsOf(full).find((text) => text.startsWith("east → east"))).toMatch(
      /would gain callers [34]\.?\d* % of what they spend, and less than 5 % is not worth it/u,
    );
    expect(planned(planOf(full, { ...OPTIMUM, returnGainMin: 0.03 }), "east")).toEqual({ "east/v1": 10_000 });
    expect(planned(planOf(roomy, OPTIMUM), "east")).toEqual({ "east/v1": 10_000 });
  });

  it("does not weigh what somebody pinned", () => {
    const pins = { east: split({ "east/v1": 9_000, "west/v1": 1_000 }) };
    const state = changeService(twoClusters(100, { released: HOME }), { pins });
    expect(planned(planOf(state, OPTIMUM), "east")).toEqual({ "east/v1": 9_000, "west/v1": 1_000 });
  });

  it("does not hold back a cluster that returns step by step", () => {
    const ramp = { startedAtMs: 0, ceilingWeight: 100, changedAtMs: 0 };
    const away = { east: { "west/v1": 10_000 }, west: { "west/v1": 10_000 } };
    const state = changeCluster(twoClusters(1_000, { released: away }), "east", { ramp });
    expect(planned(planOf(state, OPTIMUM), "east")).toEqual({ "east/v1": 100, "west/v1": 9_900 });
  });

  it("comes to rest: what was moved once is not moved again", () => {
    let state = twoClusters(1_750, { released: HOME });
    for (let step = 0; step < 10; step += 1) state = applied(state, planOf(state, OPTIMUM));
    const before = planned(planOf(state, OPTIMUM), "east");
    const jitter = changeService(state, { demandRps: { ...serviceOf(state).demandRps, ["east" as ClusterId]: 1_755 } });
    expect(planned(planOf(jitter, OPTIMUM), "east")).toEqual(before);
  });
});
