import { describe, expect, it } from "vitest";
import { DestinationSet } from "../../src/model/destination-set.ts";
import { compareDestinations, keyOf } from "../../src/model/destination.ts";
import type { Destination } from "../../src/model/destination.ts";
import { compareNames } from "../../src/model/ids.ts";

/** Names that begin with each other, with what sorts before and after the slash. */
const NAMES = ["a", "a-b", "a-", "a0", "ab", "abc", "b", "b-1", "x.y"];
const ALL = NAMES.flatMap((cluster) => NAMES.map((version) => ({ cluster, version }) as Destination));

describe("destinations", () => {
  it("are ordered as their text forms are, without making them", () => {
    for (const a of ALL) for (const b of ALL) expect(compareDestinations(a, b)).toBe(compareNames(keyOf(a), keyOf(b)));
  });

  it("are in a set once each, and no others are", () => {
    const set = new DestinationSet();
    const half = ALL.filter((_, index) => index % 2 === 0);
    expect(half.map((destination) => set.add(destination))).toEqual(half.map(() => true));
    expect(half.map((destination) => set.add({ ...destination }))).toEqual(half.map(() => false));
    expect(ALL.filter((destination) => set.has({ ...destination }))).toEqual(half);
  });
});
