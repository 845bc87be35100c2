import { WEIGHT_TOTAL } from "../../../../src/model/destination.ts";
import type { SeededRandom } from "../../../scenarios/seeded-random.ts";
import type { Change, Transition } from "./transitions.ts";

/** What a source that applies its part of a change adds to each destination, rps; negative: takes away. */
type Part = readonly (readonly [place: number, rps: number])[];

/** A change as destinations feel it. */
export interface Felt {
  readonly places: readonly string[];
  /** Requests per second before anybody has applied anything. */
  readonly startRps: readonly number[];
  readonly capacityRps: readonly number[];
  readonly parts: readonly Part[];
}

/** What a change brings whom, source by source. Destinations whose capacity is not known are left out. */
export function feltOf({ before, after }: Change, { demandRps, capacityRps }: Transition): Felt {
  const places = Object.keys(capacityRps);
  const index = new Map(places.map((name, at) => [name, at]));
  const startRps = places.map(() => 0);
  const parts: Part[] = [];
  for (const [source, split] of Object.entries(after)) {
    const unit = (demandRps[source] ?? 0) / WEIGHT_TOTAL;
    const changes = new Map<number, number>();
    for (const { destination, weight } of before[source] ?? []) {
      const at = index.get(destination.cluster);
      if (at === undefined) continue;
      startRps[at] = (startRps[at] ?? 0) + weight * unit;
      changes.set(at, (changes.get(at) ?? 0) - weight * unit);
    }
    for (const { destination, weight } of split) {
      const at = index.get(destination.cluster);
      if (at !== undefined) changes.set(at, (changes.get(at) ?? 0) + weight * unit);
    }
    const part = [...changes].filter(([, rps]) => rps !== 0);
    if (part.length > 0) parts.push(part);
  }
  return { places, startRps, capacityRps: places.map((name) => capacityRps[name] ?? Number.NaN), parts };
}

/** Tolerance of comparisons between loads, relative. */
const NOISE = 1e-9;

/** Fullest that any destination is at the start, as a share of its capacity. */
export function fullestAtStart({ startRps, capacityRps }: Felt): number {
  return Math.max(0, ...startRps.map((rps, at) => rps / (capacityRps[at] ?? 1)));
}

/** Fullest that any destination can become in the worst order of all: everybody who adds comes first. */
export function fullestInWorstOrder({ startRps, capacityRps, parts }: Felt): number {
  const worst = [...startRps];
  for (const part of parts) for (const [at, rps] of part) worst[at] = (worst[at] ?? 0) + Math.max(0, rps);
  return Math.max(0, ...worst.map((rps, at) => rps / (capacityRps[at] ?? 1)));
}

/**
 * Whether some destination comes to more than it may while the sources apply a change in an order drawn at random: its limit,
 * or what it has already.
 */
export function isViolatedInOrder(felt: Felt, limit: number, random: SeededRandom): boolean {
  const { startRps, capacityRps, parts } = felt;
  const loads = [...startRps];
  const mostRps = capacityRps.map((rps, at) => Math.max(rps * limit, startRps[at] ?? 0) * (1 + NOISE));
  for (const part of random.some(parts, parts.length)) {
    for (const [at, rps] of part) loads[at] = (loads[at] ?? 0) + rps;
    if (part.some(([at]) => (loads[at] ?? 0) > (mostRps[at] ?? 0))) return true;
  }
  return false;
}
