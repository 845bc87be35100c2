import { create, toBinary } from "@bufbuild/protobuf";
import { assert as assertProperty, integer, property, tuple } from "fast-check";
import { describe, expect, it } from "vitest";
import { proxylessRouteConfiguration, proxylessWeights } from "../../../../agents/mesh/envoy/render-proxyless.ts";
import { virtualHost, virtualHostWeights } from "../../../../agents/mesh/envoy/render-routes.ts";
import { differInWeights, reweigh } from "../../../../agents/mesh/envoy/reweigh.ts";
import { RouteConfigurationSchema } from "../../../../proto/gen/envoy/config/route/v3/route_pb.ts";
import { WEIGHT_TOTAL } from "../../../../src/model/destination.ts";
import type { RouteSet, Rule } from "../../../../src/model/plan.ts";
import type { RequestPolicy } from "../../../../src/model/service.ts";
import { AP, EU, US, aRouteSet, routes } from "./fleet/plans.ts";

const GATEWAYS = {
  [EU]: { address: "10.0.1.1", port: 15_443 },
  [AP]: { address: "10.0.3.1", port: 15_443 },
};

const WEIGHT = integer({ min: 0, max: WEIGHT_TOTAL });

/** Two rules with weights and one between them that leads nowhere. */
function weighing(
  [a, b, c]: readonly [number, number, number],
  more: { readonly protocol?: "http" | "grpc"; readonly request?: Partial<RequestPolicy>; readonly port?: number } = {},
): RouteSet {
  const here = { "eu-west/v1": { "us-east/v1": WEIGHT_TOTAL } };
  const rules: readonly Rule[] = [
    { match: { headers: { "x-user": "ana" } }, routes: routes({ "us-east/v1": a }) },
    { match: { headers: { "x-user": "bob" } }, routes: [] },
  ];
  const weights = { "eu-west/v1": b, "us-east/v1": c };
  return aRouteSet({ cluster: US, gateways: GATEWAYS, weights, fallbacks: here, rules, ...more });
}

function envoyBytes(routeSet: RouteSet): Uint8Array {
  const message = create(RouteConfigurationSchema, { virtualHosts: [virtualHost(routeSet, "own-hosts")] });
  return toBinary(RouteConfigurationSchema, message);
}

function proxylessBytes(routeSet: RouteSet): Uint8Array {
  return toBinary(RouteConfigurationSchema, proxylessRouteConfiguration(routeSet));
}

const SCOPES = ["none", "idempotent-methods", "all"] as const;

describe("other weights in the same bytes", () => {
  it.each(SCOPES)("are the bytes of rendering anew, with retries of %s", (retryScope) => {
    const request = { retryScope, retries: 2 };
    assertProperty(
      property(tuple(WEIGHT, WEIGHT, WEIGHT), tuple(WEIGHT, WEIGHT, WEIGHT), (before, after) => {
        const [one, other] = [weighing(before, { request }), weighing(after, { request })];
        expect(reweigh(envoyBytes(one), virtualHostWeights(other))).toEqual(envoyBytes(other));
        const [mine, yours] = [
          weighing(before, { request, protocol: "grpc" }),
          weighing(after, { request, protocol: "grpc" }),
        ];
        expect(reweigh(proxylessBytes(mine), proxylessWeights(yours))).toEqual(proxylessBytes(yours));
      }),
    );
  });

  it("must be as many as there are entries", () => {
    const bytes = proxylessBytes(weighing([1, 2, 3]));
    expect(() => reweigh(bytes, [1, 2])).toThrow("2 weights are fewer than there are entries");
    expect(() => reweigh(bytes, [1, 2, 3, 4])).toThrow("4 weights for 3 entries");
  });
});

describe("differing in weights alone", () => {
  const base = weighing([1, 2, 3]);

  it("is what other weights do", () => {
    expect(differInWeights(base, weighing([9, 8, 7]))).toBe(true);
    expect(differInWeights(base, weighing([1, 2, 3]))).toBe(true);
  });

  it.each<[string, Partial<RouteSet>]>([
    ["port", { port: 9 }],
    ["protocol", { protocol: "grpc" }],
    ["source", { cluster: EU }],
    ["request policy", { request: { ...base.request, retries: 7 } }],
    ["versions served", { serves: [] }],
    ["ways", { reaches: base.reaches.slice(1) }],
    ["rules", { rules: base.rules.slice(1) }],
    ["matches", { rules: base.rules.map(({ routes: to }) => ({ match: { headers: {} }, routes: to })) }],
    ["destinations", { rules: base.rules.map((rule) => ({ ...rule, routes: rule.routes.slice(1) })) }],
    ["fallbacks", { rules: base.rules.map((rule) => ({ ...rule, routes: withoutFallback(rule) })) }],
    ["places", { rules: base.rules.map((rule) => ({ ...rule, routes: elsewhere(rule) })) }],
  ])("is not what other %s do", (_, change) => {
    expect(differInWeights(base, { ...base, ...change })).toBe(false);
  });
});

function withoutFallback({ routes: all }: Rule): Rule["routes"] {
  return all.map((route) => ({ ...route, fallback: [] }));
}

function elsewhere({ routes: all }: Rule): Rule["routes"] {
  return all.map((route) => ({ ...route, destination: { ...route.destination, cluster: AP } }));
}
