import { DEFAULT_RTT_MS } from "../../model/cluster.ts";
import type { DocumentService, FleetDocument, Matrix } from "../../model/fleet-document.ts";
import type { ClusterId } from "../../model/ids.ts";
import { crossingPenaltyMs } from "../label-rules.ts";
import type { LabelOf } from "../label-rules.ts";
import { dollarsPerRequest } from "../valuation.ts";
import { labelOf } from "./exclusions.ts";

/** What a request costs between two clusters. */
export interface Way {
  readonly rttMs: number;
  /** Dollars that one request costs on this way. */
  readonly dollars: number;
  /** The same at the service's exchange rate, ms. */
  readonly priceMs: number;
  /** What the policy's `localityPenaltyMs` add for leaving the source's locality, ms. */
  readonly crossingMs: number;
}

/** What a request costs on its way, ms: round trip, price, and what the policy adds. */
export function wayMs({ rttMs, priceMs, crossingMs }: Omit<Way, "dollars">): number {
  return rttMs + priceMs + crossingMs;
}

/** The way of a service's requests from one cluster to another. */
export function wayBetween(
  { clusters, localRttMs, rttMs, egressDollarsPerGb }: FleetDocument,
  { bytesPerRequest, objective, policy }: DocumentService,
  [source, destination]: readonly [ClusterId, ClusterId],
): Way {
  if (source === destination) return { rttMs: localRttMs, dollars: 0, priceMs: 0, crossingMs: 0 };
  const dollars = dollarsPerRequest(between(egressDollarsPerGb, source, destination) ?? 0, bytesPerRequest);
  return {
    rttMs: between(rttMs, source, destination) ?? DEFAULT_RTT_MS,
    dollars,
    priceMs: dollars / objective.dollarsPerRequestMs,
    crossingMs: crossingBetween(clusters, policy, [source, destination]),
  };
}

function crossingBetween(
  clusters: FleetDocument["clusters"],
  policy: DocumentService["policy"],
  [source, destination]: readonly [ClusterId, ClusterId],
): number {
  if (policy.localityPenaltyMs === undefined) return 0;
  const labelsIn = (name: ClusterId): LabelOf =>
    labelOf(clusters.find((cluster) => cluster.name === name)?.labels ?? {});
  return crossingPenaltyMs(policy, labelsIn(source), labelsIn(destination));
}

/** A pair given in one direction holds for both. */
function between(matrix: Matrix, source: ClusterId, destination: ClusterId): number | undefined {
  return matrix[source]?.[destination] ?? matrix[destination]?.[source];
}
