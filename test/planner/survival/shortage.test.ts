import { describe, expect, it } from "vitest";
import { shortage } from "../../../src/planner/survival/shortage.ts";
import type { Party } from "../../../src/planner/survival/shortage.ts";

const ROOM = [80, 40, 40];

function party(rps: number, ceilingsRps: readonly number[]): Party {
  return { rps, places: ceilingsRps.map((_, place) => place), ceilingsRps };
}

describe("shortage", () => {
  const short = (...parties: readonly Party[]): number => shortage(parties, ROOM).shortRps;

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
