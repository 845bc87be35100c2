import type { Destination } from "../../model/destination.ts";
import type { FleetState } from "../../model/fleet.ts";
import { compareNames } from "../../model/ids.ts";
import type { ClusterId } from "../../model/ids.ts";
import { declaredRtt } from "../round-trip.ts";
import { TIMED_REQUESTS_MIN } from "./book.ts";
import type { Sent } from "./book.ts";
import { isRoundTripNews, NO_SAMPLES, roundTripOf, withSample } from "./round-trip.ts";
import type { PairSamples } from "./round-trip.ts";

/** What a source sent a destination, and what the destination's own cluster did at the same time. */
export interface Crossing {
  readonly destination: Destination;
  readonly sent: Sent;
  readonly own: Sent | undefined;
}

interface Pair {
  readonly a: ClusterId;
  readonly b: ClusterId;
  samples: PairSamples;
}

/** Ways between clusters that nobody declared, as callers of both sides show them; each pair once, the smaller name first. */
export class Ways {
  readonly #pairs = new Map<string, Pair>();
  /** Pairs with samples that nobody has looked at yet. */
  readonly #heeded = new Set<string>();

  /** Takes in what one window shows of the way to a destination in another cluster. */
  heed(source: ClusterId, { destination: { cluster }, sent, own }: Crossing, state: FleetState): void {
    if (cluster === source || own === undefined || own.requests < TIMED_REQUESTS_MIN) return;
    if (own.latencyMs === undefined || sent.latencyMs === undefined) return;
    if (declaredRtt(state, source, cluster) !== undefined) return;
    const [a, b] = source < cluster ? [source, cluster] : [cluster, source];
    const name = `${a} ${b}`;
    const pair = this.#pairs.get(name) ?? { a, b, samples: NO_SAMPLES };
    pair.samples = withSample(pair.samples, { remoteMs: sent.latencyMs, localMs: own.latencyMs });
    this.#pairs.set(name, pair);
    this.#heeded.add(name);
  }

  /** Round trips that differ from what is recorded, ms, each pair under the smaller name; each sample is looked at once. */
  news(state: FleetState): Readonly<Record<ClusterId, Readonly<Record<ClusterId, number>>>> {
    const found: Record<ClusterId, Record<ClusterId, number>> = {};
    const names = [...this.#heeded].toSorted(compareNames);
    this.#heeded.clear();
    for (const { a, b, samples } of names.flatMap((name) => this.#pairs.get(name) ?? [])) {
      const rttMs = roundTripOf(samples);
      const recorded = state.clusters.get(a);
      if (rttMs === undefined || recorded === undefined || !state.clusters.has(b)) continue;
      if (declaredRtt(state, a, b) !== undefined || !isRoundTripNews(recorded.learnedRttMs?.[b], rttMs)) continue;
      found[a] = { ...found[a], [b]: rttMs };
    }
    return found;
  }
}
