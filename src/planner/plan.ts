import type { FleetState } from "../model/fleet.ts";
import type { Split } from "../model/destination.ts";
import type { ClusterId, ServiceId } from "../model/ids.ts";
import type { Reason, RouteSet, Urgency } from "../model/plan.ts";
import type { Settings } from "../model/settings.ts";

/** The next step of one service, by value: whoever encodes the route sets makes it a `Proposal`. */
export interface ServicePlanning {
  readonly service: ServiceId;
  /** `inputsSequence` of the service that it was computed from. */
  readonly inputsSequence: number;
  /** What each source cluster shall send where after this step. */
  readonly splits: Readonly<Record<ClusterId, Split>>;
  readonly routeSets: Readonly<Record<ClusterId, RouteSet>>;
  readonly urgency: Urgency;
  readonly waves: readonly (readonly ClusterId[])[];
  readonly reasons: readonly Reason[];
  readonly isFinalStep: boolean;
}

/**
 * Computes the next step of each named service; unknown services are left out. It depends on the committed state alone,
 * never on reports in memory, so that any past plan can be computed again from the log and compared.
 */
export function planServices(
  state: FleetState,
  services: readonly ServiceId[],
  _settings: Settings,
): readonly ServicePlanning[] {
  void [state, services];
  return [];
}
