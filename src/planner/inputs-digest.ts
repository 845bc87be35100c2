import type { FleetState } from "../model/fleet.ts";
import type { ServiceId } from "../model/ids.ts";

/**
 * Names what a service's plan would be computed from, so that a preview can be pinned: `generation.id.inputsSequence`.
 * Anything that moves the inputs moves the last part, and another life of the log the first two.
 */
export function inputsDigest(state: FleetState, service: ServiceId): string {
  const { generation, id } = state.incarnation;
  return `${generation}.${id}.${state.services.get(service)?.inputsSequence ?? 0}`;
}
