import { describe, expect, it } from "vitest";
import type { FleetState } from "../../../src/model/fleet.ts";
import { aFleet, aShift, changeCluster, planOf, UNPACED, WATERFALL, withShifts } from "../planning-fleet.ts";
import type { ServiceOptions } from "../planning-fleet.ts";

const LOCAL = { "us-east": { "us-east/v1": 10_000 }, "eu-west": { "eu-west/v1": 10_000 } };

function fleet(demandRps: number, service: ServiceOptions = {}): FleetState {
  return aFleet(
    {
      "us-east": { demandRps, versions: { v1: 400 }, rttMs: { "eu-west": 80 } },
      "eu-west": { demandRps: 100, versions: { v1: 400 } },
    },
    service,
  );
}

/** Reasons for what us-east sends, as `kind key: text`. */
function reasons(state: FleetState, settings = UNPACED): readonly string[] {
  return planOf(state, settings)
    .reasons.filter(({ cluster }) => cluster === "us-east")
    .map(({ destination, kind, text }) => `${kind} ${destination.cluster}/${destination.version}: ${text}`);
}

describe("reasons", () => {
  it("say what stays at home, and what it was reckoned with", () => {
    expect(reasons(fleet(100))).toEqual([
      "local us-east/v1: 10000 of 10000 (100 rps) served at home; it takes 320 rps (80 % of 400 rps)",
    ]);
  });

  it("say how much spills how far", () => {
    expect(reasons(fleet(400), WATERFALL)).toEqual([
      "spillover eu-west/v1: 2000 of 10000 (80 rps) to the nearest with room, 80 ms away; it takes 320 rps (80 % of 400 rps)",
      "local us-east/v1: 8000 of 10000 (320 rps) served at home; it takes 320 rps (80 % of 400 rps)",
    ]);
  });

  it("say by how much thresholds were raised when demand exceeds them", () => {
    expect(reasons(fleet(700), WATERFALL).at(0)).toBe(
      "spillover eu-west/v1: 4286 of 10000 (300 rps) to the nearest with room, 80 ms away; " +
        "it takes 400 rps (80 % of 400 rps, raised 1.25 times because demand exceeds all there is)",
    );
  });

  it("name the shift, its author, and how far this step goes", () => {
    const pins = { "us-east": { "eu-west/v1": 4_000, "us-east/v1": 6_000 } };
    expect(reasons(withShifts(fleet(100, { released: LOCAL, pins }), aShift(["us-east"])))).toEqual([
      "pinned eu-west/v1: shift shift-1 of operator:ana set 4000 of 10000 for us-east",
      "step-limit eu-west/v1: 0 now, 2500 after this step, 4000 in the end: one step moves at most 2500 (25 %)",
      "pinned us-east/v1: shift shift-1 of operator:ana set 6000 of 10000 for us-east",
      "step-limit us-east/v1: 10000 now, 7500 after this step, 6000 in the end: one step moves at most 2500 (25 %)",
    ]);
  });

  it("say who died, and where its share went", () => {
    const released = { ...LOCAL, "us-east": { "eu-west/v1": 4_000, "us-east/v1": 6_000 } };
    const dead = changeCluster(fleet(100, { released }), "eu-west", { verdict: "dead", verdictSinceMs: 9 });
    expect(reasons(dead)).toEqual([
      "dead eu-west/v1: eu-west/v1 is in a dead cluster (since 9 ms); it had 4000 of 10000",
      "local us-east/v1: 10000 of 10000 (100 rps) served at home; it takes 320 rps (80 % of 400 rps)",
      "redistributed us-east/v1: at once: 4000 of 10000 (40 rps) served at home; it takes 320 rps (80 % of 400 rps)",
      "only-destination us-east/v1: nothing else serves us-east (100 rps)",
    ]);
  });

  it("name drains, ramps and cordons where they hold something back", () => {
    const drain = { startedAtMs: 0, maxStepWeight: 500, bakeMs: 0, phase: "draining" } as const;
    const ramp = { startedAtMs: 0, ceilingWeight: 1_000, changedAtMs: 0 };
    const pins = { "us-east": { "eu-west/v1": 4_000, "us-east/v1": 6_000 } };
    const state = fleet(100, { released: { ...LOCAL, ...pins }, pins });
    const kinds = (change: Parameters<typeof changeCluster>[2]) =>
      reasons(changeCluster(state, "eu-west", change)).filter((text) => text.includes("eu-west/v1:"));
    expect(kinds({ drain })[0]).toBe(
      "draining eu-west/v1: eu-west is drained: 4000 of 10000 leave it, at most 500 a step",
    );
    expect(kinds({ isCordoned: true })[1]).toBe(
      "cordoned eu-west/v1: eu-west is cordoned: at most 4000 of 10000, what it has now",
    );
    const fresh = fleet(100, { released: LOCAL, pins });
    expect(reasons(changeCluster(fresh, "eu-west", { ramp }))[1]).toBe(
      "ramp eu-west/v1: eu-west returns step by step: at most 1000 of 10000 from one source (ceiling now 1000)",
    );
  });
});
