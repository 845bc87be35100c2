import { describe, expect, it } from "vitest";
import { keyOf } from "../../src/model/destination.ts";
import type { ClusterId, ServiceId, Version } from "../../src/model/ids.ts";
import { DEFAULT_SETTINGS } from "../../src/model/settings.ts";
import { waterfall } from "../../src/planner/allocate.ts";
import type { Allocation, Problem } from "../../src/planner/allocate.ts";
import type { Offer } from "../../src/planner/eligible.ts";
import { ladder, ladderFrom, ladderWithoutSearch, localityFailover } from "../../src/planner/ladder.ts";
import { optimum } from "../../src/planner/optimum.ts";
import { planWithoutSearch } from "../../src/planner/plan.ts";
import { CHECKOUT, destination, planned, planOf, threeClusters } from "./planning-fleet.ts";

const V1 = "v1" as Version;

function offer(key: string, rttMs: number, capacityRps?: number): Offer {
  const place = destination(key);
  const standing = { ceilingWeight: 10_000 };
  const unbound = { isDraining: false, isStandby: false, ...standing, standing, egressDollarsPerGb: 0 };
  return {
    destination: place,
    key: keyOf(place),
    rttMs,
    ...unbound,
    ...(capacityRps !== undefined && { capacityRps }),
  };
}

/** East asks for 95 rps and may send them home, which takes 90, or 100 ms away. */
function problem(homeRps: number | undefined = 100, awayRps: number | undefined = 100): Problem {
  const east = "east" as ClusterId;
  const offers = [offer("east/v1", 0, homeRps), offer("west/v1", 100, awayRps)];
  return {
    service: "shop/checkout" as ServiceId,
    stableVersion: V1,
    sources: [{ cluster: east, demandRps: 95, offers, kept: new Map() }],
    flows: [{ source: east, version: V1, weight: 10_000 }],
    utilisationMax: 0.9,
  };
}

/** Weight by destination, rounded. */
function weights({ placements }: Allocation): Readonly<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { destination: to, weight } of placements) found[keyOf(to)] = Math.round((found[keyOf(to)] ?? 0) + weight);
  return found;
}

describe("the ladder", () => {
  it("takes the optimum, which needs no excuse", () => {
    expect(ladder.allocate(problem())).toEqual(optimum.allocate(problem()));
    expect(ladder.allocate(problem()).descent).toBeUndefined();
  });

  it("does without a search that fails, and says what failed", () => {
    const failing = ladderFrom({
      allocate() {
        throw new Error("broken promise: prices fall");
      },
    });
    const found = failing.allocate(problem());
    expect(weights(found)).toEqual(weights(waterfall.allocate(problem())));
    expect(found.descent).toEqual({
      rung: "waterfall",
      because: "the search for the optimum failed: broken promise: prices fall",
    });
  });

  it("takes nothing for the optimum that is not certified", () => {
    const search = (gap: number) => ladderFrom({ allocate: (given) => ({ ...optimum.allocate(given), gap }) });
    expect(search(1e-3).allocate(problem()).descent).toBeUndefined();
    expect(search(0.024).allocate(problem()).descent?.because).toBe(
      "the optimum could not be certified: what was found may be 2.4 % from the best",
    );
    expect(search(Number.NaN).allocate(problem()).descent?.because).toContain("any distance from the best");
  });

  it("has nothing to search where nobody's capacity is known", () => {
    const { descent, ...found } = ladder.allocate({
      ...problem(),
      sources: problem().sources.map((source) => ({
        ...source,
        offers: [offer("east/v1", 0), offer("west/v1", 100)],
      })),
    });
    expect(weights(found)).toEqual({ "east/v1": 10_000 });
    expect(descent?.because).toBe("nobody's capacity is known");
  });

  it("takes a fallback that costs callers less than what was found", () => {
    const away = ladderFrom({
      allocate: (given) => ({
        ...waterfall.allocate({
          ...given,
          sources: given.sources.map((source) => ({ ...source, offers: source.offers.toReversed().slice(0, 1) })),
          utilisationMax: 1,
        }),
        gap: 0,
      }),
    });
    const found = away.allocate({ ...problem(), utilisationMax: 1 });
    expect(weights(found)).toEqual({ "east/v1": 10_000 });
    expect(found.descent?.rung).toBe("waterfall");
    expect(found.descent?.because).toMatch(/^it costs callers [\d.]+ ms a request, and the optimum [\d.]+ ms/u);
  });

  it("never takes a fallback for being cheap that overfills somebody", () => {
    const cheap = weights(localityFailover.allocate(problem()));
    expect(cheap).toEqual({ "east/v1": 10_000 });
    const found = ladderWithoutSearch("there is no time").allocate(problem());
    expect(weights(found)).toEqual({ "east/v1": 9_474, "west/v1": 526 });
    expect(found.descent).toEqual({ rung: "waterfall", because: "there is no time" });
  });
});

describe("planning without a search", () => {
  const because = "planning took longer than 30000 ms";

  it("divides by Waterfall and says why in every reason of a share", () => {
    const state = threeClusters({}, { demandRps: 500 });
    const [planning] = planWithoutSearch(state, [CHECKOUT], { settings: DEFAULT_SETTINGS, because });
    if (planning === undefined) throw new Error("nothing was planned");
    const poured = planOf(state, { ...DEFAULT_SETTINGS, allocation: "waterfall" });
    expect(planning.splits).toEqual(poured.splits);
    const shares = planning.reasons.filter(({ kind }) => kind === "local" || kind === "spillover");
    expect(shares.length).toBeGreaterThanOrEqual(4);
    for (const { text } of shares) expect(text).toContain(`; by Waterfall: ${because}`);
  });

  it("moves nobody whom it is not worth moving", () => {
    const released = {
      "us-east": { "us-east/v1": 9_990, "eu-west/v1": 10 },
      "eu-west": { "eu-west/v1": 10_000 },
      "ap-south": { "ap-south/v1": 10_000 },
    };
    const [planning] = planWithoutSearch(threeClusters({ released }), [CHECKOUT], {
      settings: DEFAULT_SETTINGS,
      because,
    });
    if (planning === undefined) throw new Error("nothing was planned");
    expect(planned(planning, "us-east")).toEqual(released["us-east"]);
  });
});
