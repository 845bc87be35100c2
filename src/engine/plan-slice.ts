import type { FleetState, ServiceState } from "../model/fleet.ts";
import type { RouteSetHash, ServiceId } from "../model/ids.ts";
import type { RouteSet } from "../model/plan.ts";

/** A state with no more than what planning these services reads: far less to copy to another thread than the whole. */
export function planSlice(state: FleetState, services: readonly ServiceId[]): FleetState {
  const named = new Map(
    services.flatMap((name) => {
      const service = state.services.get(name);
      return service === undefined ? [] : [[name, service] as const];
    }),
  );
  return {
    ...state,
    services: named,
    shifts: new Map([...state.shifts].filter(([, { service }]) => named.has(service))),
    routeSets: routeSetsOf(state, named.values()),
    revisions: new Map(),
    answered: [],
  };
}

function routeSetsOf(state: FleetState, services: Iterable<ServiceState>): ReadonlyMap<RouteSetHash, RouteSet> {
  const found = new Map<RouteSetHash, RouteSet>();
  for (const { released, rollout } of services)
    for (const hash of [...Object.values(released), ...Object.values(rollout?.plan.routeSets ?? {})]) {
      const routeSet = state.routeSets.get(hash);
      if (routeSet !== undefined) found.set(hash, routeSet);
    }
  return found;
}
