import type { RouteSet } from "../../../model/plan.ts";
import { encodeRouteSet } from "../../../wire/route-set.ts";

/** The bytes under which a route set is known by its hash. */
export type RouteSetBytes = (routeSet: RouteSet) => Uint8Array;

/**
 * Serialises each route set once and shares the bytes among all streams. Route sets are values of the state, so their
 * bytes live exactly as long as they do.
 */
export function createRouteSetBytes(): RouteSetBytes {
  const made = new WeakMap<RouteSet, Uint8Array>();
  return (routeSet) => {
    const known = made.get(routeSet);
    if (known !== undefined) return known;
    const { bytes } = encodeRouteSet(routeSet);
    made.set(routeSet, bytes);
    return bytes;
  };
}
