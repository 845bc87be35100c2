import { latencyMs } from "./curve.ts";
import type { Backend, Division, Instance } from "./instance.ts";

/** What a request costs that nobody serves, ms, besides its round trip. */
export const FAILURE_MS = 1_000;

/** Load above this share of a capacity is shed: a queue at its capacity has no end. */
export const SHED_ABOVE = 0.98;

const SECONDS_PER_HOUR = 3_600;

/** What a division does to a service's callers. */
export interface Score {
  /** Latency and price of a request, ms-equivalents: what plans minimise. A failed request counts `FAILURE_MS`. */
  readonly objectiveMs: number;
  /** Latency of a request, ms; the same penalty. */
  readonly meanMs: number;
  /** Share of the requests that are served. */
  readonly successShare: number;
  readonly egressDollarsPerHour: number;
  /** Largest offered load over capacity of any living backend. */
  readonly utilisationMax: number;
  /** Share of the requests that leave their cluster. */
  readonly crossShare: number;
  /** Offered load of each backend, rps. */
  readonly loadsRps: readonly number[];
}

/** Judges a division by the model of planning, section 1: queueing and network of what is served, a penalty for the rest. */
export function evaluate(instance: Instance, division: Division): Score {
  const loadsRps = loadsOf(instance, division);
  const served = instance.backends.map((backend, b) => servedAt(backend, loadsRps[b] ?? 0));
  const sum = { objective: 0, latency: 0, served: 0, dollars: 0, crossing: 0, offered: 0 };
  for (const [source, amounts] of division.entries()) {
    for (const [b, rps] of amounts.entries()) {
      const { share, ms } = served[b] ?? { share: 0, ms: 0 };
      const cluster = instance.backends[b]?.cluster ?? -1;
      if (rps === 0) continue;
      const rtt = instance.rttMs[source]?.[cluster] ?? Number.NaN;
      const price = (instance.costMs[source]?.[b] ?? Number.NaN) - rtt;
      // A refused call has made its way as well; what would have been paid for is its answer.
      const latency = rps * (rtt + share * ms + (1 - share) * FAILURE_MS);
      sum.offered += rps;
      sum.served += rps * share;
      sum.dollars += rps * share * (instance.dollarsPerRequest[source]?.[b] ?? Number.NaN);
      sum.latency += latency;
      sum.objective += latency + rps * share * price;
      if (cluster !== source) sum.crossing += rps;
    }
  }
  // What a division places nowhere fails as well.
  const unplaced = Math.max(0, instance.totalRps - sum.offered);
  return {
    objectiveMs: (sum.objective + unplaced * FAILURE_MS) / instance.totalRps,
    meanMs: (sum.latency + unplaced * FAILURE_MS) / instance.totalRps,
    successShare: sum.served / instance.totalRps,
    egressDollarsPerHour: sum.dollars * SECONDS_PER_HOUR,
    utilisationMax: Math.max(0, ...instance.backends.map((backend, b) => utilisationOf(backend, loadsRps[b] ?? 0))),
    crossShare: sum.crossing / instance.totalRps,
    loadsRps,
  };
}

/** Offered load of each backend, rps. */
export function loadsOf(instance: Instance, division: Division): readonly number[] {
  return instance.backends.map((_, b) => division.reduce((sum, amounts) => sum + (amounts[b] ?? 0), 0));
}

function utilisationOf(backend: Backend, loadRps: number): number {
  return backend.isAlive ? loadRps / backend.capacityRps : 0;
}

/** The share of an offered load that a backend serves, and how long each of those requests takes there. */
function servedAt(backend: Backend, loadRps: number): { readonly share: number; readonly ms: number } {
  if (!backend.isAlive) return { share: 0, ms: 0 };
  const servedRps = Math.min(loadRps, SHED_ABOVE * backend.capacityRps);
  return { share: loadRps === 0 ? 1 : servedRps / loadRps, ms: latencyMs(backend.curve, servedRps) };
}
