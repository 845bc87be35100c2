import type { Destination, DestinationKey, Split, Weighted } from "../model/destination.ts";
import { compareDestinations, keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import { compareNames } from "../model/ids.ts";
import type { ServiceId } from "../model/ids.ts";
import { assert } from "../model/result.ts";

/** Part of something that a destination is to get. */
export interface Share {
  readonly destination: Destination;
  /** At least 0; only proportions count. */
  readonly amount: number;
}

/**
 * Rounds shares to integer weights that still sum to `WEIGHT_TOTAL` (largest remainder method), sorted, without zeros.
 * Rounding each share alone can lose or invent traffic; this cannot. Shares of one destination add up. Ties go by a rank that differs from service to
 * service, so that no cluster gets the odd basis point of all of them.
 */
export function apportion(shares: readonly Share[], service: ServiceId): Split {
  const [only] = shares;
  // Most sources send everything to one destination.
  if (shares.length === 1 && only !== undefined && only.amount > 0)
    return [{ destination: only.destination, weight: WEIGHT_TOTAL }];
  const merged = mergedShares(shares);
  const amounts = merged.map(({ amount }) => amount);
  const weights = largestRemainder(WEIGHT_TOTAL, amounts, () => ranksOf(merged, service));
  return splitOf(merged.map(({ destination }, index) => ({ destination, weight: weights[index] ?? 0 })));
}

/** Each destination once. */
function mergedShares(shares: readonly Share[]): readonly Share[] {
  const byKey = Map.groupBy(shares, ({ destination }) => keyOf(destination));
  return [...byKey.values()].flatMap(([first, ...rest]) => {
    if (first === undefined) return [];
    return [{ ...first, amount: rest.reduce((sum, { amount }) => sum + amount, first.amount) }];
  });
}

/**
 * The split that has come `moved` basis points of the way from one to another: what leaves and what arrives are both
 * apportioned, so that no weight overshoots its target and exactly `moved` is moved.
 */
export function stepToward(
  { from, to, moved }: { readonly from: Split; readonly to: Split; readonly moved: number },
  service: ServiceId,
): Split {
  const gaps = gapsBetween(from, to);
  const distance = distanceBetween(from, to);
  assert(moved >= 0 && moved <= distance, "a step stays between its ends");
  const leaving = partsOf({ gaps, sign: -1, moved }, service);
  const arriving = partsOf({ gaps, sign: 1, moved }, service);
  return splitOf(
    gaps.map(({ destination, before }) => ({
      destination,
      weight: before - (leaving.get(keyOf(destination)) ?? 0) + (arriving.get(keyOf(destination)) ?? 0),
    })),
  );
}

/** How many basis points must move to come from one split to the other. */
export function distanceBetween(from: Split, to: Split): number {
  return to.reduce((sum, { destination, weight }) => sum + Math.max(0, weight - weightIn(from, destination)), 0);
}

function weightIn(split: Split, { cluster, version }: Destination): number {
  const found = split.find(({ destination }) => destination.cluster === cluster && destination.version === version);
  return found?.weight ?? 0;
}

interface Gap {
  readonly destination: Destination;
  readonly before: number;
  readonly gap: number;
}

/** Per destination of either split, sorted: weight before, and by how much it is to grow. */
function gapsBetween(from: Split, to: Split): readonly Gap[] {
  const found = new Map<DestinationKey, Gap>();
  for (const { destination, weight } of from)
    found.set(keyOf(destination), { destination, before: weight, gap: -weight });
  for (const { destination, weight } of to) {
    const before = found.get(keyOf(destination))?.before ?? 0;
    found.set(keyOf(destination), { destination, before, gap: weight - before });
  }
  return [...found.values()].toSorted((a, b) => compareDestinations(a.destination, b.destination));
}

function partsOf(
  { gaps, sign, moved }: { readonly gaps: readonly Gap[]; readonly sign: 1 | -1; readonly moved: number },
  service: ServiceId,
): ReadonlyMap<DestinationKey, number> {
  const sided = gaps
    .filter(({ gap }) => gap * sign > 0)
    .map(({ destination, gap }) => ({ destination, amount: gap * sign }));
  const amounts = sided.map(({ amount }) => amount);
  const parts = largestRemainder(moved, amounts, () => ranksOf(sided, service));
  return new Map(sided.map(({ destination }, index) => [keyOf(destination), parts[index] ?? 0]));
}

/**
 * Whole numbers in proportion to `amounts` that sum to `total`; equal remainders go to the smaller rank.
 *
 * @param ranksOfAll - asked for only where remainders are equal, which is seldom.
 */
function largestRemainder(
  total: number,
  amounts: readonly number[],
  ranksOfAll: () => readonly number[],
): readonly number[] {
  let ranks: readonly number[] | undefined;
  const rankOf = (index: number): number => (ranks ??= ranksOfAll())[index] ?? 0;
  const sum = amounts.reduce((so, amount) => so + amount, 0);
  if (total === 0) return amounts.map(() => 0);
  assert(sum > 0, "something is there to be apportioned");
  const exact = amounts.map((amount) => (amount / sum) * total);
  const whole = exact.map(Math.floor);
  const missing = total - whole.reduce((so, part) => so + part, 0);
  const byRemainder = exact
    .map((share, index) => ({ index, remainder: share - Math.floor(share) }))
    .toSorted((a, b) => b.remainder - a.remainder || rankOf(a.index) - rankOf(b.index));
  const rounded = new Set(byRemainder.slice(0, missing).map(({ index }) => index));
  return whole.map((part, index) => (rounded.has(index) ? part + 1 : part));
}

function ranksOf(shares: readonly Share[], service: ServiceId): readonly number[] {
  const keys = shares.map(({ destination }) => keyOf(destination));
  const order = new Map(inTieOrder(service, keys).map((key, rank) => [key, rank]));
  return keys.map((key) => order.get(key) ?? 0);
}

/** Different names in an order that is fixed for one service and differs between services. */
export function inTieOrder<K extends string>(service: ServiceId, names: readonly K[]): readonly K[] {
  return names
    .map((name) => ({ name, seed: seedOf(service, name) }))
    .toSorted((a, b) => a.seed - b.seed || compareNames(a.name, b.name))
    .map(({ name }) => name);
}

/** FNV-1a, 32 bits, over both names: spreads ties evenly; nothing depends on its strength. */
function seedOf(service: ServiceId, name: string): number {
  const text = `${service}\n${name}`;
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    const point = text.codePointAt(at) ?? 0;
    hash = Math.imul(hash ^ point, 0x01000193) >>> 0;
    // A character beyond the first 65 536 takes two places.
    if (point > 0xffff) at += 1;
  }
  return hash;
}

function splitOf(entries: readonly Weighted[]): Split {
  return entries
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => compareDestinations(a.destination, b.destination));
}
