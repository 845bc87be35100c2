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
export function wayMs({ rttMs, egressDollarsPerGb }: Offer, valuation: Valuation | undefined): number {
  return rttMs + (valuation === undefined ? 0 : priceMs(egressDollarsPerGb, valuation));
}

/** As declared; else that of servers whose requests take a usual time; nothing known: latency that does not depend on load. */
export function curveOf(offer: Offer | undefined): LoadCurve {
  if (offer?.curve !== undefined) return offer.curve;
  if (offer?.capacityRps === undefined) return { kind: "polynomial", baseMs: 0, coefficient: 0, exponent: 1 };
  const servers = serversFor(offer.capacityRps, DEFAULT_MEAN_WORK_MS);
  return {
    kind: "queue",
    servers,
    meanWorkMs: DEFAULT_MEAN_WORK_MS,
    squaredVariation: DEFAULT_SQUARED_VARIATION,
  };
}

/**
 * What all callers of a service spend with these splits, ms * requests per second: ways, their prices and queues. Overload
 * is reckoned as the optimiser does. Undefined where a split names what its source was not offered.
 */
export function costOfSplits(
  splits: ReadonlyMap<ClusterId, Split>,
  sources: readonly SourceOutlook[],
  valuation: Valuation | undefined,
): number | undefined {
  const loads = new Map<DestinationKey, { readonly offer: Offer; loadRps: number }>();
  let ways = 0;
  for (const { cluster, demandRps, offers } of sources) {
    for (const { destination, weight } of splits.get(cluster) ?? []) {
      const offer = offers.find(({ key }) => key === keyOf(destination));
      if (offer === undefined) return undefined;
      const rps = (weight / WEIGHT_TOTAL) * demandRps;
      ways += rps * wayMs(offer, valuation);
      const load = loads.get(offer.key) ?? { offer, loadRps: 0 };
      load.loadRps += rps;
      loads.set(offer.key, load);
    }
  }
  // Sums must not depend on the order in which sources name their destinations.
  return [...loads]
    .toSorted(([a], [b]) => compareNames(a, b))
    .reduce((sum, [, { offer, loadRps }]) => sum + costAt(costCurveOf(curveOf(offer)), loadRps), ways);
}
