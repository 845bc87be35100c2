import type { FleetState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";
import type { ServicePlan } from "../model/plan.ts";
import { ok, refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import type { Refusal } from "../model/refusal.ts";
import type { Settings } from "../model/settings.ts";
import { checkMoves } from "./check-moves.ts";
import { checkRouteSet } from "./check-route-set.ts";
import { objection, plannedClusters, plannedRouteSet } from "./checked.ts";
import type { Checked, Objection } from "./checked.ts";

/** Routes may fall by this share, or by this many, before a plan that loses them is taken for a broken one. */
const SHRINK_RATIO_MAX = 0.2;
const SHRINK_ROUTES_MAX = 5;

/**
 * Judges a proposed plan from the state alone, whatever computed it. Shares no code with what plans: the same mistake
 * would have to be made twice. Every route set that the plan names must already be in `state.routeSets`.
 * Refuses UNKNOWN_SERVICE, UNKNOWN_CLUSTER, INPUT_SHRINK, EMPTY_PLAN, WEIGHT_TYPE, WEIGHTS_SUM, UNKNOWN_DESTINATION,
 * NO_SERVING_TARGET, POLICY_FORBIDS, OVER_CAPACITY, and PLAN_CHECK_FAILED for everything else.
 */
export function checkPlan(state: FleetState, plan: ServicePlan, settings: Settings): Result<void, Refusal> {
  const service = state.services.get(plan.service);
  if (service === undefined) return refuse(objection("UNKNOWN_SERVICE", "service", `${plan.service} is not declared`));
  const checked: Checked = { state, service, plan, settings };
  const found =
    checkSources(checked) ??
    checkShrink(checked) ??
    checkWaves(checked) ??
    checkRouteSets(checked) ??
    checkMoves(checked);
  return found === undefined ? ok(undefined) : refuse(found);
}

function isMember(state: FleetState, cluster: ClusterId): boolean {
  return state.clusters.get(cluster)?.membership === "active";
}

function checkSources(checked: Checked): Objection {
  for (const cluster of plannedClusters(checked)) {
    const field = `route_sets[${cluster}]`;
    if (!checked.state.clusters.has(cluster))
      return objection("UNKNOWN_CLUSTER", field, `no cluster is called ${cluster}`);
    if (!isMember(checked.state, cluster)) {
      const membership = checked.state.clusters.get(cluster)?.membership;
      return objection("PLAN_CHECK_FAILED", field, `${cluster} is ${membership}: only active members are planned`);
    }
  }
  return undefined;
}

/** A source that is still a member may not vanish; a cluster that left the fleet is a removal with a name. */
function checkShrink({ state, service, plan }: Checked): Objection {
  const released = (Object.keys(service.released) as ClusterId[]).filter((cluster) => isMember(state, cluster));
  const missing = released.filter((cluster) => plan.routeSets[cluster] === undefined).toSorted(compareNames);
  if (missing.length === 0) return undefined;
  const left = `${missing.length} of ${released.length} route sets would go without being named: ${missing.join(", ")}`;
  if (missing.length === released.length) return objection("EMPTY_PLAN", "route_sets", left);
  const isShrink = missing.length > SHRINK_ROUTES_MAX && missing.length > released.length * SHRINK_RATIO_MAX;
  return objection(isShrink ? "INPUT_SHRINK" : "PLAN_CHECK_FAILED", "route_sets", left);
}

function checkWaves(checked: Checked): Objection {
  const waved = checked.plan.waves.flat().toSorted(compareNames);
  const planned = plannedClusters(checked);
  const isSame = waved.length === planned.length && waved.every((cluster, index) => cluster === planned[index]);
  const hasEmpty = checked.plan.waves.some((wave) => wave.length === 0);
  if (isSame && !hasEmpty) return undefined;
  return objection("PLAN_CHECK_FAILED", "waves", "the waves do not name every planned cluster exactly once");
}

function checkRouteSets(checked: Checked): Objection {
  for (const cluster of plannedClusters(checked)) {
    const routeSet = plannedRouteSet(checked, cluster);
    const field = `route_sets[${cluster}]`;
    if (routeSet === undefined)
      return objection("PLAN_CHECK_FAILED", field, `the route set of ${cluster} is not stored`);
    const found = checkRouteSet({ cluster, routeSet, field }, checked);
    if (found !== undefined) return found;
  }
  return undefined;
}
