import { costAt, costCurveOf } from "../../src/planner/optimise/curve.ts";
import type { Play } from "./play.ts";
import { curveOf, egressDollarsPerGb, roundTripMs } from "./topology.ts";

/** What is to be divided: one source's requests, while everybody else's stay at home. */
export interface Division {
  readonly source: string;
  /** Of every source, requests per second. */
  readonly demandRps: Readonly<Record<string, number>>;
  readonly bytesPerRequest: number;
}

/** A way to divide a source's requests, by cluster, 0 to 1. */
type ByCluster = Readonly<Record<string, number>>;

/** The best there is, found by trying all. */
export interface Best {
  readonly shares: ByCluster;
  readonly costMs: number;
}

/** Dollars that one millisecond of one request is worth where a service says nothing else (planning, section 1). */
const DOLLARS_PER_REQUEST_MS = 1e-6;
const BYTES_PER_GB = 1e9;

/** Price of a request's way as milliseconds. */
export function priceMs(source: string, cluster: string, bytesPerRequest: number): number {
  if (source === cluster) return 0;
  return (egressDollarsPerGb(source, cluster) * bytesPerRequest) / BYTES_PER_GB / DOLLARS_PER_REQUEST_MS;
}

/** What all callers spend with this division, ms a second: ways, their prices, waits and work. */
export function costOf(play: Play, division: Division, shares: ByCluster): number {
  const { source, demandRps, bytesPerRequest } = division;
  const movedRps = demandRps[source] ?? 0;
  return play.topology.clusters.reduce((sum, { name, workloads }) => {
    const workload = workloads.find(({ service }) => service === play.service);
    if (workload === undefined) return sum;
    const comingRps = (shares[name] ?? 0) * movedRps;
    const ownRps = name === source ? 0 : (demandRps[name] ?? 0);
    const wayMs = name === source ? 0 : roundTripMs(source, name) + priceMs(source, name, bytesPerRequest);
    return sum + comingRps * wayMs + costAt(costCurveOf(curveOf(workload)), comingRps + ownRps);
  }, 0);
}

/** Tries every division of a source over three clusters in steps of one per cent: slow, and without a solver's cleverness. */
export function bestDivision(play: Play, division: Division): Best {
  const [home, ...others] = [
    division.source,
    ...play.topology.clusters.map(({ name }) => name).filter((name) => name !== division.source),
  ];
  let best: Best = { shares: { [home]: 1 }, costMs: costOf(play, division, { [home]: 1 }) };
  const [near = "", far = ""] = others;
  for (let a = 0; a <= 100; a += 1)
    for (let b = 0; a + b <= 100; b += 1) {
      const shares = { [home]: (100 - a - b) / 100, [near]: a / 100, [far]: b / 100 };
      const costMs = costOf(play, division, shares);
      if (costMs < best.costMs) best = { shares, costMs };
    }
  return best;
}
