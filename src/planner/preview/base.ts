import type { FleetState, ServiceState } from "../../model/fleet.ts";

/** A fleet in which what is being released has come to its end. */
export interface SettledFleet {
  readonly state: FleetState;
  /** Services of which something was still being released. */
  readonly services: number;
}

/** The fleet once all waves that are under way are out and were seen to do well: what a hypothetical is supposed on. */
export function settledFleet(state: FleetState): SettledFleet {
  const rolling = [...state.services.values()].filter(({ rollout }) => rollout?.isSettled === false);
  if (rolling.length === 0) return { state, services: 0 };
  const services = new Map(state.services);
  for (const service of rolling) services.set(service.spec.service, settled(service));
  return { state: { ...state, services }, services: rolling.length };
}

function settled(service: ServiceState): ServiceState {
  const { rollout } = service;
  if (rollout === undefined) return service;
  const released = { ...service.released, ...rollout.plan.routeSets };
  return { ...service, released, rollout: { ...rollout, isSettled: true, waitsFor: "" } };
}
