import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assemble, unnamedRemovals } from "../../../agents/core/delta.ts";
import type { Offer } from "../../../agents/core/delta.ts";
import { toldHashes } from "../../../agents/core/holding.ts";
import type { Holding, StoredRouteSet } from "../../../agents/core/holding.ts";
import type { ServiceId } from "../../../src/model/ids.ts";
import { CHECKOUT, DIGEST_OF, aHolding, at, services, stored } from "../plans.ts";

const [A, B, C] = services(3) as [ServiceId, ServiceId, ServiceId];

/** A delta that leads to `goal`, as a planner would make it. */
function offer(goal: Holding, parts: Partial<Offer>): Offer {
  const digest = DIGEST_OF(toldHashes(goal));
  const nothing = { changed: [], unsound: [], removed: [], rulings: [] };
  return { position: goal.position, digest, base: "held", ...nothing, ...parts };
}

describe("assemble", () => {
  const held = aHolding(1, [stored({ service: A }), stored({ service: B })]);

  it("adds, changes and removes, and keeps the rest", () => {
    const changed = stored({ service: B, weights: { "eu-west/v1": 10_000 } });
    const added = stored({ service: C });
    const goal = aHolding(2, [changed, added]);
    const next = assemble(held, offer(goal, { changed: [changed, added], removed: [A] }), DIGEST_OF);
    expect(next).toEqual({ ok: true, value: goal });
  });

  it("takes a complete plan for all there is", () => {
    const goal = aHolding(2, [stored({ service: C })]);
    const next = assemble(held, offer(goal, { base: "nothing", changed: [stored({ service: C })] }), DIGEST_OF);
    expect(next.ok && [...next.value.routeSets.keys()]).toEqual([C]);
  });

  it("asks for everything when a delta builds on something else", () => {
    const goal = aHolding(2, [stored({ service: A }), stored({ service: B }), stored({ service: C })]);
    const next = assemble(held, offer(goal, {}), DIGEST_OF);
    expect(next).toMatchObject({ ok: false, refusal: { kind: "resync" } });
  });

  it("refuses a complete plan that does not add up", () => {
    const goal = aHolding(2, [stored({ service: A }), stored({ service: C })]);
    const next = assemble(held, offer(goal, { base: "nothing", changed: [stored({ service: A })] }), DIGEST_OF);
    expect(next).toMatchObject({ ok: false, refusal: { kind: "refused", refusal: { code: "HASH_MISMATCH" } } });
  });

  it("refuses a delta that says two things of one service", () => {
    const twice = offer(held, { changed: [stored({ service: A })], removed: [A] });
    expect(assemble(held, twice, DIGEST_OF)).toMatchObject({
      ok: false,
      refusal: { kind: "refused", refusal: { code: "SCHEMA_INVALID" } },
    });
  });

  it("keeps the older route set of a service that came unsound, and still adds up with the next delta", () => {
    const bad = { service: B, hash: "b".repeat(64), code: "UNKNOWN_ENUM", detail: "protocol" };
    const told = new Map([...toldHashes(held), [B, bad.hash]]);
    const first = assemble(held, { ...offer(aHolding(2, []), { unsound: [bad] }), digest: DIGEST_OF(told) }, DIGEST_OF);
    if (!first.ok) throw new Error("refused");
    expect(first.value.routeSets.get(B)).toBe(held.routeSets.get(B));
    expect(first.value.refused.get(B)).toBe(bad);

    const added = stored({ service: C });
    const digest = DIGEST_OF(new Map([...told, [C, added.hash]]));
    const second = assemble(first.value, { ...offer(aHolding(3, []), { changed: [added] }), digest }, DIGEST_OF);
    expect(second.ok && [...second.value.refused.keys()]).toEqual([B]);
  });

  it("forgets a refusal once the service is sound or gone", () => {
    const refused = new Map([[B, { service: B, hash: "b".repeat(64), code: "X", detail: "" }]]);
    const goal = aHolding(2, [stored({ service: A })]);
    const next = assemble({ ...held, refused }, offer(goal, { removed: [B] }), DIGEST_OF);
    expect(next.ok && next.value.refused.size).toBe(0);
  });

  it("brings an agent to any plan from any other by what differs", () => {
    const some = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 1, max: 3 })), {
      selector: ([index]) => index,
      maxLength: 9,
    });
    const names = services(9);
    const plan = (entries: readonly (readonly [number, number])[], revision: number): Holding =>
      aHolding(
        revision,
        entries.map(([index, kind]) => stored({ service: names[index] ?? A, weights: { [`c${kind}/v1`]: 10_000 } })),
      );
    fc.assert(
      fc.property(some, some, (from, to) => {
        const [before, goal] = [plan(from, 1), plan(to, 2)];
        const changed = [...goal.routeSets.values()].filter(differsIn(before));
        const removed = [...before.routeSets.keys()].filter((service) => !goal.routeSets.has(service));
        const next = assemble(before, offer(goal, { changed, removed }), DIGEST_OF);
        expect(next.ok && toldHashes(next.value)).toEqual(toldHashes(goal));
      }),
    );
  });
});

function differsIn(before: Holding): (entry: StoredRouteSet) => boolean {
  return ({ routeSet, hash }) => before.routeSets.get(routeSet.service)?.hash !== hash;
}

describe("unnamedRemovals", () => {
  it("finds what vanishes without a word", () => {
    const held = aHolding(1, [stored({ service: A }), stored({ service: B }), stored()]);
    const next = { ...aHolding(2, [stored()]), position: at(2) };
    expect(unnamedRemovals(held, next, [B])).toEqual([A]);
    expect(unnamedRemovals(held, aHolding(2, [...held.routeSets.values()]), [])).toEqual([]);
    expect(next.routeSets.has(CHECKOUT)).toBe(true);
  });
});
