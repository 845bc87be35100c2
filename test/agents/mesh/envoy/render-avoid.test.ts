import { assert, describe, expect, it } from "vitest";
import { assert as holds, integer, property } from "fast-check";
import { avoiding } from "../../../../agents/mesh/envoy/render-avoid.ts";
import { effectiveSplit } from "../../../../agents/core/effective.ts";
import { WEIGHT_TOTAL, keyOf } from "../../../../src/model/destination.ts";
import type { RouteSet } from "../../../../src/model/plan.ts";
import { EU, US, aRouteSet } from "./fleet/plans.ts";
import type { Weights } from "./fleet/plans.ts";

function aUsRouteSet(weights: Weights, fallbacks: Readonly<Record<string, Weights>>): RouteSet {
  return aRouteSet({ cluster: US, gateways: {}, weights, fallbacks });
}

function weightsOf(routeSet: RouteSet): Weights {
  const [rule] = routeSet.rules;
  return Object.fromEntries((rule?.routes ?? []).map(({ destination, weight }) => [keyOf(destination), weight]));
}

describe("avoiding", () => {
  it("leaves a route set alone when nothing is lost", () => {
    const routeSet = aUsRouteSet({ "eu-west/v1": 10_000 }, {});
    expect(avoiding(routeSet, undefined)).toBe(routeSet);
  });

  it("divides the lost cluster's share by its fallback, on top of what the others have", () => {
    const fallbacks = { "eu-west/v1": { "ap-south/v1": 3_000, "us-east/v1": 7_000 } };
    const routeSet = avoiding(aUsRouteSet({ "eu-west/v1": 5_000, "us-east/v1": 5_000 }, fallbacks), EU);
    expect(weightsOf(routeSet)).toEqual({ "ap-south/v1": 1_500, "us-east/v1": 8_500 });
  });

  it("leads no fallback to the lost cluster, and leaves a share alone that has nowhere else to go", () => {
    const fallbacks = { "us-east/v1": { "ap-south/v1": 5_000, "eu-west/v1": 5_000 } };
    const routeSet = avoiding(aUsRouteSet({ "eu-west/v2": 2_000, "us-east/v1": 8_000 }, fallbacks), EU);
    expect(weightsOf(routeSet)).toEqual({ "eu-west/v2": 2_000, "us-east/v1": 8_000 });
    const [rule] = routeSet.rules;
    const home = rule?.routes.find(({ destination }) => destination.cluster === US);
    expect(home?.fallback.map(({ destination }) => keyOf(destination))).toEqual(["ap-south/v1"]);
  });

  it("loses no weight, and agrees with what the agent says of itself to within rounding", () => {
    const part = integer({ min: 1, max: WEIGHT_TOTAL - 1 });
    holds(
      property(part, part, part, (share, toAsia, other) => {
        const weights = { "eu-west/v1": share, "us-east/v1": WEIGHT_TOTAL - share };
        const fallbacks = {
          "eu-west/v1": { "ap-south/v1": toAsia, "us-east/v1": WEIGHT_TOTAL - toAsia },
          "us-east/v1": { "ap-south/v1": other, "eu-west/v1": WEIGHT_TOTAL - other },
        };
        const routeSet = aUsRouteSet(weights, fallbacks);
        const rendered = weightsOf(avoiding(routeSet, EU));
        const [rule] = routeSet.rules;
        assert(rule !== undefined);
        expect(Object.values(rendered).reduce((sum, weight) => sum + weight, 0)).toBe(WEIGHT_TOTAL);
        for (const { destination, weight } of effectiveSplit(rule, EU)) {
          expect(Math.abs((rendered[keyOf(destination)] ?? 0) - weight)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
