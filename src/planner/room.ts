import type { Destination } from "../model/destination.ts";
import { keyOf } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";
import type { Settings } from "../model/settings.ts";
import { deployedCapacity } from "./readiness.ts";

/** Requests per second that a source offers: declared, else as measured, else none. */
export function demandOf(service: ServiceState, source: ClusterId): number {
  return service.spec.demandRps[source] ?? service.demandRps[source] ?? 0;
}

/** Every source that offers requests, by name. */
export function demandingSources(service: ServiceState): readonly ClusterId[] {
  const names = new Set([...Object.keys(service.spec.demandRps), ...Object.keys(service.demandRps)] as ClusterId[]);
  return [...names].toSorted(compareNames);
}

/** Most requests per second that planning sends a destination; undefined when nobody knows its capacity. */
export function roomOf(service: ServiceState, destination: Destination, settings: Settings): number | undefined {
  const capacityRps = deployedCapacity(service, destination);
  return capacityRps === undefined ? undefined : capacityRps * settings.utilisationMax;
}

/** Whether new requests may be planned for a cluster: a member, not dead, not quarantined, not being drained. */
export function isServing(state: FleetState, cluster: ClusterId): boolean {
  const found = state.clusters.get(cluster);
  if (found === undefined || found.membership !== "active") return false;
  return found.verdict !== "dead" && !found.isQuarantined && found.drain === undefined;
}

/** Whether a destination was reported without a single ready endpoint. Without a report nothing is known against it. */
export function isEmptied(service: ServiceState, destination: Destination): boolean {
  return service.reported[keyOf(destination)]?.readyEndpoints === 0;
}
