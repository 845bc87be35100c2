import { excessOf, roomOf } from "./division.ts";
import type { Division } from "./division.ts";
import { findPaths } from "./paths.ts";
import type { Paths } from "./paths.ts";
import { pushAnyway, sourceOf } from "./push.ts";

/** Raised limits leave so much more than is needed, so that roundings find room. */
const SPARE = 1e-11;

/**
 * Moves what is beyond limits to places with room, on the cheapest ways (successive shortest paths). Where no way leads to room, the
 * places that were reached are a cut: their limits are too small for what cannot leave them, and rise alike by the
 * least factor that is enough.
 *
 * @returns the largest factor by which a limit rose; 1 when none had to.
 */
export function relieve(division: Division, paths: Paths, grainMs: number): number {
  const { places } = division;
  const declared = division.limits.slice();
  const factors = new Float64Array(places).fill(1);
  const worthMs = new Float64Array(places);
  let [worst, spare] = [1, SPARE];
  while (hasExcess(division)) {
    // All of it has to go, so what it costs where it is now does not matter (and is so much that it would drown the ways).
    for (let place = 0; place < places; place++)
      worthMs[place] = excessOf(division, place) > 0 ? (paths.prices[place] as number) : -Infinity;
    findPaths(division, paths, worthMs);
    let hasMoved = false;
    for (const target of targetsOf(division, paths)) {
      const wantedRps = excessOf(division, sourceOf(paths, target));
      if (wantedRps > 0) hasMoved = pushAnyway(division, paths, { target, wantedRps, grainMs }) > 0 || hasMoved;
    }
    if (hasMoved) continue;
    const cut = [...factors.keys()].filter((place) => paths.keys[place] !== Infinity);
    const factor = leastFactor(division, { cut, declared, factors }) * (1 + spare);
    // Where roundings were larger than what is left over for them, nothing rises: then more is left over.
    if (cut.every((place) => factor <= (factors[place] as number))) spare *= 2;
    for (const place of cut) {
      const raised = Math.max(factors[place] as number, factor);
      factors[place] = raised;
      division.limits[place] = (declared[place] as number) * raised;
    }
    worst = Math.max(worst, factor);
  }
  return worst;
}

function hasExcess(division: Division): boolean {
  for (let place = 0; place < division.places; place++) if (excessOf(division, place) > 0) return true;
  return false;
}

/** Places with room that a way leads to, the cheapest first. */
function targetsOf(division: Division, { keys, prices }: Paths): readonly number[] {
  const added = (place: number) => (division.slopes[place] as number) - (prices[place] as number);
  const found: number[] = [];
  for (let place = 0; place < division.places; place++)
    if (keys[place] !== Infinity && roomOf(division, place) > 0) found.push(place);
  // oxlint-disable-next-line unicorn/no-array-sort -- made here
  return found.sort((a, b) => added(a) - added(b) || a - b);
}

interface Cut {
  readonly cut: readonly number[];
  readonly declared: Float64Array;
  readonly factors: Float64Array;
}

/**
 * The factor at which the places of a cut have room for exactly what is there. Room is convex and made of straight pieces
 * in the factor, so Newton's method from above ends at the exact value after at most a step for each piece.
 */
function leastFactor({ loads, fixed }: Division, { cut, declared, factors }: Cut): number {
  const needed = cut.reduce((sum, place) => sum + (loads[place] as number) - (fixed[place] as number), 0);
  let factor = Math.max(...cut.map((place) => (needed + (fixed[place] as number)) / (declared[place] as number)));
  for (;;) {
    let [room, growth] = [0, 0];
    for (const place of cut) {
      const limit = (declared[place] as number) * Math.max(factor, factors[place] as number);
      if (limit <= (fixed[place] as number)) continue;
      room += limit - (fixed[place] as number);
      if (factor >= (factors[place] as number)) growth += declared[place] as number;
    }
    const next = factor - (room - needed) / growth;
    if (!(next < factor * (1 - Number.EPSILON))) return factor;
    factor = next;
  }
}
