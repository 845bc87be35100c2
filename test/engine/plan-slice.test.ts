import { describe, expect, it } from "vitest";
import { planBatches } from "../../src/engine/plan-batches.ts";
import { planSlice } from "../../src/engine/plan-slice.ts";
import type { FleetState, InputsCause } from "../../src/model/fleet.ts";
import type { ServiceId } from "../../src/model/ids.ts";
import { DEFAULT_SETTINGS } from "../../src/model/settings.ts";
import { planServices } from "../../src/planner/plan.ts";
import { committed, liveFleet, planned } from "../bench/planning/live-fleet.ts";
import { randomFleet } from "../scenarios/random-fleet.ts";

const DOCUMENT = randomFleet({
  seed: 9,
  services: 12,
  clusters: 12,
  capacities: { kind: "arbitrary", low: 0.4, high: 0.75 },
});

function afterADeath(): FleetState {
  const [cluster] = DOCUMENT.clusters;
  if (cluster === undefined) throw new Error("the fleet has clusters");
  const calm = planned(liveFleet(DOCUMENT), DEFAULT_SETTINGS);
  return committed(calm, [{ kind: "verdict-changed", cluster: cluster.name, verdict: "dead", evidence: "a test" }]);
}

describe("a slice for the planning worker", () => {
  it("leads to the plans that the whole state leads to, though it holds nothing of other services", () => {
    for (const state of [liveFleet(DOCUMENT), afterADeath()])
      for (const name of state.services.keys()) {
        const slice = structuredClone(planSlice(state, [name]));
        expect([...slice.services.keys()]).toEqual([name]);
        expect(slice.routeSets.size).toBeLessThanOrEqual(2 * state.clusters.size);
        expect(planServices(slice, [name], DEFAULT_SETTINGS)).toEqual(planServices(state, [name], DEFAULT_SETTINGS));
      }
  });

  it("leaves out services that nobody knows", () => {
    expect(planSlice(liveFleet(DOCUMENT), ["no/service" as ServiceId]).services.size).toBe(0);
  });
});

describe("runs of the planning worker", () => {
  it("take the most urgent first, every service once, and few at a time", () => {
    const state = liveFleet(DOCUMENT);
    const names = [...state.services.keys()];
    const causes: readonly InputsCause[] = ["measured", "operator", "lost"];
    const urgent: FleetState = {
      ...state,
      services: new Map(
        [...state.services].map(([name, service], index) => [
          name,
          { ...service, inputsCause: causes[index % causes.length] ?? "measured" },
        ]),
      ),
      clusters: new Map(
        Array.from({ length: 70 }, (_, index) => {
          const [name, cluster] = [...state.clusters][index % 12] ?? [];
          if (name === undefined || cluster === undefined) throw new Error("the fleet has clusters");
          return [`${name}-${index}` as typeof name, cluster];
        }),
      ),
    };
    const batches = planBatches(urgent, names);
    expect(batches.flat().toSorted()).toEqual(names);
    for (const batch of batches) expect(batch.length).toBeLessThanOrEqual(2);
    const found = batches.flat().map((name) => urgent.services.get(name)?.inputsCause);
    expect(found).toEqual([...Array(4).fill("lost"), ...Array(4).fill("operator"), ...Array(4).fill("measured")]);
  });

  it("hold one service at least, however many clusters there are, and are none where nothing is due", () => {
    const state = liveFleet(DOCUMENT);
    expect(planBatches(state, [])).toEqual([]);
    expect(planBatches(state, [...state.services.keys()]).flat()).toHaveLength(12);
  });
});
