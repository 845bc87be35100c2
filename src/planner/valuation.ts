import { DEFAULT_DOLLARS_PER_REQUEST_MS } from "../model/fleet-document.ts";
import type { ServiceSpec } from "../model/service.ts";

/** What sending a service's bytes between clusters weighs against latency. */
export interface Valuation {
  readonly bytesPerRequest: number;
  /** What a millisecond of one request is worth, dollars; Infinity: price weighs nothing. */
  readonly dollarsPerRequestMs: number;
}

/** Bytes of the gigabyte that prices are per. */
const BYTES_PER_GB = 1e9;

/** What one request's bytes cost, dollars. */
export function dollarsPerRequest(egressDollarsPerGb: number, bytesPerRequest: number): number {
  return (egressDollarsPerGb * bytesPerRequest) / BYTES_PER_GB;
}

/** Milliseconds that the price of one request weighs as much as. */
export function priceMs(egressDollarsPerGb: number, { bytesPerRequest, dollarsPerRequestMs }: Valuation): number {
  if (dollarsPerRequestMs === Infinity || egressDollarsPerGb === 0) return 0;
  return dollarsPerRequest(egressDollarsPerGb, bytesPerRequest) / dollarsPerRequestMs;
}

/**
 * What a service's objective comes to.
 *
 * @param egressDollarsPerGb - every price that the service may meet: an objective of price alone takes its rate from them.
 */
export function valuationOf(
  { bytesPerRequest = 0, objective }: Pick<ServiceSpec, "bytesPerRequest" | "objective">,
  egressDollarsPerGb: () => readonly number[],
): Valuation {
  switch (objective) {
    case undefined:
      return { bytesPerRequest, dollarsPerRequestMs: DEFAULT_DOLLARS_PER_REQUEST_MS };
    case "latency":
      return { bytesPerRequest, dollarsPerRequestMs: Infinity };
    case "price":
      return { bytesPerRequest, dollarsPerRequestMs: decidingRate(egressDollarsPerGb(), bytesPerRequest) };
    default:
      return { bytesPerRequest, ...objective };
  }
}

/** Where price decides, no less latency than this pays for the smallest difference in price, ms per request. */
const PRICE_DECIDES_MS = 1_000;

/** Finer differences of price than this share of the highest do not count: they would drown everything else. */
const PRICE_STEP_MIN = 1e-3;

/**
 * The exchange rate at which price decides and latency breaks ties: the smallest difference between two prices outweighs
 * `PRICE_DECIDES_MS`. A smaller rate would only make latency vanish in rounding. Infinity when nothing has a price.
 */
export function decidingRate(egressDollarsPerGb: readonly number[], bytesPerRequest: number): number {
  const prices = [...new Set([0, ...egressDollarsPerGb])].toSorted((a, b) => a - b);
  const highest = prices.at(-1) ?? 0;
  if (highest === 0 || bytesPerRequest === 0) return Infinity;
  const steps = prices.slice(1).map((price, index) => price - (prices[index] ?? 0));
  const smallest = Math.max(Math.min(...steps), highest * PRICE_STEP_MIN);
  return dollarsPerRequest(smallest, bytesPerRequest) / PRICE_DECIDES_MS;
}
