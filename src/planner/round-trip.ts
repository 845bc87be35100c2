import { DEFAULT_RTT_MS } from "../model/cluster.ts";
import type { FleetState } from "../model/fleet.ts";
import type { ClusterId } from "../model/ids.ts";
import { learnedRoundTrip } from "./learn/trust.ts";

/** Round trip in ms that is declared; what either side declares holds for both directions. */
export function declaredRtt(state: FleetState, source: ClusterId, destination: ClusterId): number | undefined {
  const declared = state.clusters.get(source)?.spec.rttMs[destination];
  return declared ?? state.clusters.get(destination)?.spec.rttMs[source];
}

/** The same, else as it was learned; 0 within a cluster; undefined: nobody knows. */
export function knownRtt(state: FleetState, source: ClusterId, destination: ClusterId): number | undefined {
  if (source === destination) return 0;
  return declaredRtt(state, source, destination) ?? learnedRoundTrip(state, source, destination);
}

/** The same, else `DEFAULT_RTT_MS`. */
export function rttBetween(state: FleetState, source: ClusterId, destination: ClusterId): number {
  return knownRtt(state, source, destination) ?? DEFAULT_RTT_MS;
}
