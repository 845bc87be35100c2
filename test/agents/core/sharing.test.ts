import { expect, it } from "vitest";
import { createSharing } from "../../../agents/core/sharing.ts";
import { US, aRouteSet } from "../mesh/envoy/fleet/plans.ts";
import type { ServiceId } from "../../../src/model/ids.ts";

const GATEWAYS = { "eu-west": { address: "10.0.1.1", port: 15_443 } };

function routeSet(service: string, weight: number) {
  const weights = { "us-east/v1": weight, "eu-west/v1": 10_000 - weight };
  const fallbacks = { "us-east/v1": { "eu-west/v1": 10_000 }, "eu-west/v1": { "us-east/v1": 10_000 } };
  return aRouteSet({ service: service as ServiceId, cluster: US, weights, fallbacks, gateways: GATEWAYS });
}

it("changes nothing about a route set", () => {
  const share = createSharing();
  for (const given of [routeSet("shop/a", 1_000), routeSet("shop/b", 2_000)]) expect(share(given)).toStrictEqual(given);
});

it("makes route sets hold the same things where they are the same", () => {
  const share = createSharing();
  const [a, b] = [share(routeSet("shop/a", 1_000)), share(routeSet("shop/b", 2_000))];
  expect(b.reaches).toBe(a.reaches);
  expect(b.request).toBe(a.request);
  expect(b.rules[0]?.routes[0]?.fallback).toBe(a.rules[0]?.routes[0]?.fallback);
  expect(b.rules[0]?.routes[0]?.destination).toBe(a.rules[0]?.routes[0]?.destination);
  expect(b.rules[0]?.routes[0]?.weight).not.toBe(a.rules[0]?.routes[0]?.weight);
});
