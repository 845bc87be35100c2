import { DEFAULT_DOLLARS_PER_REQUEST_MS } from "../../../model/fleet-document.ts";
import type { Matrix, Objective } from "../../../model/fleet-document.ts";
import { decidingRate } from "../../../planner/valuation.ts";
import type { Fields } from "../fields.ts";
import { POSITIVE } from "./measures.ts";

/** Stands for the word `price` until the prices are known that its exchange rate follows from. */
export const PRICE_DECIDES = "price";

/** A service's objective as it is written. */
export type WrittenObjective = Objective | typeof PRICE_DECIDES;

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

/** Every price of a matrix. */
export function pricesIn(egressDollarsPerGb: Matrix): readonly number[] {
  return Object.values(egressDollarsPerGb).flatMap((row) => Object.values(row));
}

/** The exchange rate that `price` stands for among the prices of the document: price decides, latency breaks ties. */
export function priceRateOf(egressDollarsPerGb: Matrix, bytesPerRequest: number): number {
  return decidingRate(pricesIn(egressDollarsPerGb), bytesPerRequest);
}
