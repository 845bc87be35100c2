import type { FleetState, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";
import type { RouteSet, ServicePlan } from "../model/plan.ts";
import type { Refusal, RefusalCode } from "../model/refusal.ts";
import type { Settings } from "../model/settings.ts";

/** What a part of the checker objects to; undefined: nothing. */
export type Objection = Refusal | undefined;

/** What a check reads. */
export interface Checked {
  readonly state: FleetState;
  readonly service: ServiceState;
  readonly plan: ServicePlan;
  readonly settings: Settings;
}

/** One complaint. */
export function objection(code: RefusalCode, field: string, message: string): Refusal {
  return { code, field, message };
}

/** Clusters of the plan, by name. */
export function plannedClusters({ plan }: Pick<Checked, "plan">): readonly ClusterId[] {
  return (Object.keys(plan.routeSets) as ClusterId[]).toSorted(compareNames);
}

/** The value behind a planned hash. */
export function plannedRouteSet(
  { state, plan }: Pick<Checked, "state" | "plan">,
  cluster: ClusterId,
): RouteSet | undefined {
  const hash = plan.routeSets[cluster];
  return hash === undefined ? undefined : state.routeSets.get(hash);
}
