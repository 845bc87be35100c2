import type { DestinationKey } from "../../model/destination.ts";
import { keyOf } from "../../model/destination.ts";
import { curveOf, wayMs } from "../cost.ts";
import { weightOf } from "../eligible.ts";
import type { Offer } from "../eligible.ts";
import { limitOf } from "../limits.ts";
import { costCurveOf, slopeAt } from "../optimise/curve.ts";
import type { Planning, Target } from "../target.ts";
import { perCent, round, rpsText } from "./wording.ts";

/** How full a destination is once all sources are at their targets. */
export interface Fullness {
  readonly loadRps: number;
  /** Up to which it is filled; Infinity where nobody knows its capacity. */
  readonly limitRps: number;
  /** Factor by which limits had to be raised; undefined: by none. */
  readonly factor: number | undefined;
  readonly isFull: boolean;
}

/** A destination is full from this share of its limit on: weights are rounded. */
const FULL = 0.999;

/** How full an offer's destination is under loads of all sources together. */
export function fullnessOf(
  offer: Offer,
  { loads, factor }: { readonly loads: ReadonlyMap<DestinationKey, number>; readonly factor: number | undefined },
  { settings, reserve }: Planning,
): Fullness {
  const loadRps = loads.get(offer.key) ?? 0;
  const limitRps = limitOf(offer, { ...settings, ...reserve }) * (factor ?? 1);
  return { loadRps, limitRps, factor, isFull: loadRps > 0 && loadRps >= FULL * limitRps };
}

/** What one more request costs at an offer, ms, by part. Marginal latency is its own and what it adds to everybody else's. */
export interface Marginal {
  readonly wayMs: number;
  readonly priceMs: number;
  readonly latencyMs: number;
  /** What one more request per second of room would save a request; 0 where there is room. */
  readonly roomMs: number;
  readonly totalMs: number;
}

/** Takes apart what was weighed: the sum is the allocator's, the way and its price are declared, the rest is load. */
export function marginalOf(
  totalMs: number,
  offer: Offer,
  known: { readonly fullness: Fullness; readonly planning: Planning },
): Marginal {
  const { fullness, planning } = known;
  const far = wayMs(offer, undefined);
  const priceMs = wayMs(offer, planning.valuation) - far;
  const slope = slopeAt(costCurveOf(curveOf(offer)), fullness.loadRps);
  const roomMs = fullness.isFull ? Math.max(0, totalMs - far - priceMs - slope) : 0;
  return { wayMs: far, priceMs, latencyMs: totalMs - far - priceMs - roomMs, roomMs, totalMs };
}

/** Less than this is not worth a word, ms. */
const NOTICED_MS = 0.005;

/** The sum of the parts: `10 ms way + 20.5 ms marginal latency = 30.5 ms`. */
export function marginalText({ wayMs: far, priceMs, latencyMs, roomMs, totalMs }: Marginal): string {
  const parts = [
    `${round(far)} ms way`,
    `${round(latencyMs)} ms marginal latency`,
    ...(priceMs >= NOTICED_MS ? [`${round(priceMs)} ms price`] : []),
    ...(roomMs >= NOTICED_MS ? [`${round(roomMs)} ms for want of room`] : []),
  ];
  return `${parts.join(" + ")} = ${round(totalMs)} ms`;
}

/** That a destination takes no more, with the numbers. What is kept free for a loss is said elsewhere. */
export function capacityTexts(
  offer: Offer | undefined,
  target: Target,
  { fullness, planning }: { readonly fullness: Fullness | undefined; readonly planning: Planning },
): readonly string[] {
  if (offer?.capacityRps === undefined || fullness?.isFull !== true) return [];
  if (weightOf(target.split, offer.destination) === 0 || target.source.demandRps === 0) return [];
  if (planning.reserve?.limitsRps.has(offer.key) === true) return [];
  const { factor, limitRps, loadRps } = fullness;
  const share = perCent(planning.settings.utilisationMax * 10_000);
  const raised = factor === undefined ? "" : `, raised ${round(factor)} times because demand exceeds all there is`;
  const of = `${share} of ${rpsText(offer.capacityRps)}${raised}`;
  return [`it is full: all sources together send it ${rpsText(loadRps)} of ${rpsText(limitRps)} (${of})`];
}

/** Differences below this are noise of arithmetic, in basis points. */
const EXACT = 1e-6;

/** What rounding to whole basis points made of a share. */
export function roundingTexts(offer: Offer | undefined, target: Target): readonly string[] {
  if (offer === undefined || target.source.demandRps === 0) return [];
  const placed = target.placements.filter(({ destination }) => keyOf(destination) === offer.key);
  const exact = placed.reduce((sum, { weight }) => sum + weight, target.kept.get(offer.key) ?? 0);
  const weight = weightOf(target.split, offer.destination);
  if (placed.length === 0 || Math.abs(exact - weight) < EXACT) return [];
  return [`${Number(exact.toFixed(4))} of 10000 in whole basis points: ${weight}`];
}
