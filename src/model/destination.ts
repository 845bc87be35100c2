import type { ClusterId, Version } from "./ids.ts";
import { compareNames } from "./ids.ts";

/** Where a split sends requests: one version of a service in one cluster. */
export interface Destination {
  readonly cluster: ClusterId;
  readonly version: Version;
}

/** `cluster/version`: the one text form of a destination, as the CLI and the summaries print it. */
export type DestinationKey = string & { readonly __brand: "DestinationKey" };

/** All weights of one split sum to this. 10 000 makes one weight a basis point (0.01 %). */
export const WEIGHT_TOTAL = 10_000;

/** One entry of a split: an integer share, 0 to `WEIGHT_TOTAL`. */
export interface Weighted {
  readonly destination: Destination;
  readonly weight: number;
}

/** Integer weights that sum to `WEIGHT_TOTAL`, one entry per destination, sorted by key. */
export type Split = readonly Weighted[];

/** Makes the text form of a destination. */
export function keyOf(destination: Destination): DestinationKey {
  return `${destination.cluster}/${destination.version}` as DestinationKey;
}

/** Reads `cluster/version` back; undefined when it has not exactly two non-empty parts. */
export function destinationOf(key: string): Destination | undefined {
  const [cluster, version, ...rest] = key.split("/");
  if (!cluster || !version || rest.length > 0) return undefined;
  return { cluster: cluster as ClusterId, version: version as Version };
}

/** Orders destinations by their text form. */
export function compareDestinations(a: Destination, b: Destination): number {
  if (a.cluster === b.cluster) return compareNames(a.version, b.version);
  // Unless one name begins with the other, what comes after the names decides nothing.
  const [one, other] = [a.cluster, b.cluster];
  if (!one.startsWith(other) && !other.startsWith(one)) return compareNames(one, other);
  return compareNames(keyOf(a), keyOf(b));
}

/** Whether two splits send the same shares to the same places. */
export function sameSplit(a: Split, b: Split): boolean {
  return a.length === b.length && a.every((entry, index) => sameEntry(entry, b[index]));
}

function sameEntry(a: Weighted, b: Weighted | undefined): boolean {
  return b !== undefined && a.weight === b.weight && keyOf(a.destination) === keyOf(b.destination);
}

/** Every destination that splits name, each once, sorted. */
export function destinationsIn(splits: readonly Split[]): readonly Destination[] {
  const byKey = new Map<DestinationKey, Destination>();
  for (const { destination } of splits.flat()) byKey.set(keyOf(destination), destination);
  return [...byKey.values()].toSorted(compareDestinations);
}
