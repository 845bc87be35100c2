import type { DestinationKey } from "../model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import type { ClusterId } from "../model/ids.ts";
import { capacityOf, demand, loads } from "./check-loads.ts";
import type { Moved } from "./check-loads.ts";
import { checkPreferences, destinationsTaken, swappedWeight } from "./check-preferences.ts";
import { objection, plannedClusters, plannedRouteSet } from "./checked.ts";
import type { Checked, Objection } from "./checked.ts";
import { heldBy, heldWeight, judgeAll, ruleBroken } from "./check-standing.ts";

/** Checks what moves against what was released: how far, where to, and whether somebody gets more than it can serve. */
export function checkMoves(checked: Checked): Objection {
  const moved = plannedClusters(checked).map((cluster) => movedBy(cluster, checked));
  const overloaded = overloadedNow(moved, checked);
  for (const move of moved) {
    const found = checkRises(move, checked) ?? checkFar(move, checked) ?? checkRescue(move, overloaded, checked);
    if (found !== undefined) return found;
  }
  return checkPreferences(moved, checked) ?? checkLoads(moved, checked);
}

function movedBy(cluster: ClusterId, checked: Checked): Moved {
  return {
    cluster,
    held: heldBy(checked.state, checked.service, cluster),
    next: plannedRouteSet(checked, cluster)?.rules.at(-1)?.routes ?? [],
    judged: judgeAll(checked.state, checked.service, cluster),
  };
}

/** Leaving, cordoned, unknown and returning destinations rise above their ceiling only where nothing else is left. */
function checkRises({ cluster, held, next, judged }: Moved, checked: Checked): Objection {
  const staying = judged.filter(
    ({ bar, forbidden, isLeaving }) => bar === undefined && forbidden === undefined && !isLeaving,
  );
  // A route that has all its mesh takes can spread no further.
  const taken = destinationsTaken(cluster, checked);
  const ceilings = staying.map(({ most }) => most).toSorted((a, b) => b - a);
  const room = ceilings.slice(0, next.length < taken ? undefined : taken).reduce((sum, most) => sum + most, 0);
  const areCeilingsKept = room >= WEIGHT_TOTAL;
  for (const { destination, isLeaving, most } of judged) {
    const weight = heldWeight(next, destination);
    const before = heldWeight(held, destination);
    const field = `route_sets[${cluster}]`;
    if (isLeaving && staying.length > 0 && weight > before)
      return objection(
        "PLAN_CHECK_FAILED",
        field,
        `${keyOf(destination)} is leaving: ${before} may not rise to ${weight}`,
      );
    if (!isLeaving && areCeilingsKept && weight > most)
      return objection("PLAN_CHECK_FAILED", field, `${keyOf(destination)} may have ${most} at most, not ${weight}`);
  }
  return undefined;
}

function distance({ held, next }: Moved): number {
  return (held ?? []).reduce((sum, entry) => sum + Math.max(0, entry.weight - heldWeight(next, entry.destination)), 0);
}

/** No step of a source is longer than its shift, drain or the routine allows; an emergency has no limit. */
function checkFar(moved: Moved, checked: Checked): Objection {
  if (moved.held === undefined || checked.plan.urgency === "emergency") return undefined;
  const limit = Math.max(limitOf(moved, checked), swappedWeight(moved, checked));
  const far = distance(moved);
  if (far <= limit) return undefined;
  const text = `${moved.cluster} would move ${far} basis points in one step, and may move ${limit}`;
  return objection("PLAN_CHECK_FAILED", `route_sets[${moved.cluster}]`, text);
}

function limitOf({ cluster, held }: Moved, { state, service, settings }: Checked): number {
  const limits: number[] = [];
  for (const shift of state.shifts.values()) {
    const isRunning = shift.phase === "progressing" || shift.phase === "holding";
    if (isRunning && shift.service === service.spec.service && shift.sources.includes(cluster))
      limits.push(shift.maxStepWeight);
  }
  for (const { destination } of held ?? []) {
    const drain = state.clusters.get(destination.cluster)?.drain;
    if (drain === undefined) continue;
    limits.push((drain.deadlineAtMs ?? Infinity) <= state.atMs ? WEIGHT_TOTAL : drain.maxStepWeight);
  }
  if (limits.length === 0) limits.push(settings.routineStepWeight, service.spec.pace.maxStepWeight);
  return Math.min(...limits);
}

/** An emergency moves what is lost, aborted or too much, and nothing else: it is no way around the limits. */
function checkRescue(
  { cluster, held, next, judged }: Moved,
  overloaded: ReadonlySet<DestinationKey>,
  { state, service, plan }: Checked,
): Objection {
  if (plan.urgency !== "emergency" || held === undefined) return undefined;
  const isAborted =
    service.inputsCause === "abort" &&
    [...state.shifts.values()].some(
      (shift) =>
        shift.phase === "aborted" &&
        shift.service === service.spec.service &&
        shift.sources.includes(cluster) &&
        (shift.endedAtMs ?? 0) >= (service.rollout?.committedAtMs ?? 0),
    );
  // Who leaves somebody with too much goes on its way as a whole.
  const relieves = held.some(
    ({ destination, weight }) => overloaded.has(keyOf(destination)) && heldWeight(next, destination) < weight,
  );
  if (isAborted || relieves) return undefined;
  for (const { destination, weight } of held) {
    const found = judged.find((other) => keyOf(other.destination) === keyOf(destination));
    const isLost = found === undefined || found.bar !== undefined;
    const after = heldWeight(next, destination);
    if (isLost || after >= weight) continue;
    const text = `${keyOf(destination)} would fall from ${weight} to ${after} in an emergency that does not concern it`;
    return objection("PLAN_CHECK_FAILED", `route_sets[${cluster}]`, text);
  }
  return undefined;
}

/** Destinations that get more now than a step may bring anybody. */
function overloadedNow(moved: readonly Moved[], checked: Checked): ReadonlySet<DestinationKey> {
  const now = loads(moved, ({ held, next }) => held ?? next, checked);
  const over = checked.service.spec.deployments.filter((deployment) => {
    const mostRps = (capacityOf(deployment, checked.service) ?? Infinity) * checked.settings.stepUtilisationMax;
    return (now.get(keyOf(deployment)) ?? 0) > mostRps;
  });
  return new Set(over.map(keyOf));
}

/**
 * Where nobody pinned anything and all demand fits, nobody is sent more than it can serve or already gets. A plan that
 * has to overload somebody is no fault of the plan.
 */
function checkLoads(moved: readonly Moved[], checked: Checked): Objection {
  const { service, plan } = checked;
  const { isolation = "none", maxShare = 1, failover } = service.spec.policy ?? {};
  // Who must stay at home, spread, or keep to an order, may overload somebody while there is room elsewhere.
  if (isolation !== "none" || maxShare < 1 || failover !== undefined) return undefined;
  if (plan.urgency === "emergency" || Object.keys(service.pins).length > 0 || !hasRoom(checked)) return undefined;
  const before = loads(moved, ({ held, next }) => held ?? next, checked);
  const after = loads(moved, ({ next }) => next, checked);
  const rounding = moved.reduce((sum, { cluster }) => sum + demand(cluster, checked), 0) / WEIGHT_TOTAL;
  for (const deployment of service.spec.deployments) {
    const key = keyOf(deployment);
    const capacityRps = capacityOf(deployment, service);
    // What a release gives a version was asked for, room or not.
    if (capacityRps === undefined || (service.spec.release?.shares[deployment.version] ?? 0) > 0) continue;
    const most = Math.max(capacityRps, before.get(key) ?? 0) + rounding;
    const load = after.get(key) ?? 0;
    if (load <= most) continue;
    const text = `${key} would get ${load.toFixed(1)} rps and can serve ${capacityRps.toFixed(1)}; at most ${most.toFixed(1)} may be planned`;
    return objection("OVER_CAPACITY", "route_sets", text);
  }
  return undefined;
}

/** Whether all demand fits under the thresholds of stable destinations that may take any share. */
function hasRoom(checked: Checked): boolean {
  const { state, service, settings } = checked;
  const rooms = service.spec.deployments
    .filter(({ version }) => version === service.spec.stableVersion)
    .map((deployment) => {
      const cluster = state.clusters.get(deployment.cluster);
      const isOpen =
        cluster?.membership === "active" &&
        cluster.verdict === "healthy" &&
        !cluster.isCordoned &&
        !cluster.isQuarantined &&
        cluster.drain === undefined &&
        cluster.ramp === undefined &&
        ruleBroken({ source: deployment.cluster, destination: deployment.cluster }, service, state) === undefined &&
        (cluster.spec.gateway ?? cluster.gateway) !== undefined &&
        service.reported[keyOf(deployment)]?.readyEndpoints !== 0;
      return isOpen ? (capacityOf(deployment, service) ?? Infinity) : 0;
    });
  const roomRps = rooms.reduce((sum, room) => sum + room, 0) * settings.utilisationMax;
  return plannedClusters(checked).reduce((sum, cluster) => sum + demand(cluster, checked), 0) <= roomRps;
}
