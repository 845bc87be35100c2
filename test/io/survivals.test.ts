import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { addSurvivalMetric } from "../../src/io/http/survival-metric.ts";
import { Survivals } from "../../src/io/survivals.ts";
import type { FleetState, ServiceState } from "../../src/model/fleet.ts";
import type { ClusterId, ServiceId } from "../../src/model/ids.ts";
import { DEFAULT_SETTINGS } from "../../src/model/settings.ts";
import { aFleet, serviceOf } from "../planner/planning-fleet.ts";

/** 300 requests per second over 0.9 * 700; without east 180 are left, without west 450. */
function fleetOf(services: readonly string[]): FleetState {
  const one = aFleet({
    east: { demandRps: 150, versions: { v1: 500 } },
    west: { demandRps: 150, versions: { v1: 200 } },
  });
  const service = serviceOf(one);
  const named = (name: string): ServiceState => ({ ...service, spec: { ...service.spec, service: name as ServiceId } });
  return { ...one, services: new Map(services.map((name) => [name as ServiceId, named(name)])) };
}

describe("survivals", () => {
  it("are found of every service, others having their turn meanwhile", async () => {
    const state = fleetOf(Array.from({ length: 2_000 }, (_, index) => `shop/s${index}`));
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    const found = await new Survivals(DEFAULT_SETTINGS).of(state, state.services.values());
    clearInterval(timer);
    expect(found.size).toBe(2_000);
    expect(found.get("shop/s7" as ServiceId)?.losses).toMatchObject([
      { cluster: "east", shortRps: 120 },
      { cluster: "west", shortRps: 0 },
    ]);
    expect(turns).toBeGreaterThan(0);
  });

  it("stop when nobody waits any more", async () => {
    const state = fleetOf(Array.from({ length: 2_000 }, (_, index) => `shop/s${index}`));
    const waiting = new Survivals(DEFAULT_SETTINGS).of(state, state.services.values(), AbortSignal.abort());
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("weir_loss_short_rps", () => {
  it("has a series for each loss that leaves something short, and none once it does not", async () => {
    let state = fleetOf(["shop/a", "shop/b"]);
    const registry = new Registry();
    const survivals = new Survivals(DEFAULT_SETTINGS);
    addSurvivalMetric(registry, async () => survivals.of(state, state.services.values()));
    const series = async (): Promise<readonly string[]> =>
      (await registry.metrics()).split("\n").filter((line) => line.startsWith("weir_"));
    const [first, second] = await Promise.all([series(), series()]);
    expect(first).toEqual([
      `weir_loss_short_rps{service="shop/a",cluster="east"} 120`,
      `weir_loss_short_rps{service="shop/b",cluster="east"} 120`,
    ]);
    expect(second).toEqual(first);
    const [a] = state.services.values();
    const demandRps = { west: 100 } as Record<ClusterId, number>;
    state = { ...state, services: new Map(a === undefined ? [] : [[a.spec.service, { ...a, demandRps }]]) };
    expect(await series()).toEqual([]);
  });
});
