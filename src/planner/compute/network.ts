import { DEFAULT_RTT_MS } from "../../model/cluster.ts";
import type { DocumentService, FleetDocument, Matrix } from "../../model/fleet-document.ts";
import type { ClusterId } from "../../model/ids.ts";
import { dollarsPerRequest } from "../valuation.ts";

/** What a request costs between two clusters. */
export interface Way {
  readonly rttMs: number;
  /** Dollars that one request costs on this way. */
  readonly dollars: number;
  /** The same at the service's exchange rate, ms. */
  readonly priceMs: number;
}

/** The way of a service's requests from one cluster to another. */
export function wayBetween(
  { localRttMs, rttMs, egressDollarsPerGb }: FleetDocument,
  { bytesPerRequest, objective }: DocumentService,
  [source, destination]: readonly [ClusterId, ClusterId],
): Way {
  if (source === destination) return { rttMs: localRttMs, dollars: 0, priceMs: 0 };
  const dollars = dollarsPerRequest(between(egressDollarsPerGb, source, destination) ?? 0, bytesPerRequest);
  return {
    rttMs: between(rttMs, source, destination) ?? DEFAULT_RTT_MS,
    dollars,
    priceMs: dollars / objective.dollarsPerRequestMs,
  };
}

/** A pair given in one direction holds for both. */
function between(matrix: Matrix, source: ClusterId, destination: ClusterId): number | undefined {
  return matrix[source]?.[destination] ?? matrix[destination]?.[source];
}
