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
      "capacity us-east/v1: it is full: all sources together send it 320 rps of 320 rps (80 % of 400 rps)",
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
      "only-destination us-east/v1: nothing else serves us-east (100 rps)",
      "local us-east/v1: 10000 of 10000 (100 rps) served at home; it takes 320 rps (80 % of 400 rps)",
      "redistributed us-east/v1: at once: 4000 of 10000 (40 rps) served at home; it takes 320 rps (80 % of 400 rps)",
    ]);
  });

  it("say what else was lost, and that it goes at once", () => {
    const released = { ...LOCAL, "us-east": { "eu-west/v1": 4_000, "us-east/v1": 6_000 } };
    // One of two clusters without an endpoint is believed; 4000 of 10000 are 40 of 100 rps.
    const empty = fleet(100, { released, readyEndpoints: { "eu-west/v1": 0 } });
    expect(reasons(empty)[0]).toBe("lost eu-west/v1: eu-west/v1 reports no ready endpoint; it had 4000 of 10000");
    expect(reasons(empty)).toContain(
      "redistributed us-east/v1: at once: 4000 of 10000 (40 rps) served at home; it takes 320 rps (80 % of 400 rps)",
    );
    const gone = changeCluster(fleet(100, { released }), "eu-west", { membership: "revoked" });
    expect(reasons(gone)[0]).toBe("lost eu-west/v1: eu-west/v1 is in a cluster that is revoked; it had 4000 of 10000");
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
    expect(kinds({ isCordoned: true })[0]).toBe(
      "cordoned eu-west/v1: eu-west is cordoned: at most 4000 of 10000, what it has now",
    );
    const fresh = fleet(100, { released: LOCAL, pins });
    expect(reasons(changeCluster(fresh, "eu-west", { ramp }))[0]).toBe(
      "ramp eu-west/v1: eu-west returns step by step: at most 1000 of 10000 from one source (ceiling now 1000)",
    );
  });

  it("say what rounding to weights made of a share", () => {
    // 320 of 450 rps stay: 0.71111 of all; both shares round down, and the basis point that is left goes to the larger rest.
    expect(reasons(fleet(450)).filter((text) => text.startsWith("rounding"))).toEqual([
      "rounding eu-west/v1: 2888.8889 of 10000 in whole basis points: 2889",
      "rounding us-east/v1: 7111.1111 of 10000 in whole basis points: 7111",
    ]);
  });

  it("say which destination a larger step could overload, with the sum", () => {
    // west has 200 rps and may have 0.95 * 270 = 256.5 on the way. east brings it 100, and 100 leave, but maybe later: of the 100
    // only 56.5 fit, less what rounding may add, which is 56.48 of its 200 rps, 2824 of 10000.
    const pins = { east: { "east/v1": 5_000, "west/v1": 5_000 }, west: { "north/v1": 5_000, "west/v1": 5_000 } };
    const state = aFleet(
      {
        east: { demandRps: 200, versions: { v1: 400 } },
        north: { versions: { v1: 400 } },
        west: { demandRps: 200, versions: { v1: 270 } },
      },
      { pins, released: { east: { "east/v1": 10_000 }, north: { "north/v1": 10_000 }, west: { "west/v1": 10_000 } } },
    );
    const settings = { ...UNPACED, onloadMax: 1, stepUtilisationMax: 0.95 };
    const bound = planOf(state, settings).reasons.find(
      ({ kind, cluster, destination }) => [kind, cluster, destination.cluster].join() === "step-limit,east,west",
    );
    expect(bound?.text).toBe(
      "0 now, 2824 after this step, 5000 in the end: a larger step than 2824 could overload west/v1, if all who send it more come first: 200 rps + 56.48 rps = 256.48 rps of 256.5 rps (95 % of 270 rps)",
    );
  });

  it("come in the order in which they bind", () => {
    const released = { ...LOCAL, "us-east": { "eu-west/v1": 1_000, "us-east/v1": 9_000 } };
    const pins = { "us-east": { "eu-west/v1": 6_000, "us-east/v1": 4_000 } };
    const state = withShifts(fleet(450, { released, pins }), aShift(["us-east"]));
    const kinds = reasons(changeCluster(state, "eu-west", { isCordoned: true })).map((text) => text.split(":")[0]);
    expect(kinds).toEqual([
      // It may not get more than it has, was to get more, and the rest stays where it is.
      "cordoned eu-west/v1",
      "pinned eu-west/v1",
      "pinned us-east/v1",
      "redistributed us-east/v1",
      "capacity us-east/v1",
    ]);
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

/** One server that takes 10 ms is an M/M/1: one more request costs 10 ms / (1 - utilisation)^2, its own time and the others'. */
const ONE_SERVER = { kind: "queue", servers: 1, meanWorkMs: 10, squaredVariation: 1 } as const;

describe("what one more request costs", () => {
  const spillovers = (demandRps: number, away: number): readonly string[] => {
    const state = aFleet({
      "us-east": { demandRps, rttMs: { "eu-west": 20, "ap-south": away } },
      "eu-west": { versions: { v1: 100 } },
      "ap-south": { versions: { v1: 100_000 } },
    });
    const [service] = [...state.services.values()];
    if (service === undefined) throw new Error("an empty fleet");
    const deployments = service.spec.deployments.map((deployment) =>
      deployment.cluster === "eu-west" ? { ...deployment, curve: ONE_SERVER } : deployment,
    );
    const spec = { ...service.spec, deployments };
    const curved = { ...state, services: new Map([[spec.service, { ...service, spec }]]) };
    return reasons(curved, { ...UNPACED, allocation: "optimum" }).filter((text) => text.includes("eu-west/v1: "));
  };

  it("is said by its parts", () => {
    // At 50 of 100 rps 10 / 0.5^2 = 40 ms.
    expect(spillovers(50, 5_000)[0]).toContain(
      "where one more request costs 20 ms way + 40 ms marginal latency = 60 ms; at ap-south/v1 5020 ms",
    );
  });

  it("is said of what stays at home where some leaves", () => {
    const one = aFleet({
      "us-east": { demandRps: 60, versions: { v1: 100 }, rttMs: { "eu-west": 32.5 } },
      "eu-west": { versions: { v1: 100_000 } },
    });
    const [service] = [...one.services.values()];
    if (service === undefined) throw new Error("an empty fleet");
    const [home, away] = service.spec.deployments;
    if (home === undefined || away === undefined) throw new Error("nothing is deployed");
    // At 50 of 100 rps another costs 10 / 0.5^2 = 40 ms here, and 32.5 + 7.5 there, where hardly anybody waits.
    const deployments = [
      { ...home, curve: ONE_SERVER },
      { ...away, curve: { kind: "queue", servers: 750, meanWorkMs: 7.5, squaredVariation: 1 } as const },
    ];
    const spec = { ...service.spec, deployments };
    const state = { ...one, services: new Map([[spec.service, { ...service, spec }]]) };
    const local = reasons(state, { ...UNPACED, allocation: "optimum" }).find((text) => text.startsWith("local"));
    expect(local).toContain(
      "8333 of 10000 (50 rps) served at home, where one more request costs 0 ms way + 40 ms marginal latency",
    );
    expect(local).toContain("= 40 ms; at eu-west/v1 40 ms; it takes 80 rps (80 % of 100 rps)");
  });

  it("has a part for want of room where the destination is full", () => {
    // At its 80 rps 10 / 0.2^2 = 250 ms; elsewhere it costs 1020 ms, and so much it is worth: 1020 - 20 - 250 = 750 ms.
    const [balanced, full] = spillovers(100, 1_000);
    expect(balanced).toContain(
      "20 ms way + 250 ms marginal latency + 750 ms for want of room = 1020 ms; at ap-south/v1 1020 ms",
    );
    expect(full).toBe(
      "capacity eu-west/v1: it is full: all sources together send it 80 rps of 80 rps (80 % of 100 rps)",
    );
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
