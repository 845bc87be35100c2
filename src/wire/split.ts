import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  Destination as DestinationMessage,
  DestinationSchema,
  WeightedDestination,
  WeightedDestinationSchema,
} from "../../proto/gen/weir/v1/plan_pb.ts";
import { DestinationSet } from "../model/destination-set.ts";
import { WEIGHT_TOTAL, compareDestinations, keyOf } from "../model/destination.ts";
import type { Destination, Split, Weighted } from "../model/destination.ts";
import type { ClusterId, Version } from "../model/ids.ts";
import type { Checks } from "./checks.ts";

/** A destination in the wire's form. */
export function toDestination({ cluster, version }: Destination): MessageInitShape<typeof DestinationSchema> {
  return { cluster, version };
}

/** A split in the wire's form, sorted by destination. */
export function toWeights(split: Split): MessageInitShape<typeof WeightedDestinationSchema>[] {
  return sorted(split).map(({ destination, weight }) => ({ destination: toDestination(destination), weight }));
}

/** Entries sorted by destination: the canonical order of every split. */
export function sorted<T extends Weighted>(split: readonly T[]): readonly T[] {
  return isSorted(split) ? split : split.toSorted((a, b) => compareDestinations(a.destination, b.destination));
}

/** Nearly everything comes sorted, for it was sorted when it was made. */
function isSorted(split: readonly Weighted[]): boolean {
  for (let index = 1; index < split.length; index += 1) {
    const [before, after] = [split[index - 1], split[index]];
    if (before !== undefined && after !== undefined && compareDestinations(before.destination, after.destination) > 0)
      return false;
  }
  return true;
}

/** Reads a destination, which must be set and have names. */
export function destinationOf(checks: Checks, field: string, message: DestinationMessage | undefined): Destination {
  const found = checks.present(field, message);
  if (found === undefined) return { cluster: "" as ClusterId, version: "" as Version };
  return {
    cluster: checks.label(`${field}.cluster`, found.cluster),
    version: checks.label(`${field}.version`, found.version),
  };
}

/**
 * Reads a split: weights sum to 10 000 (WEIGHTS_SUM), not all of them 0 (NO_SERVING_TARGET), each destination once
 * (DUPLICATE_KEY). Entries without weight fall out.
 */
export function splitOf(checks: Checks, field: string, messages: readonly WeightedDestination[]): Split {
  const entries = messages.map(({ destination, weight }, index) => ({
    destination: destinationOf(checks, `${field}[${index}].destination`, destination),
    weight: checks.weight(`${field}[${index}].weight`, weight),
  }));
  checkWeights(checks, field, entries);
  const hasEmpty = entries.some(({ weight }) => weight <= 0);
  return sorted(hasEmpty ? entries.filter(({ weight }) => weight > 0) : entries);
}

/** Notes a wrong sum, a split without any weight, or a destination named twice. */
export function checkWeights(checks: Checks, field: string, entries: readonly Weighted[]): void {
  let sum = 0;
  const seen = new DestinationSet();
  let twice: Destination | undefined;
  for (const { destination, weight } of entries) {
    sum += weight;
    if (!seen.add(destination)) twice ??= destination;
  }
  if (sum === 0) checks.refuse("NO_SERVING_TARGET", field, "gives no destination any weight; give at least one");
  else if (sum !== WEIGHT_TOTAL)
    checks.refuse("WEIGHTS_SUM", field, `weights sum to ${sum}; they must sum to ${WEIGHT_TOTAL} (100 %)`);
  if (twice !== undefined) checks.refuse("DUPLICATE_KEY", field, `names ${keyOf(twice)} more than once`);
}

/** The first text that occurs more than once. */
export function repeated(texts: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return texts.find((text) => seen.size === seen.add(text).size);
}
