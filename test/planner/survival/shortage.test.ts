import { describe, expect, it } from "vitest";
import { outlookOf } from "../../../src/planner/outlook.ts";
import { shortage } from "../../../src/planner/survival/shortage.ts";
import type { Party } from "../../../src/planner/survival/parties.ts";
import { aFleet, serviceOf, UNPACED } from "../planning-fleet.ts";

/** Room for 80, 40 and 40. */
const FLEET = aFleet({ a: { versions: { v1: 100 } }, b: { versions: { v1: 50 } }, c: { versions: { v1: 50 } } });
const OFFERS = outlookOf(FLEET, serviceOf(FLEET))[0]?.offers ?? [];

function party(rps: number, ceilingsRps: readonly number[]): Party {
  return { rps, offers: OFFERS.slice(0, ceilingsRps.length), ceilingsRps };
}

describe("shortage", () => {
  const short = (...parties: readonly Party[]): number => shortage(parties, UNPACED).shortRps;

  it("keeps to ceilings that leave a choice", () => {
    // Each of 100: at most 60 anywhere. Of the 120 that may go to a, 80 find room; b and c take 80 more.
    expect(short(party(100, [60, 60, 60]), party(100, [60, 60, 60]))).toBeCloseTo(40);
    // Of the 50 that may go to each place, b and c have room for 40: 50 + 40 + 40 of 160.
    expect(short(party(100, [30, 30, 30]), party(60, [20, 20, 20]))).toBeCloseTo(30);
    expect(short(party(100, [30, 30, 30]), party(10, [5, 5, 5]))).toBeCloseTo(10);
  });

  it("serves first who may go to one place alone", () => {
    expect(short(party(80, [80]), party(80, [80, 80, 80]))).toBe(0);
    expect(short(party(90, [90]), party(81, [81, 81, 81]))).toBeCloseTo(11);
  });

  it("takes a great many with ceilings of their own together", () => {
    // Twelve of 10 to 21, 186 in all: a takes a fifth of each, b and c what they have room for.
    const many = Array.from({ length: 12 }, (_, index) => 10 + index);
    expect(short(...many.map((rps) => party(rps, [0.2 * rps, 0.6 * rps, 0.6 * rps])))).toBeCloseTo(68.8);
  });
});
