import type { Destination, DestinationKey, Split, Weighted } from "../model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import type { ClusterId } from "../model/ids.ts";
import type { Route, RouteSet, Rule } from "../model/plan.ts";
import { objection } from "./checked.ts";
import { sameValue } from "./same-value.ts";
import type { Checked, Objection } from "./checked.ts";
import { heldBy, heldWeight, judgeAll, ruleBroken } from "./check-standing.ts";
import type { Judged } from "./check-standing.ts";

/** A route set in its place in the plan. */
export interface Placed {
  readonly cluster: ClusterId;
  readonly routeSet: RouteSet;
  readonly field: string;
}

/**
 * Checks one route set: that it is the service's and the cluster's, that its weights and fallbacks are whole, and that
 * they name only destinations that serve. One that nobody may serve can only stay as it was, or lose fallbacks.
 */
export function checkRouteSet(placed: Placed, checked: Checked): Objection {
  const judged = judgeAll(checked.state, checked.service, placed.cluster);
  const isUnchanged = checked.service.released[placed.cluster] === checked.plan.routeSets[placed.cluster];
  const nobodyServes = judged.every(({ bar, forbidden }) => bar !== undefined || forbidden !== undefined);
  if ((nobodyServes || checked.state.freeze !== undefined) && (isUnchanged || keepsRoutes(placed, checked)))
    return checkForbidden(placed, checked);
  return (
    checkIdentity(placed, checked) ??
    checkRules(placed, judged) ??
    checkForbidden(placed, checked) ??
    checkReaches(placed, checked)
  );
}

/** Whether all is as it was released, but for fallbacks that the policy forbids; what is left of those is whole. */
function keepsRoutes({ cluster, routeSet }: Placed, { state, service }: Checked): boolean {
  const hash = service.released[cluster];
  const before = hash === undefined ? undefined : state.routeSets.get(hash);
  if (before === undefined || !sameValue(bare(routeSet), bare(before)) || !reachesNamed(routeSet)) return false;
  if (!routeSet.reaches.every((reach) => before.reaches.some((had) => sameValue(had, reach)))) return false;
  const isClosed = ({ destination }: Weighted): boolean =>
    ruleBroken({ source: cluster, destination: destination.cluster }, service, state) !== undefined;
  const routes = before.rules.flatMap((rule) => rule.routes);
  return routeSet.rules
    .flatMap((rule) => rule.routes)
    .every(({ fallback }, index) => {
      const left = (routes[index]?.fallback ?? []).filter((entry) => !isClosed(entry));
      const isWhole = fallback.length === 0 || checkWeights(fallback, "") === undefined;
      return isWhole && sameValue(keysOf(fallback), keysOf(left));
    });
}

function keysOf(split: Split): readonly DestinationKey[] {
  return split.map(({ destination }) => keyOf(destination));
}

function bare({ rules, reaches: _reached, ...rest }: RouteSet): object {
  return {
    ...rest,
    rules: rules.map((rule) => ({ ...rule, routes: rule.routes.map((route) => ({ ...route, fallback: [] })) })),
  };
}

function checkIdentity({ cluster, routeSet, field }: Placed, { service }: Checked): Objection {
  const { spec } = service;
  const served = spec.deployments.filter((found) => found.cluster === cluster).map(({ version }) => version);
  const wrong = [
    routeSet.service === spec.service ? "" : `is of ${routeSet.service}`,
    routeSet.cluster === cluster ? "" : `is for ${routeSet.cluster}`,
    routeSet.protocol === spec.protocol && routeSet.port === spec.port ? "" : "has another protocol or port",
    new Set(routeSet.serves).size === routeSet.serves.length ? "" : "serves a version twice",
    new Set([...routeSet.serves, ...served]).size === new Set(served).size ? "" : "serves what is not deployed",
    new Set(served).size === routeSet.serves.length ? "" : "does not serve all that is deployed",
  ].filter((text) => text !== "");
  if (wrong.length === 0) return undefined;
  return objection("PLAN_CHECK_FAILED", field, `the route set planned for ${cluster} ${wrong.join(" and ")}`);
}

function checkRules({ cluster, routeSet, field }: Placed, judged: readonly Judged[]): Objection {
  const last = routeSet.rules.at(-1);
  if (last === undefined || Object.keys(last.match.headers).length > 0)
    return objection("PLAN_CHECK_FAILED", `${field}.rules`, `requests of ${cluster} that match no rule have no route`);
  for (const [index, rule] of routeSet.rules.entries()) {
    const found = checkRule(rule, judged, `${field}.rules[${index}]`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function checkRule({ routes }: Rule, judged: readonly Judged[], field: string): Objection {
  const found = checkWeights(routes, `${field}.routes`);
  if (found !== undefined) return found;
  for (const [index, route] of routes.entries()) {
    const at = `${field}.routes[${index}]`;
    const wrong = checkDestination(route.destination, judged, at) ?? checkFallback(route, judged, at);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function checkWeights(split: Split, field: string): Objection {
  for (const [index, { weight }] of split.entries()) {
    if (Number.isInteger(weight) && weight >= 1 && weight <= WEIGHT_TOTAL) continue;
    return objection("WEIGHT_TYPE", `${field}[${index}].weight`, `${weight} is no weight: 1 to ${WEIGHT_TOTAL}, whole`);
  }
  const sum = split.reduce((total, { weight }) => total + weight, 0);
  if (sum !== WEIGHT_TOTAL) return objection("WEIGHTS_SUM", field, `weights sum to ${sum}, not to ${WEIGHT_TOTAL}`);
  const keys = split.map(({ destination }) => keyOf(destination));
  const isSorted = keys.every((key, index) => index === 0 || (keys[index - 1] ?? "") < key);
  return isSorted ? undefined : objection("PLAN_CHECK_FAILED", field, "destinations are not sorted, each once");
}

function checkDestination(destination: Destination, judged: readonly Judged[], field: string): Objection {
  const key = keyOf(destination);
  const found = judged.find((other) => keyOf(other.destination) === key);
  if (found === undefined) return objection("UNKNOWN_DESTINATION", field, `${key} is not deployed`);
  if (found.bar === undefined) return undefined;
  return objection("NO_SERVING_TARGET", field, `${key} ${found.bar}`);
}

/** What the policy forbids gets no more than it had, and is nobody's fallback. */
function checkForbidden({ cluster, routeSet, field }: Placed, { state, service }: Checked): Objection {
  const held = heldBy(state, service, cluster);
  const ruleFor = ({ destination }: Weighted): string | undefined =>
    ruleBroken({ source: cluster, destination: destination.cluster }, service, state);
  for (const [index, { routes }] of routeSet.rules.entries()) {
    const at = `${field}.rules[${index}].routes`;
    for (const route of routes) {
      const [before, rule] = [heldWeight(held, route.destination), ruleFor(route)];
      if (rule !== undefined && route.weight > before) {
        const text = `${keyOf(route.destination)} may not serve ${cluster} (${rule}): ${before} may not rise to ${route.weight}`;
        return objection("POLICY_FORBIDS", at, text);
      }
      const other = route.fallback.find((entry) => ruleFor(entry) !== undefined);
      if (other === undefined) continue;
      const text = `${keyOf(other.destination)} may not serve ${cluster} (${ruleFor(other) ?? ""}), as a fallback neither`;
      return objection("POLICY_FORBIDS", at, text);
    }
  }
  return undefined;
}

/** What is lost is a cluster, so that no fallback may lead into another version there. */
function checkFallback({ destination, fallback }: Route, judged: readonly Judged[], at: string): Objection {
  const field = `${at}.fallback`;
  const others = judged.filter(
    (found) =>
      found.bar === undefined && found.forbidden === undefined && found.destination.cluster !== destination.cluster,
  );
  if (fallback.length === 0) {
    if (others.length === 0) return undefined;
    const names = others.map((found) => keyOf(found.destination)).join(", ");
    return objection("PLAN_CHECK_FAILED", field, `${keyOf(destination)} has no fallback although ${names} could serve`);
  }
  const found = checkWeights(fallback, field);
  if (found !== undefined) return found;
  for (const entry of fallback) {
    const key = keyOf(entry.destination);
    if (entry.destination.cluster === destination.cluster)
      return objection(
        "PLAN_CHECK_FAILED",
        field,
        `${keyOf(destination)} would fall back to ${key}, which is lost too`,
      );
    const wrong = checkDestination(entry.destination, judged, field);
    if (wrong !== undefined) return wrong;
    const isLeaving = judged.some((other) => other.isLeaving && keyOf(other.destination) === key);
    if (isLeaving && others.some((other) => !other.isLeaving))
      return objection("PLAN_CHECK_FAILED", field, `${keyOf(destination)} would fall back to ${key}, which is leaving`);
  }
  return undefined;
}

/** Whether it says how to reach each destination that a rule or fallback names, once, and no other. */
function reachesNamed({ rules, reaches }: RouteSet): boolean {
  const named = new Set(
    rules
      .flatMap(({ routes }) => routes)
      .flatMap(({ destination, fallback }) => [destination, ...fallback.map((entry) => entry.destination)])
      .map(keyOf),
  );
  const reached = reaches.map(({ destination }) => keyOf(destination));
  return (
    reached.length === named.size && reached.every((key) => named.has(key)) && new Set(reached).size === named.size
  );
}

/** Without a gateway a destination would be looked for at home: that is right for the own cluster and nowhere else. */
function checkReaches({ cluster, routeSet, field }: Placed, { state }: Checked): Objection {
  if (!reachesNamed(routeSet))
    return objection("PLAN_CHECK_FAILED", `${field}.reaches`, "what is reached is not what rules and fallbacks name");
  for (const { destination, gateway } of routeSet.reaches) {
    const other = state.clusters.get(destination.cluster);
    const right = destination.cluster === cluster ? undefined : (other?.spec.gateway ?? other?.gateway);
    if (gateway?.address === right?.address && gateway?.port === right?.port) continue;
    return objection(
      "PLAN_CHECK_FAILED",
      `${field}.reaches`,
      `${keyOf(destination)} would be reached at the wrong address`,
    );
  }
  return undefined;
}
