import type { Route, RouteSet } from "../../../src/model/plan.ts";
import type { Destination, Split } from "../../../src/model/destination.ts";
import { keyOf, sameSplit } from "../../../src/model/destination.ts";

/** One destination as the proxies know it: with the fallback it has in the rules that send there. */
export interface RenderedDestination {
  readonly destination: Destination;
  readonly fallback: Split;
  /** Tells apart the same destination with different fallbacks; 0 is the one of the last rule, which most requests take. */
  readonly ordinal: number;
}

/** Every (destination, fallback) of a route set, once. */
export function destinationsOf(routeSet: RouteSet): readonly RenderedDestination[] {
  const found: RenderedDestination[] = [];
  for (const rule of routeSet.rules.toReversed()) {
    for (const route of rule.routes) if (ordinalIn(found, route) === undefined) found.push(next(found, route));
  }
  return found;
}

/** The number of a route's destination among those of its route set. */
export function ordinalOf(destinations: readonly RenderedDestination[], route: Route): number {
  return ordinalIn(destinations, route) ?? 0;
}

function ordinalIn(found: readonly RenderedDestination[], route: Route): number | undefined {
  return found.find((other) => isSame(other, route) && sameSplit(other.fallback, route.fallback))?.ordinal;
}

function next(found: readonly RenderedDestination[], { destination, fallback }: Route): RenderedDestination {
  const ordinal = found.filter((other) => isSame(other, { destination })).length;
  return { destination, fallback, ordinal };
}

function isSame(a: { readonly destination: Destination }, b: { readonly destination: Destination }): boolean {
  return keyOf(a.destination) === keyOf(b.destination);
}
