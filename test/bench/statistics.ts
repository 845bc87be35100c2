import assert from "node:assert/strict";

/** The middle value; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  return (percentile(values, 50, Math.floor) + percentile(values, 50, Math.ceil)) / 2;
}

/**
 * The value below which `percent` of the values lie, by rank without interpolation.
 *
 * @param percent - 0 to 100.
 */
export function percentile(values: readonly number[], percent: number, round = Math.ceil): number {
  assert(values.length > 0, "there is something to measure");
  const sorted = values.toSorted((a, b) => a - b);
  const rank = round(((sorted.length - 1) * percent) / 100);
  return sorted[rank] ?? Number.NaN;
}
