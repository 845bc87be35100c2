import type { Split, Weighted } from "../../../src/model/destination.ts";
import { WEIGHT_TOTAL, compareDestinations, keyOf } from "../../../src/model/destination.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import { compareNames } from "../../../src/model/ids.ts";
import type { Route, RouteSet, Rule } from "../../../src/model/plan.ts";

/**
 * A route set as it is while `lost` is lost: each of its routes there gives way to its own fallback, and no fallback leads
 * there any more. A route that has nowhere to go stays, since a proxy that answers 503 is no worse than one without a route.
 */
export function avoiding(routeSet: RouteSet, lost: ClusterId | undefined): RouteSet {
  if (lost === undefined) return routeSet;
  return { ...routeSet, rules: routeSet.rules.map((rule) => avoidingRule(rule, lost)) };
}

function avoidingRule(rule: Rule, lost: ClusterId): Rule {
  const shares = new Map<string, Share>();
  for (const route of rule.routes) for (const share of sharesOf(route, lost)) addShare(shares, share);
  return { match: rule.match, routes: apportion([...shares.values()]) };
}

/** A part of a rule's requests, in WEIGHT_TOTAL² so that dividing by the fallback's total loses nothing yet. */
interface Share {
  readonly route: Route;
  readonly parts: number;
}

function sharesOf(route: Route, lost: ClusterId): readonly Share[] {
  const fallback = without(route.fallback, lost);
  const kept: Share = { route: { ...route, fallback }, parts: route.weight * WEIGHT_TOTAL };
  const total = fallback.reduce((sum, { weight }) => sum + weight, 0);
  if (route.destination.cluster !== lost || total === 0) return [kept];
  return fallback.map((entry) => ({
    route: { ...entry, fallback: without(fallback, entry.destination.cluster) },
    parts: (route.weight * WEIGHT_TOTAL * entry.weight) / total,
  }));
}

function without(split: Split, lost: ClusterId): Split {
  return split.filter(({ destination }) => destination.cluster !== lost);
}

/** One entry per destination; a fallback that the plan itself gave it wins over a derived one. */
function addShare(shares: Map<string, Share>, share: Share): void {
  const key = keyOf(share.route.destination);
  const before = shares.get(key);
  const fallback = longer(before?.route.fallback ?? [], share.route.fallback);
  shares.set(key, { route: { ...share.route, fallback }, parts: (before?.parts ?? 0) + share.parts });
}

function longer(a: Split, b: Split): Split {
  return a.length >= b.length ? a : b;
}

/** Rounds to weights that sum to WEIGHT_TOTAL by largest remainder; ties go to the smaller name. */
function apportion(shares: readonly Share[]): readonly Route[] {
  const whole = shares.map(({ route, parts }) => ({
    route,
    weight: Math.floor(parts / WEIGHT_TOTAL),
    rest: (parts / WEIGHT_TOTAL) % 1,
  }));
  const missing = WEIGHT_TOTAL - whole.reduce((sum, { weight }) => sum + weight, 0);
  const byRest = whole.toSorted((a, b) => b.rest - a.rest || byDestination(a.route, b.route));
  return byRest
    .map(({ route, weight }, rank) => ({ ...route, weight: rank < missing ? weight + 1 : weight }))
    .filter(({ weight }) => weight > 0)
    .toSorted(byDestination);
}

function byDestination(a: Weighted, b: Weighted): number {
  return compareDestinations(a.destination, b.destination) || compareNames(keyOf(a.destination), keyOf(b.destination));
}
