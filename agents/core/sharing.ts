import type { Route, RouteSet, Rule } from "../../src/model/plan.ts";

/**
 * Makes route sets share what is the same in them: where destinations are, how requests are tried again, what takes over. A plan
 * of a thousand services says most of it a thousand times. What it gives equals what it is given; it remembers what it has seen,
 * so it is for one plan.
 */
export function createSharing(): (routeSet: RouteSet) => RouteSet {
  const known = new Map<string, unknown>();
  const share = <T>(value: T): T => {
    const text = JSON.stringify(value);
    const before = known.get(text);
    if (before !== undefined) return before as T;
    known.set(text, value);
    return value;
  };
  const shareRoute = ({ destination, fallback, ...rest }: Route): Route => ({
    ...rest,
    destination: share(destination),
    fallback: share(fallback),
  });
  const shareRule = ({ match, routes }: Rule): Rule => ({ match: share(match), routes: routes.map(shareRoute) });
  return ({ rules, reaches, serves, request, ...rest }) => ({
    ...rest,
    rules: rules.map(shareRule),
    reaches: share(reaches),
    serves: share(serves),
    request: share(request),
  });
}
