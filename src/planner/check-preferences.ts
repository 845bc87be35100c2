import type { Destination, Weighted } from "../model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import type { ClusterId, Version } from "../model/ids.ts";
import { objection } from "./checked.ts";
import type { Checked, Objection } from "./checked.ts";
import { capacityOf, demand, loads } from "./check-loads.ts";
import type { Moved } from "./check-loads.ts";
import { heldWeight, tierAt, tiersFor } from "./check-standing.ts";
import type { Judged } from "./check-standing.ts";

/** Checks what a service prefers: how many destinations a mesh takes, failover orders, and the shares of a release. */
export function checkPreferences(moved: readonly Moved[], checked: Checked): Objection {
  for (const move of moved) {
    const found = checkDestinations(move, checked) ?? checkSourceShare(move, checked);
    if (found !== undefined) return found;
  }
  return checkTurns(moved, checked) ?? checkShares(moved, checked);
}

/** A route that had more before its mesh took fewer may keep what it has. */
function checkDestinations({ cluster, held, next }: Moved, checked: Checked): Objection {
  const most = destinationsTaken(cluster, checked);
  if (next.length <= Math.max(most, held?.length ?? 0)) return undefined;
  const text = `a route of ${cluster} would have ${next.length} destinations, and its mesh takes ${most}`;
  return objection("UNSUPPORTED_BY_MESH", `route_sets[${cluster}]`, text);
}

/** Most destinations that one route of a cluster's mesh takes, as the checker reads it. */
export function destinationsTaken(cluster: ClusterId, { state }: Checked): number {
  const found = state.clusters.get(cluster);
  const isUndivided = found !== undefined && found.features.length > 0 && !found.features.includes("weighted-split");
  return isUndivided ? 1 : (found?.spec.maxDestinations ?? found?.maxDestinations ?? Infinity);
}

/**
 * Basis points that a source may move beyond its limit, because its mesh takes no more destinations: where all places of its
 * route are taken, somebody has to leave whole for somebody to come. 0 where nobody came.
 */
export function swappedWeight({ cluster, held = [], next }: Moved, checked: Checked): number {
  const hasCome = next.some(({ destination }) => heldWeight(held, destination) === 0);
  if (!hasCome || held.length < destinationsTaken(cluster, checked)) return 0;
  const gone = held.filter(({ destination }) => heldWeight(next, destination) === 0);
  return Math.max(0, ...gone.map(({ weight }) => weight));
}

/** Shares are rounded, each source's by itself. */
const ROUNDING_WEIGHT = 2;

/** No source gives a released version more than it may, or than it did. Whom the stable version cannot serve is no part of it. */
function checkSourceShare(move: Moved, checked: Checked): Objection {
  const { service } = checked;
  const { release, stableVersion } = service.spec;
  if (release === undefined || !isFree(move, checked) || isOnNarrowWay(move, checked)) return undefined;
  for (const version of Object.keys(release.shares) as Version[]) {
    const [before, after] = [move.held ?? [], move.next].map((split) => weightOfVersion(split, version));
    const most = Math.max(release.maxSourceShare * WEIGHT_TOTAL, before ?? 0) + ROUNDING_WEIGHT;
    if ((after ?? 0) <= most || !takesAll(move, stableVersion)) continue;
    const text = `${move.cluster} would give ${version} ${after} of 10000, and may give it ${Math.floor(most)}`;
    return objection("PLAN_CHECK_FAILED", `route_sets[${move.cluster}]`, text);
  }
  return undefined;
}

/** Where nobody is in want of the stable version, no version gets more of all requests than its share, or than it has. */
function checkShares(moved: readonly Moved[], checked: Checked): Objection {
  const { release, stableVersion } = checked.service.spec;
  const free = moved.filter((move) => isFree(move, checked));
  if (release === undefined || checked.plan.urgency === "emergency") return undefined;
  if (free.some((move) => !takesAll(move, stableVersion) || isOnNarrowWay(move, checked))) return undefined;
  const demandRps = free.reduce((sum, { cluster }) => sum + demand(cluster, checked), 0);
  const rpsOf = (version: Version, splitOf: (move: Moved) => readonly Weighted[]): number =>
    free.reduce(
      (sum, move) => sum + (weightOfVersion(splitOf(move), version) / WEIGHT_TOTAL) * demand(move.cluster, checked),
      0,
    );
  for (const [version, share] of Object.entries(release.shares) as [Version, number][]) {
    const before = rpsOf(version, ({ held }) => held ?? []);
    const after = rpsOf(version, ({ next }) => next);
    const most = Math.max(share * demandRps, before) + (ROUNDING_WEIGHT / WEIGHT_TOTAL) * demandRps;
    if (after <= most) continue;
    const text = `${version} would get ${after.toFixed(1)} of ${demandRps.toFixed(1)} rps; at most ${most.toFixed(1)} may be planned`;
    return objection("PLAN_CHECK_FAILED", "route_sets", text);
  }
  return undefined;
}

/** On its way to other destinations, a route that has no place for all of them mixes versions as its places allow. */
function isOnNarrowWay({ cluster }: Moved, checked: Checked): boolean {
  return !checked.plan.isFinalStep && destinationsTaken(cluster, checked) !== Infinity;
}

/** Whether nobody pinned a source: what a shift sets, it sets. */
function isFree({ cluster }: Moved, { service }: Checked): boolean {
  return service.pins[cluster] === undefined;
}

function weightOfVersion(split: readonly Weighted[], version: Version): number {
  return split.reduce((sum, { destination, weight }) => (destination.version === version ? sum + weight : sum), 0);
}

/** Whether a version's destinations may take everything of a source, their ceilings kept. */
function takesAll({ judged }: Moved, version: Version): boolean {
  const open = judged.filter((found) => found.destination.version === version && isOpen(found));
  return open.reduce((sum, { most }) => sum + most, 0) >= WEIGHT_TOTAL;
}

function isOpen({ bar, forbidden, isLeaving }: Judged): boolean {
  return bar === undefined && forbidden === undefined && !isLeaving;
}

/** A destination below this part of its limit has room. */
const ROOM_SHARE = 0.99;

/**
 * Where a plan comes to its end, nobody comes to send more to a later tier while an earlier one of its order is well, may take
 * anything, and has room. What a step on the way to it does, and what somebody pinned, is not judged.
 */
function checkTurns(moved: readonly Moved[], checked: Checked): Objection {
  const { service, plan, state, settings } = checked;
  const { failover, surviveLossOf } = service.spec.policy ?? {};
  // What is kept free for a loss looks like room.
  if (failover === undefined || surviveLossOf !== "none") return undefined;
  if (!plan.isFinalStep || plan.urgency === "emergency") return undefined;
  const after = loads(moved, ({ next }) => next, checked);
  const hasRoom = (destination: Destination): boolean => {
    const deployment = service.spec.deployments.find((found) => keyOf(found) === keyOf(destination));
    const capacityRps = deployment && capacityOf(deployment, service);
    if (capacityRps === undefined) return false;
    return (after.get(keyOf(destination)) ?? 0) < capacityRps * settings.utilisationMax * ROOM_SHARE;
  };
  for (const move of moved) {
    const tiers = service.spec.policy && tiersFor(service.spec.policy, move.cluster);
    if (tiers === undefined || !isFree(move, checked) || demand(move.cluster, checked) === 0) continue;
    const tierOf = ({ cluster }: Destination): number =>
      tierAt(tiers, { source: move.cluster, destination: cluster }, state);
    for (const { destination, weight } of move.next) {
      if (weight <= heldWeight(move.held, destination)) continue;
      const passed = move.judged.find(
        (found) =>
          found.destination.version === destination.version &&
          tierOf(found.destination) < tierOf(destination) &&
          tierOf(found.destination) >= 0 &&
          isOpen(found) &&
          found.most === WEIGHT_TOTAL &&
          hasRoom(found.destination) &&
          move.judged.every(
            (other) =>
              other.destination.version !== destination.version ||
              tierOf(other.destination) !== tierOf(found.destination) ||
              isWhole(other, checked),
          ),
      );
      if (passed === undefined) continue;
      const text = `${move.cluster} would send more to ${keyOf(destination)}, though ${keyOf(passed.destination)} comes before it and has room`;
      return objection("PLAN_CHECK_FAILED", `route_sets[${move.cluster}]`, text);
    }
  }
  return undefined;
}

/** Whether nothing is known to be wrong with a destination or its endpoints. */
function isWhole({ destination, bar }: Judged, { service, state }: Checked): boolean {
  const { readyEndpoints = 1, totalEndpoints = readyEndpoints } = service.reported[keyOf(destination)] ?? {};
  return (
    bar === undefined &&
    readyEndpoints >= totalEndpoints &&
    state.clusters.get(destination.cluster)?.verdict === "healthy"
  );
}
