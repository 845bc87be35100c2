import type { FleetState } from "../../../model/fleet.ts";
import type { ClusterId, RouteSetHash, ServiceId } from "../../../model/ids.ts";
import type { Position } from "../../../model/position.ts";
import { releasedPosition } from "../../../wire/cluster-view.ts";

/** What a cluster shall hold, as of one state. */
export interface Wanted {
  readonly position: Position;
  readonly hashes: ReadonlyMap<ServiceId, RouteSetHash>;
}

/** A cluster's plan: the fold of everything that was released to it. The same on every replica. */
export function wantedBy(state: FleetState, cluster: ClusterId): Wanted {
  const hashes = new Map<ServiceId, RouteSetHash>();
  for (const [service, { released }] of state.services) {
    const hash = released[cluster];
    if (hash !== undefined) hashes.set(service, hash);
  }
  return { position: releasedPosition(state, cluster), hashes };
}
