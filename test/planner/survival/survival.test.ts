import { describe, expect, it } from "vitest";
import type { ClusterId } from "../../../src/model/ids.ts";
import type { FleetState } from "../../../src/model/fleet.ts";
import type { Survival } from "../../../src/model/survival.ts";
import { SurvivalBook } from "../../../src/planner/survival/book.ts";
import { survivalOf } from "../../../src/planner/survival/survival.ts";
import { aFleet, changeCluster, changeService, serviceOf, UNPACED } from "../planning-fleet.ts";
import type { ClusterOptions, ServiceOptions } from "../planning-fleet.ts";

function survival(clusters: Readonly<Record<string, ClusterOptions>>, service: ServiceOptions = {}): Survival {
  const state = aFleet(clusters, service);
  return survivalOf(state, serviceOf(state), UNPACED);
}

/** Requests per second short, by lost cluster. */
function short({ losses }: Survival): Readonly<Record<string, number>> {
  return Object.fromEntries(losses.map(({ cluster, shortRps }) => [cluster, Number(shortRps.toFixed(6))]));
}

function serving(demandRps: number, capacityRps: number | undefined, rest: ClusterOptions = {}): ClusterOptions {
  return { demandRps, versions: { v1: capacityRps }, ...rest };
}

const WEST = "west" as ClusterId;

/** Demand 300 on 0.8 * 600 = 480: without west or south 400 * 0.8 = 320 are left, without east 160. */
const THREE = { east: serving(100, 400), south: serving(100, 100), west: serving(100, 100) };

describe("survivalOf", () => {
  it("counts what the others have no room for, the lost cluster's callers too", () => {
    expect(short(survival(THREE))).toEqual({ east: 140, south: 0, west: 0 });
    expect(survival(THREE)).toMatchObject({ shortRps: 0, losses: [{ isRequired: false }, {}, {}] });
  });

  it("counts no room with whom a source's failover order does not name", () => {
    const tiers = [WEST, "east" as ClusterId].map((cluster) => ({ kind: "cluster" as const, cluster }));
    const failover = { order: [], orderBySource: { [WEST]: tiers }, healthyMin: 0.7 };
    // Without west, 100 of its own have room in east alone: 220 of 320 are left there, and all of south's 80.
    expect(short(survival(THREE, { policy: { failover } }))).toEqual({ east: 140, south: 0, west: 0 });
    const alone = { ...failover, orderBySource: { [WEST]: tiers.slice(0, 1) } };
    expect(short(survival(THREE, { policy: { failover: alone } }))["west"]).toBe(100);
  });

  it("says what is short before anything is lost", () => {
    const found = survival({ east: serving(500, 400), west: serving(0, 100) });
    expect(found.shortRps).toBeCloseTo(100);
    expect(short(found)).toEqual({ east: 420, west: 180 });
  });

  it("names the losses that the policy names", () => {
    const required = (surviveLossOf: "any" | readonly ClusterId[]) =>
      survival(THREE, { policy: { surviveLossOf } }).losses.map(({ isRequired }) => isRequired);
    expect(required("any")).toEqual([true, true, true]);
    expect(required([WEST])).toEqual([false, false, true]);
  });

  it("takes an unknown capacity as room without end, and says so where it serves on", () => {
    const found = survival({ east: serving(100, 400), west: serving(100, undefined) });
    expect(found.losses).toEqual([
      { cluster: "east", shortRps: 0, isRequired: false, isCapacityUnknown: true },
      { cluster: "west", shortRps: 0, isRequired: false, isCapacityUnknown: false },
    ]);
  });

  it("leaves the demand and the room of a dead cluster out", () => {
    expect(short(survival({ ...THREE, south: serving(100, 100, { state: { verdict: "dead" } }) }))).toEqual({
      east: 120,
      west: 0,
    });
  });

  it("counts a draining cluster as no room", () => {
    const drain = { startedAtMs: 0, maxStepWeight: 2_500, bakeMs: 0, phase: "draining" as const };
    expect(short(survival({ ...THREE, south: serving(100, 100, { state: { drain } }) }))).toEqual({
      east: 220,
      west: 0,
    });
  });

  it("leaves a cordoned cluster what it has, and no more", () => {
    const released = { east: { "east/v1": 10_000 }, south: { "south/v1": 5_000, "east/v1": 5_000 } };
    const state = { isCordoned: true };
    // Without east: west takes 80, and south keeps the 50 of its own callers.
    expect(short(survival({ ...THREE, south: serving(100, 100, { state }) }, { released }))).toEqual({
      east: 170,
      south: 0,
      west: 0,
    });
  });

  it("keeps to what a returning cluster may take of each source", () => {
    const ramp = { startedAtMs: 0, ceilingWeight: 1_000, changedAtMs: 0 };
    const released = { east: { "east/v1": 10_000 }, south: { "east/v1": 10_000 }, west: { "west/v1": 10_000 } };
    // Without east: west takes 80, and south 10 of every 100.
    expect(short(survival({ ...THREE, south: serving(100, 100, { state: { ramp } }) }, { released }))).toMatchObject({
      east: 190,
    });
  });

  it("looks for places where the policy lets the callers go", () => {
    expect(short(survival(THREE, { policy: { isolation: "strict" } }))).toEqual({ east: 140, south: 120, west: 120 });
    // South and west are 20 short at home each; who loses its home finds 320 - 100 in east.
    expect(short(survival(THREE, { policy: { isolation: "nearest" } }))).toEqual({ east: 140, south: 20, west: 20 });
    expect(short(survival(THREE, { policy: { deniedClusters: ["east" as ClusterId] } }))).toEqual({
      south: 220,
      west: 220,
    });
  });

  it("keeps to the share that the policy lets one destination have", () => {
    const wide = { a: serving(100, 1_000), b: serving(0, 1_000), c: serving(0, 50), d: serving(0, 50) };
    expect(short(survival(wide))).toEqual({ a: 0, b: 0, c: 0, d: 0 });
    // Without a: b may have 40 of the 100, and c and d have room for 40 each. Without c they are three as well, but d has 40.
    expect(short(survival(wide, { policy: { maxShare: 0.4 } }))).toEqual({ a: 0, b: 0, c: 0, d: 0 });
    const narrow = { a: serving(100, 1_000), b: serving(0, 1_000), c: serving(0, 10), d: serving(0, 10) };
    expect(short(survival(narrow, { policy: { maxShare: 0.4 } }))).toEqual({ a: 44, b: 44, c: 12, d: 12 });
  });

  it("keeps each source to that share by what it asks of each version", () => {
    const clusters = {
      a: { demandRps: 100, versions: { v1: 1_000, v2: 1_000 } },
      b: { demandRps: 100, versions: { v1: 10, v2: 1_000 } },
    };
    const released = { a: { "a/v1": 10_000 }, b: { "b/v2": 10_000 } };
    // Half of a's 100 may go to a/v1, and b/v1 has room for 8; b's v2 finds 50 at both.
    expect(survival(clusters, { released, policy: { maxShare: 0.5 } }).shortRps).toBeCloseTo(42);
  });

  it("sends callers where others cannot go, so that those find room", () => {
    // The quarantined south serves its own callers alone, who may also go to east and west.
    const state = { isQuarantined: true };
    const found = survival({ east: serving(0, 100), south: serving(200, 200, { state }), west: serving(150, 200) });
    // Without east, 160 at south and 160 at west. Without south, 80 + 160 for all. Without west, 160 for south's 200 and 80.
    expect(short(found)).toEqual({ east: 30, south: 110, west: 110 });
  });

  it("serves users of a version that is lost whole by the stable one, and those of the stable one by no other", () => {
    const clusters = {
      east: { demandRps: 100, versions: { v1: 100 } },
      west: { demandRps: 0, versions: { v2: 100 } },
    };
    const released = { east: { "east/v1": 5_000, "west/v2": 5_000 } };
    expect(short(survival(clusters, { released }))).toEqual({ east: 50, west: 20 });
  });

  it("lists no cluster that serves nothing, and nothing where nobody lives", () => {
    expect(survival({ ...THREE, north: { demandRps: 10 } }).losses.map(({ cluster }) => cluster)).not.toContain(
      "north",
    );
    const dead = { state: { verdict: "dead" as const } };
    expect(survival({ east: serving(100, 100, dead) })).toEqual({ shortRps: 0, losses: [] });
  });

  it("lists who serves where nobody asks", () => {
    expect(short(survival({ east: serving(0, 100), west: serving(0, 100) }))).toEqual({ east: 0, west: 0 });
  });
});

describe("a survival book", () => {
  const book = new SurvivalBook(UNPACED);
  function look(state: FleetState): { readonly steps: number; readonly survival: Survival } {
    const steps = book.steps(state, serviceOf(state));
    for (let taken = 0; ; taken++) {
      const { done, value } = steps.next();
      if (done === true) return { steps: taken, survival: value };
    }
  }

  it("works only where the service or a cluster changed", () => {
    const state = aFleet(THREE);
    const first = look(state);
    expect(first.steps).toBe(3);
    expect(look({ ...state, sequence: 200 })).toEqual({ steps: 0, survival: first.survival });
    expect(look(changeCluster(state, "west", { verdict: "dead" }))).toMatchObject({ steps: 2 });
    expect(
      short(look(changeService(state, { demandRps: { east: 500 } as Record<ClusterId, number> })).survival),
    ).toEqual({
      east: 340,
      south: 100,
      west: 100,
    });
  });
});
