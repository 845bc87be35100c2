import { costAt } from "../optimise/curve.ts";
import { loadsOf } from "./subject.ts";
import type { Division, Subject } from "./subject.ts";

/** What a division is worth in the model. */
export interface Value {
  /** Latency, price and what the policy adds for leaving a locality, ms * requests per second. */
  readonly objective: number;
  readonly latency: number;
  readonly dollarsPerHour: number;
  readonly servedRps: number;
  /** Load over limit at the fullest destination. */
  readonly filling: number;
}

/** Judges a division. Beyond a limit latency counts as if the queue were still stable, as in the optimiser. */
export function valueOf(subject: Subject, division: Division): Value {
  const loads = loadsOf(subject, division);
  let [latency, extra, dollarsPerSecond, servedRps, filling] = [0, 0, 0, 0, 0];
  for (const [at, { cost, limitRps }] of subject.destinations.entries()) {
    const loadRps = loads[at] ?? 0;
    if (loadRps === 0) continue;
    latency += costAt(cost, loadRps);
    servedRps += loadRps;
    filling = Math.max(filling, loadRps / limitRps);
  }
  for (const [from, row] of division.entries())
    for (const [to, amount] of row.entries()) {
      const way = subject.ways[from]?.[to];
      if (amount === 0 || way === undefined) continue;
      latency += amount * way.rttMs;
      extra += amount * (way.priceMs + way.crossingMs);
      dollarsPerSecond += amount * way.dollars;
    }
  return { objective: latency + extra, latency, dollarsPerHour: 3_600 * dollarsPerSecond, servedRps, filling };
}
