import { DEFAULT_DOLLARS_PER_REQUEST_MS } from "../../../model/fleet-document.ts";
import type { Matrix, Objective } from "../../../model/fleet-document.ts";
import type { Fields } from "../fields.ts";
import { POSITIVE } from "./measures.ts";

/** Stands for the word `price` until the prices are known that its exchange rate follows from. */
export const PRICE_DECIDES = "price";

/** A service's objective as it is written. */
export type WrittenObjective = Objective | typeof PRICE_DECIDES;

/** With `price`, no less latency than this pays for the smallest difference in price, ms per request. */
const PRICE_DECIDES_MS = 1_000;

/** Finer differences of price than this share of the highest do not count: they would drown everything else. */
const PRICE_STEP_MIN = 1e-3;

/** Reads `latency`, `price` or an exchange rate; the default rate when it is not there. */
export function objectiveOf(fields: Fields): WrittenObjective {
  if (fields.kindOf("objective") !== "map") {
    const words = { latency: { dollarsPerRequestMs: Infinity }, price: PRICE_DECIDES } as const;
    const word = fields.optionalChoice<WrittenObjective>("objective", words);
    return word ?? { dollarsPerRequestMs: DEFAULT_DOLLARS_PER_REQUEST_MS };
  }
  const inner = fields.optionalFields("objective");
  inner?.require("dollarsPerRequestMs");
  const rate = inner?.optionalMeasure("dollarsPerRequestMs", POSITIVE);
  inner?.done();
  return { dollarsPerRequestMs: rate ?? DEFAULT_DOLLARS_PER_REQUEST_MS };
}

/**
 * The exchange rate that `price` stands for: the smallest difference between two prices of the document outweighs
 * `PRICE_DECIDES_MS` of a request, so that price decides and latency breaks ties. A rate that is smaller still would only
 * make latency vanish in rounding. Infinite when nothing has a price, where latency alone is left.
 */
export function priceRateOf(egressDollarsPerGb: Matrix, bytesPerRequest: number): number {
  const listed = Object.values(egressDollarsPerGb).flatMap((row) => Object.values(row));
  const prices = [...new Set([0, ...listed])].toSorted((a, b) => a - b);
  const highest = prices.at(-1) ?? 0;
  if (highest === 0 || bytesPerRequest === 0) return Infinity;
  const smallest = prices.reduce(
    (step, price, index) => Math.min(step, price - (prices[index - 1] ?? -Infinity)),
    Infinity,
  );
  return (Math.max(smallest, highest * PRICE_STEP_MIN) * bytesPerRequest) / 1e9 / PRICE_DECIDES_MS;
}
