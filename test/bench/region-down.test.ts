import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { RouteSetSchema } from "../../proto/gen/weir/v1/plan_pb.ts";
import type { Sent } from "./failover/load.ts";
import { capacityOf, nearestTo, scaledFleet } from "./region-down/fleet.ts";
import { assertLost, phaseOf, successPercent } from "./region-down/judge.ts";
import { localityFailoverBootstrap } from "./region-down/locality-failover.ts";
import { predict } from "./region-down/predict.ts";

const FLEET = scaledFleet((n) => `127.0.0.${n}`);

/** A released route set that keeps everything at home, and goes elsewhere when home is lost. */
function routeSetAt(cluster: string, fallback: Readonly<Record<string, number>>) {
  const at = (name: string) => ({ cluster: name, version: "v1" });
  const entries = Object.entries(fallback).map(([name, weight]) => ({ destination: at(name), weight }));
  const routes = [{ destination: at(cluster), weight: 10_000, fallback: entries }];
  return create(RouteSetSchema, { cluster, rules: [{ routes }] });
}

function allAtHome(fallback: Readonly<Record<string, number>>) {
  return new Map(FLEET.sites.map(({ name }) => [name, routeSetAt(name, fallback)]));
}

describe("scaledFleet", () => {
  it("keeps S7's utilisations: 65 % with all alive, 81 % with one dead", () => {
    const demand = FLEET.sites.reduce((sum, { demandRps }) => sum + demandRps, 0);
    const capacity = FLEET.sites.reduce((sum, site) => sum + capacityOf(site), 0);
    expect(demand / capacity).toBeCloseTo(0.65, 6);
    expect(demand / (capacity - 200)).toBeCloseTo(0.8125, 6);
  });

  it("has S7's round trips, the same both ways", () => {
    expect(FLEET.roundTripMs("r0", "r4")).toBe(74);
    expect(FLEET.roundTripMs("r4", "r0")).toBe(74);
    const [first] = FLEET.sites;
    expect(first && nearestTo(first, FLEET).map(({ name }) => name)).toEqual(["r1", "r2", "r3", "r4"]);
  });
});

describe("predict", () => {
  // M/M/4 by Sakasegawa at rho: work + rho^(sqrt(10) - 1) / (1 - rho) * work / 4.
  const latencyAt = (rho: number) => 20 + (rho ** (Math.sqrt(10) - 1) / (1 - rho)) * 5;

  it("reckons no way at home", () => {
    expect(predict(allAtHome({ r1: 10_000 }), FLEET).meanMs).toBeCloseTo(latencyAt(0.65), 6);
  });

  it("divides the lost cluster's requests by their fallback", () => {
    const plan = allAtHome({ r1: 2_500, r2: 2_500, r3: 2_500, r4: 2_500 });
    const { meanMs, loadRps } = predict(plan, FLEET, "r0");
    expect(loadRps).toEqual({ r0: 0, r1: 162.5, r2: 162.5, r3: 162.5, r4: 162.5 });
    // A fifth of all requests makes the way out of r0.
    expect(meanMs).toBeCloseTo(latencyAt(0.8125) + (12 + 28 + 62 + 74) / 4 / 5, 6);
  });

  it("has no end where everything goes to one", () => {
    expect(predict(allAtHome({ r1: 10_000 }), FLEET, "r0").meanMs).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("phaseOf", () => {
  const sent = (atMs: number, tookMs: number, servedBy?: string): Sent =>
    servedBy === undefined ? { atMs, tookMs, failure: "HTTP 504" } : { atMs, tookMs, servedBy };

  it("counts what is sent within the span, and what is under way at its beginning", () => {
    const phase = phaseOf(
      { a: [sent(0, 10, "r1"), sent(95, 10, "r1"), sent(150, 30, "r2"), sent(250, 1, "r1")], b: [sent(199, 5_000)] },
      { fromMs: 100, untilMs: 200 },
    );
    expect(phase).toMatchObject({ requests: 3, failed: 1, meanMs: 20, successBySource: { a: 1, b: 0 } });
    expect(phase.servedRps).toEqual({ r1: 10, r2: 10 });
    expect(phase.failures).toEqual({ "HTTP 504": 1 });
    expect(successPercent(phase)).toBeCloseTo(66.67, 2);
  });

  it("refuses a cluster that goes on answering after its death", () => {
    const list = { a: [sent(2_000, 5, "r0")] };
    expect(() => assertLost(list, { lost: "r0", lostAtMs: 1_000 })).toThrow("after it was lost");
    expect(() => assertLost(list, { lost: "r0", lostAtMs: 1_900 })).not.toThrow();
  });
});

describe("localityFailoverBootstrap", () => {
  it("makes each other cluster a priority of its own, nearest first, with Envoy's own overprovisioning", () => {
    const [, site] = FLEET.sites;
    const text = JSON.stringify(site && localityFailoverBootstrap(site, FLEET, "weirs"));
    const { static_resources: found } = JSON.parse(text) as {
      static_resources: {
        clusters: {
          load_assignment: {
            policy: object;
            endpoints: { priority: number; locality: { region: string } }[];
          };
        }[];
      };
    };
    const [everywhere] = found.clusters;
    expect(everywhere?.load_assignment.endpoints.map(({ priority, locality }) => [priority, locality.region])).toEqual([
      [0, "r1"],
      [1, "r0"],
      [2, "r2"],
      [3, "r3"],
      [4, "r4"],
    ]);
    expect(everywhere?.load_assignment.policy).toEqual({ overprovisioning_factor: 140 });
  });
});
