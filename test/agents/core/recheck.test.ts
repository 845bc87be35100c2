import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS, recheck } from "../../../agents/core/recheck.ts";
import type { Recheck } from "../../../agents/core/recheck.ts";
import type { Holding, StoredRouteSet } from "../../../agents/core/holding.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import { CHECKOUT, OWN, aHolding, services, split, stored } from "../plans.ts";
import type { aRouteSet } from "../plans.ts";

const LOCAL = { [`${OWN}/v1`]: 10_000 };
const HALF = { [`${OWN}/v1`]: 5_000, "eu-west/v1": 5_000 };

function against(held: Holding | undefined, parts: Partial<Recheck> = {}): Recheck {
  return { own: OWN, held, removed: [], limits: DEFAULT_LIMITS, lost: undefined, ...parts };
}

/** Codes of what is refused of one route set. */
function refusedOf(entry: StoredRouteSet, check: Recheck): readonly string[] {
  const checked = recheck(aHolding(2, [entry]), check);
  return checked.ok ? [...checked.value.refused.values()].map(({ code }) => code) : [checked.refusal.code];
}

function unsound(change: (entry: StoredRouteSet) => Partial<StoredRouteSet["routeSet"]>): StoredRouteSet {
  const entry = stored({ weights: HALF, fallbacks: { "eu-west/v1": LOCAL } });
  return { ...entry, routeSet: { ...entry.routeSet, ...change(entry) } };
}

describe("recheck", () => {
  const many = services(40).map((service) => stored({ service }));

  it("refuses a plan from which more than a fifth of the services vanish unnamed", () => {
    const checked = recheck(aHolding(2, many.slice(0, 31)), against(aHolding(1, many)));
    expect(checked).toMatchObject({ ok: false, refusal: { code: "INPUT_SHRINK" } });
    expect(checked.ok ? "" : checked.refusal.message).toContain("9 of 40 services");
    expect(recheck(aHolding(2, []), against(aHolding(1, many))).ok).toBe(false);
  });

  it("takes the same plan when it names what it removes", () => {
    const removed = services(40).slice(31);
    expect(recheck(aHolding(2, many.slice(0, 31)), against(aHolding(1, many), { removed })).ok).toBe(true);
  });

  it("lets a fifth vanish, and five of however few", () => {
    expect(recheck(aHolding(2, many.slice(0, 32)), against(aHolding(1, many))).ok).toBe(true);
    expect(recheck(aHolding(2, []), against(aHolding(1, many.slice(0, 5)))).ok).toBe(true);
    expect(recheck(aHolding(2, []), against(aHolding(1, many.slice(0, 6)))).ok).toBe(false);
  });

  it.each<[string, StoredRouteSet, string]>([
    ["made for another cluster", unsound(() => ({ cluster: "eu-west" as ClusterId })), "IDENTITY_MISMATCH"],
    [
      "whose weights sum to 9 999",
      unsound(() => ({ rules: rulesOf({ ...HALF, "eu-west/v1": 4_999 }) })),
      "WEIGHTS_SUM",
    ],
    ["with a rule that leads nowhere", unsound(() => ({ rules: rulesOf({}) })), "WEIGHTS_SUM"],
    [
      "whose fallback sums to 9 000",
      unsound(() => ({ rules: rulesOf(HALF, { [`${OWN}/v1`]: 9_000 }) })),
      "WEIGHTS_SUM",
    ],
    ["that does not say how to reach a destination", unsound(() => ({ reaches: [] })), "UNKNOWN_DESTINATION"],
    [
      "that reaches another cluster without a gateway",
      unsound(({ routeSet }) => ({ reaches: routeSet.reaches.map(({ destination }) => ({ destination, rttMs: 1 })) })),
      "UNKNOWN_DESTINATION",
    ],
  ])("refuses a route set %s", (_name, entry, code) => {
    expect(refusedOf(entry, against(undefined))).toEqual([code]);
  });

  it("leaves the older route set in force, and touches no other service", () => {
    const [before, other] = [stored({ weights: LOCAL }), stored({ service: services(1)[0] ?? CHECKOUT })];
    const held = aHolding(1, [before, other]);
    const bad = unsound(() => ({ cluster: "eu-west" as ClusterId }));
    const checked = recheck(aHolding(2, [bad, other]), against(held));
    if (!checked.ok) throw new Error("refused");
    expect(checked.value.routeSets.get(CHECKOUT)).toBe(before);
    expect([...checked.value.refused.keys()]).toEqual([CHECKOUT]);
    expect(checked.value.position.revision).toBe(2);
  });

  it("holds moves to the cluster's own limit, but not those away from a lost cluster", () => {
    const limits = { ...DEFAULT_LIMITS, moveWeightMax: 2_500 };
    const held = aHolding(1, [stored({ weights: { ...HALF } })]);
    const gone = stored({ weights: LOCAL });
    expect(refusedOf(gone, against(held, { limits }))).toEqual(["VELOCITY_LIMIT"]);
    expect(refusedOf(gone, against(held, { limits, lost: "eu-west" as ClusterId }))).toEqual([]);
    expect(refusedOf(gone, against(held))).toEqual([]);
    const quarter = stored({ weights: { [`${OWN}/v1`]: 7_500, "eu-west/v1": 2_500 } });
    expect(refusedOf(quarter, against(held, { limits }))).toEqual([]);
  });

  it("asks for as many clusters as its limit says", () => {
    const limits = { ...DEFAULT_LIMITS, destinationsMin: 2 };
    expect(refusedOf(stored({ weights: LOCAL }), against(undefined, { limits }))).toEqual(["MIN_DESTINATIONS"]);
    expect(refusedOf(stored({ weights: HALF }), against(undefined, { limits }))).toEqual([]);
  });

  it("takes a cluster that only serves others: no rules, no callers", () => {
    const entry = stored();
    const serving = { ...entry, routeSet: { ...entry.routeSet, rules: [], reaches: [] } };
    expect(refusedOf(serving, against(undefined, { limits: { ...DEFAULT_LIMITS, destinationsMin: 2 } }))).toEqual([]);
  });
});

function rulesOf(weights: Record<string, number>, fallback: Record<string, number> = {}) {
  const routes = split(weights).map((entry) => ({ ...entry, fallback: split(fallback) }));
  return [{ match: { headers: {} }, routes }] satisfies ReturnType<typeof aRouteSet>["rules"];
}
