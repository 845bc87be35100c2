import { DestinationSet, firstMissing } from "../../src/model/destination-set.ts";
import { WEIGHT_TOTAL, keyOf } from "../../src/model/destination.ts";
import type { DestinationKey, Split } from "../../src/model/destination.ts";
import { compareNames } from "../../src/model/ids.ts";
import type { ClusterId, ServiceId } from "../../src/model/ids.ts";
import type { RouteSet } from "../../src/model/plan.ts";
import type { Refusal } from "../../src/model/refusal.ts";
import { ok, refuse } from "../../src/model/result.ts";
import type { Result } from "../../src/model/result.ts";
import type { RouteRefusal } from "../../src/model/report.ts";
import { unnamedRemovals } from "./delta.ts";
import { totalOf } from "./effective.ts";
import { withRefused } from "./holding.ts";
import type { Holding } from "./holding.ts";

/** Limits that a cluster's own team sets for plans from outside, whoever sends them. */
export interface Limits {
  /** Largest share of services, 0 to 1, that may vanish without being named. */
  readonly shrinkRatioMax: number;
  /** As many may always vanish. */
  readonly shrinkAlwaysAllowed: number;
  /** Most basis points of a service's requests that one plan may move to other destinations; WEIGHT_TOTAL: any. */
  readonly moveWeightMax: number;
  /** Fewest clusters that each service's requests divide over. */
  readonly destinationsMin: number;
}

/** Defaults: the shrink guard of published outages (Google 2023, Skyscanner 2021); moves and spread are the planner's. */
export const DEFAULT_LIMITS: Limits = {
  shrinkRatioMax: 0.2,
  shrinkAlwaysAllowed: 5,
  moveWeightMax: WEIGHT_TOTAL,
  destinationsMin: 1,
};

/** What a plan is checked against. */
export interface Recheck {
  /** The cluster this agent is in. */
  readonly own: ClusterId;
  readonly held: Holding | undefined;
  /** Services that the plan says it removes. */
  readonly removed: readonly ServiceId[];
  readonly limits: Limits;
  /** Cluster that is lost on the agent's own evidence: moves away from it are never too large. */
  readonly lost: ClusterId | undefined;
}

/**
 * Checks by the agent's own rules what a plan shows by itself, as a second line behind the planner. Refuses the whole
 * plan (INPUT_SHRINK) when services vanish unnamed. What is wrong with single route sets is remembered as refused
 * and leaves the older ones in force: WEIGHTS_SUM, IDENTITY_MISMATCH, UNKNOWN_DESTINATION, VELOCITY_LIMIT,
 * MIN_DESTINATIONS.
 */
export function recheck(next: Holding, against: Recheck): Result<Holding, Refusal> {
  const shrunk = shrinkRefusal(next, against);
  if (shrunk !== undefined) return refuse(shrunk);
  const refusals: RouteRefusal[] = [];
  for (const [service, { routeSet, hash }] of next.routeSets) {
    if (against.held?.routeSets.get(service)?.hash === hash) continue;
    const fault = faultOf(routeSet, against);
    if (fault !== undefined) refusals.push({ service, hash, ...fault });
  }
  if (refusals.length === 0) return ok(next);
  return ok(withRefused(next, { refusals, previous: against.held }));
}

function shrinkRefusal(next: Holding, { held, removed, limits }: Recheck): Refusal | undefined {
  if (held === undefined) return undefined;
  const gone = unnamedRemovals(held, next, removed);
  const allowed = Math.max(limits.shrinkAlwaysAllowed, Math.floor(held.routeSets.size * limits.shrinkRatioMax));
  if (gone.length <= allowed) return undefined;
  const shown = gone.toSorted(compareNames).slice(0, 3).join(", ");
  const message =
    `${gone.length} of ${held.routeSets.size} services vanish unnamed (${shown}, …); at most ${allowed} may. ` +
    "A plan that means it names them as removed";
  return { code: "INPUT_SHRINK", field: "route_sets", message };
}

type Fault = Pick<RouteRefusal, "code" | "detail">;

function faultOf(routeSet: RouteSet, against: Recheck): Fault | undefined {
  return (
    ownerFault(routeSet, against.own) ??
    reachFault(routeSet, against.own) ??
    firstSumFault(routeSet) ??
    spreadFault(routeSet, against.limits) ??
    moveFault(routeSet, against)
  );
}

function ownerFault({ cluster }: RouteSet, own: ClusterId): Fault | undefined {
  if (cluster === own) return undefined;
  return { code: "IDENTITY_MISMATCH", detail: `made for cluster ${cluster}, this is ${own}` };
}

function firstSumFault({ rules }: RouteSet): Fault | undefined {
  for (const { routes } of rules) {
    const wrong = [routes, ...routes.map(({ fallback }) => fallback).filter(({ length }) => length > 0)].find(
      (split) => totalOf(split) !== WEIGHT_TOTAL,
    );
    if (wrong !== undefined)
      return { code: "WEIGHTS_SUM", detail: `weights sum to ${totalOf(wrong)}, not to ${WEIGHT_TOTAL}` };
  }
  return undefined;
}

function reachFault({ rules, reaches }: RouteSet, own: ClusterId): Fault | undefined {
  const known = new DestinationSet();
  for (const { destination, gateway } of reaches)
    if (destination.cluster === own || gateway !== undefined) known.add(destination);
  const missing = firstMissing(rules, known);
  if (missing === undefined) return undefined;
  return { code: "UNKNOWN_DESTINATION", detail: `weights ${keyOf(missing)} and does not say how to reach it` };
}

function spreadFault({ rules }: RouteSet, { destinationsMin }: Limits): Fault | undefined {
  // Whoever has routes has one destination; most clusters ask for no more.
  if (destinationsMin <= 1 && rules.every(({ routes }) => routes.length > 0)) return undefined;
  const fewest = Math.min(
    ...rules.map(({ routes }) => new Set(routes.map(({ destination }) => destination.cluster)).size),
  );
  if (fewest >= destinationsMin) return undefined;
  return {
    code: "MIN_DESTINATIONS",
    detail: `divides over ${fewest} clusters; this cluster asks for ${destinationsMin}`,
  };
}

function moveFault(routeSet: RouteSet, { held, limits, lost }: Recheck): Fault | undefined {
  // No plan can move more than everything.
  if (limits.moveWeightMax >= WEIGHT_TOTAL) return undefined;
  const before = held?.routeSets.get(routeSet.service)?.routeSet.rules.at(-1)?.routes;
  const after = routeSet.rules.at(-1)?.routes;
  if (before === undefined || after === undefined) return undefined;
  const moved = movedWeight(before, { after, lost });
  if (moved <= limits.moveWeightMax) return undefined;
  return {
    code: "VELOCITY_LIMIT",
    detail: `moves ${moved} of ${WEIGHT_TOTAL}; one plan may move ${limits.moveWeightMax}`,
  };
}

/** Basis points that leave their destination, not counting those that leave the lost cluster. */
function movedWeight(
  before: Split,
  { after, lost }: { readonly after: Split; readonly lost: ClusterId | undefined },
): number {
  const kept = new Map<DestinationKey, number>(after.map(({ destination, weight }) => [keyOf(destination), weight]));
  return before
    .filter(({ destination }) => destination.cluster !== lost)
    .reduce((sum, { destination, weight }) => sum + Math.max(0, weight - (kept.get(keyOf(destination)) ?? 0)), 0);
}
