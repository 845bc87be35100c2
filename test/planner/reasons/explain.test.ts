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

  it("say with checkable sums that the nearer one is passed over for its price", () => {
    const state = priced(1_000_000);
    expect(reasons(state).filter((text) => text.startsWith("price"))).toEqual([
      "price ap-south/v1: eu-west/v1 is nearer, but 40 ms away and $90 per million requests, which weigh 90 ms: 130 ms; " +
        "here 90 ms away and $10 per million requests, which weigh 10 ms: 100 ms",
    ]);
    expect(sharesOf(state)).toContain("ap-south");
    expect(sharesOf(state)).not.toContain("eu-west");
  });

  it("say nothing of prices that decide nothing, or where a shift decides", () => {
    const pricesIn = (state: FleetState) => reasons(state).filter((text) => text.startsWith("price"));
    expect(pricesIn(priced(0))).toEqual([]);
    const pins = { "us-east": { "ap-south/v1": 4_000, "us-east/v1": 6_000 } };
    const shifted = withShifts(priced(1_000_000, { pins, released: LOCAL }), aShift(["us-east"]));
    expect(pricesIn(shifted)).toEqual([]);
  });
});

/** us-east has more than it can serve, and the way to its nearest neighbour costs nine times as much as the other. */
function priced(bytesPerRequest: number, options: ServiceOptions = {}): FleetState {
  const rttMs = { "eu-west": 40, "ap-south": 90 };
  const clusters = {
    "us-east": { demandRps: 420, versions: { v1: 400 }, rttMs },
    "eu-west": { demandRps: 20, versions: { v1: 400 } },
    "ap-south": { demandRps: 20, versions: { v1: 400 } },
  };
  const state = aFleet(clusters, options);
  const [source] = [...state.clusters.values()];
  const [service] = [...state.services.values()];
  if (source === undefined || service === undefined) throw new Error("an empty fleet");
  const egressDollarsPerGb = { "eu-west": 0.09, "ap-south": 0.01 };
  const spec = { ...service.spec, bytesPerRequest };
  return {
    ...changeCluster(state, "us-east", { spec: { ...source.spec, egressDollarsPerGb } }),
    services: new Map([[spec.service, { ...service, spec }]]),
  };
}

/** Where us-east sends something in the end, as one text. */
function sharesOf(state: FleetState): string {
  return reasons(state)
    .filter((text) => /^(local|spillover)/.test(text))
    .join();
}
