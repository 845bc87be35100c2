import type { DestinationKey, Split } from "../model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import { DEFAULT_MEAN_WORK_MS, DEFAULT_SQUARED_VARIATION, serversFor } from "../model/fleet-document.ts";
import type { LoadCurve } from "../model/fleet-document.ts";
import type { ClusterId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { Offer } from "./eligible.ts";
import { costAt, costCurveOf } from "./optimise/curve.ts";
import type { SourceOutlook } from "./outlook.ts";
import type { Valuation } from "./valuation.ts";
import { priceMs } from "./valuation.ts";

/** What a request costs on its way, ms. */
export function wayMs(offer: Offer, valuation: Valuation | undefined): number {
  const { egressDollarsPerGb } = offer;
  return farMs(offer) + (valuation === undefined ? 0 : priceMs(egressDollarsPerGb, valuation));
}

/** How far an offer is, ms: its round trip, and what the policy adds for leaving the source's locality. */
export function farMs({ rttMs, crossingMs = 0 }: Offer): number {
  return rttMs + crossingMs;
}

/**
 * As declared, for as many servers as the capacity says, which wins; a capacity alone is that of servers whose requests take a
 * usual time; nothing known: that time, whatever the load.
 */
export function curveOf(offer: Pick<Offer, "curve" | "capacityRps"> | undefined): LoadCurve {
  const { curve, capacityRps } = offer ?? {};
  if (capacityRps === undefined)
    return curve ?? { kind: "polynomial", baseMs: DEFAULT_MEAN_WORK_MS, coefficient: 0, exponent: 1 };
  const { meanWorkMs, squaredVariation } = curve ?? {
    meanWorkMs: DEFAULT_MEAN_WORK_MS,
    squaredVariation: DEFAULT_SQUARED_VARIATION,
  };
  return { kind: "queue", servers: serversFor(capacityRps, meanWorkMs), meanWorkMs, squaredVariation };
}

/** What all callers of a service spend, ms * requests per second. */
export interface Spending {
  /** Ways and their prices. */
  readonly waysMs: number;
  /** That, and work and queues where they go. */
  readonly spentMs: number;
}

/**
 * What callers spend with these splits. Overload is reckoned as the optimiser does. Undefined where a split names what its
 * source was not offered.
 */
export function spendingOf(
  splits: ReadonlyMap<ClusterId, Split>,
  sources: readonly SourceOutlook[],
  valuation: Valuation | undefined,
): Spending | undefined {
  const loads = new Map<DestinationKey, { readonly offer: Offer; loadRps: number }>();
  let waysMs = 0;
  for (const { cluster, demandRps, offers } of sources) {
    for (const { destination, weight } of splits.get(cluster) ?? []) {
      const offer = offers.find(({ key }) => key === keyOf(destination));
      if (offer === undefined) return undefined;
      const rps = (weight / WEIGHT_TOTAL) * demandRps;
      waysMs += rps * wayMs(offer, valuation);
      const load = loads.get(offer.key) ?? { offer, loadRps: 0 };
      load.loadRps += rps;
      loads.set(offer.key, load);
    }
  }
  // Sums must not depend on the order in which sources name their destinations.
  const spentMs = [...loads]
    .toSorted(([a], [b]) => compareNames(a, b))
    .reduce((sum, [, { offer, loadRps }]) => sum + costAt(costCurveOf(curveOf(offer)), loadRps), waysMs);
  return { waysMs, spentMs };
}
