import { describe, expect, it } from "vitest";
import type { FleetState } from "../../src/model/fleet.ts";
import type { ClusterId } from "../../src/model/ids.ts";
import { DEFAULT_SETTINGS } from "../../src/model/settings.ts";
import { applied, changeCluster, changeService, planOf, serviceOf, textOf, threeClusters } from "./planning-fleet.ts";

/** us-east's 300 rps fall back to what eu-west has left of 0.8 * 400 rps beside its own 100, and the rest to ap-south. */
const settled = applied(...firstOf(threeClusters({}, { demandRps: 300 })));

function firstOf(state: FleetState): [FleetState, ReturnType<typeof planOf>] {
  return [state, planOf(state, DEFAULT_SETTINGS)];
}

function asking(state: FleetState, cluster: string, rps: number): FleetState {
  return changeService(state, { demandRps: { ...serviceOf(state).demandRps, [cluster as ClusterId]: rps } });
}

/** Where us-east's requests go when us-east is lost. */
function fallbackOf(state: FleetState): ReturnType<typeof textOf> {
  const routes = planOf(state, DEFAULT_SETTINGS).routeSets["us-east" as ClusterId]?.rules[0]?.routes ?? [];
  return textOf(routes[0]?.fallback);
}

describe("fallbacks", () => {
  it("stand while demand flutters: nobody is told anything new", () => {
    expect(fallbackOf(settled)).toEqual({ "eu-west/v1": 7_333, "ap-south/v1": 2_667 });
    const fluttered = asking(settled, "eu-west", 105);
    expect(planOf(fluttered, DEFAULT_SETTINGS).routeSets).toEqual(planOf(settled, DEFAULT_SETTINGS).routeSets);
  });

  it("are made anew where they would bring somebody too much", () => {
    // Standing, they would bring eu-west 170 + 220 of 400 rps, more than a step may; to 320 it has 150 left.
    expect(fallbackOf(asking(settled, "eu-west", 170))).toEqual({ "eu-west/v1": 5_000, "ap-south/v1": 5_000 });
  });

  it("are made anew where there is room much nearer", () => {
    const crowded = asking(threeClusters({}, { demandRps: 300 }), "eu-west", 350);
    const far = applied(...firstOf(crowded));
    expect(fallbackOf(far)["ap-south/v1"]).toBeGreaterThan(8_000);
    // Of its 320 eu-west has all but its own callers' 60, or a little less, left for the 300.
    expect(fallbackOf(asking(far, "eu-west", 60))["eu-west/v1"]).toBeGreaterThanOrEqual(8_667);
  });

  it("are made anew where they may not be followed any more", () => {
    const drain = { startedAtMs: 0, maxStepWeight: 2_500, bakeMs: 0, phase: "draining" as const };
    expect(fallbackOf(changeCluster(settled, "ap-south", { drain }))["ap-south/v1"] ?? 0).toBeLessThan(2_667);
    expect(fallbackOf(changeCluster(settled, "eu-west", { isQuarantined: true }))).toEqual({ "ap-south/v1": 10_000 });
  });
});
