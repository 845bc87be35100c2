import { keyOf } from "../../model/destination.ts";
import type { Offer } from "../eligible.ts";
import { isOpen } from "../bounds.ts";
import { weightOf } from "../eligible.ts";
import type { Planning, Target } from "../target.ts";
import { dollarsPerRequest, priceMs } from "../valuation.ts";
import type { Valuation } from "../valuation.ts";
import { money, round } from "./wording.ts";

/**
 * Why a destination has requests that another one is nearer to: the way there has a price. At most one, naming the nearest
 * such; none where a shift decides. Every number is declared, or a sum of what is: nothing in it depends on load.
 */
export function priceTexts(offer: Offer | undefined, target: Target, planning: Planning): readonly string[] {
  const { source, split } = target;
  const { valuation, service } = planning;
  if (offer === undefined || weightOf(split, offer.destination) === 0) return [];
  if (service.pins[source.cluster] !== undefined) return [];
  const own = wayOf(offer, valuation);
  const [nearest] = source.offers
    .filter((rival) => isOpen(rival) && rival.rttMs < offer.rttMs)
    .map((rival) => ({ rival, way: wayOf(rival, valuation) }))
    .filter(({ way }) => way.priceMs > own.priceMs && way.totalMs > own.totalMs)
    .toSorted((a, b) => a.rival.rttMs - b.rival.rttMs);
  if (nearest === undefined) return [];
  return [`${keyOf(nearest.rival.destination)} is nearer, but ${wayText(nearest.way)}; here ${wayText(own)}`];
}

/** What a request's way costs, before any queue. */
interface Way {
  readonly rttMs: number;
  readonly dollars: number;
  readonly priceMs: number;
  readonly totalMs: number;
}

function wayOf({ rttMs, egressDollarsPerGb }: Offer, valuation: Valuation): Way {
  const weighed = priceMs(egressDollarsPerGb, valuation);
  const dollars = dollarsPerRequest(egressDollarsPerGb, valuation.bytesPerRequest);
  return { rttMs, dollars, priceMs: weighed, totalMs: rttMs + weighed };
}

function wayText({ rttMs, dollars, priceMs: weighed, totalMs }: Way): string {
  return `${round(rttMs)} ms away and ${money(dollars)}, which weigh ${round(weighed)} ms: ${round(totalMs)} ms`;
}
