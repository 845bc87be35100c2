import type { Division, Instance } from "../instance.ts";
import { byDistance, startDraft, streamsOf } from "../stream.ts";
import type { Draft, Stream } from "../stream.ts";

/** The customary target of Traffic Director's backends, share of the capacity. */
export const WATERFALL_THRESHOLD = 0.8;

/**
 * Waterfall by region, as Traffic Director and ServiceRouter do it and SLATE's code defines it ("WATERFALL2"): every cluster
 * keeps what fits below its threshold; then, in the document's order, each cluster's rest goes to the nearest that still has
 * room. A threshold is 0.8 of the capacity unless an operator has given one in rps. Where the thresholds together are below
 * the demand, all of them rise alike until everything fits.
 */
export function waterfall(instance: Instance): Division {
  const draft = startDraft(instance);
  for (const stream of streamsOf(instance)) pour(instance, stream, draft);
  return draft.division;
}

function pour(instance: Instance, stream: Stream, draft: Draft): void {
  const room = thresholdsOf(instance, stream);
  const left = [...stream.demandRps];
  const take = (source: number, b: number): void => {
    const rps = Math.min(left[source] ?? 0, room.get(b) ?? 0);
    if (rps <= 0) return;
    draft.add(source, b, rps);
    left[source] = (left[source] ?? 0) - rps;
    room.set(b, (room.get(b) ?? 0) - rps);
  };
  const ranked = left.map((_, source) => byDistance(instance, stream, source));
  for (const [source, backends] of ranked.entries()) {
    const home = backends.find((b) => instance.backends[b]?.cluster === source);
    if (home !== undefined) take(source, home);
  }
  for (const [source, backends] of ranked.entries()) for (const b of backends) take(source, b);
  // What a policy keeps from every cluster with room stays with the nearest.
  for (const [source, backends] of ranked.entries()) {
    const [nearest] = backends;
    if (nearest !== undefined && (left[source] ?? 0) > 0) draft.add(source, nearest, left[source] ?? 0);
  }
}

function thresholdsOf(instance: Instance, stream: Stream): Map<number, number> {
  const living = stream.backends.filter((b) => instance.mayUse.some((row) => row[b] === true));
  const thresholds = new Map(living.map((b) => [b, thresholdOf(instance, b)]));
  const total = [...thresholds.values()].reduce((sum, rps) => sum + rps, 0);
  const demand = stream.demandRps.reduce((sum, rps) => sum + rps, 0);
  const rise = total > 0 && demand > total ? demand / total : 1;
  return new Map([...thresholds].map(([b, rps]) => [b, rps * rise]));
}

function thresholdOf(instance: Instance, b: number): number {
  const backend = instance.backends[b];
  return backend?.thresholdRps ?? WATERFALL_THRESHOLD * (backend?.capacityRps ?? 0);
}
