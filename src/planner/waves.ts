import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";
import type { RouteSet, Urgency } from "../model/plan.ts";
import type { FleetState } from "../model/fleet.ts";
import { distanceBetween } from "./apportion.ts";
import { splitOf } from "./outlook.ts";
import { sameValue } from "./same-value.ts";

/** One cluster's route set before and after the step. */
export interface Change {
  readonly cluster: ClusterId;
  readonly demandRps: number;
  readonly before?: RouteSet;
  readonly after: RouteSet;
}

/**
 * In which order a step is released. Receivers first (make before break): clusters whose gateway is to serve something
 * it did not serve before. Then an operator's change goes to one sender, the one that moves the fewest requests, before
 * the rest; a routine change to all at once. An emergency does not wait at all.
 */
export function wavesOf(
  changes: readonly Change[],
  urgency: Urgency,
  state: FleetState,
): readonly (readonly ClusterId[])[] {
  if (changes.length === 0) return [];
  if (urgency === "emergency") return [namesOf(changes)];
  const receivers = changes.filter(servesAnew);
  const senders = changes.filter((change) => !receivers.includes(change));
  const waves = [receivers, ...(urgency === "operator" ? oneThenRest(senders, state) : [senders])];
  return waves.filter((wave) => wave.length > 0).map(namesOf);
}

function servesAnew({ before, after }: Change): boolean {
  return after.serves.some((version) => before?.serves.includes(version) !== true);
}

/** Those that route as before ride along with the first: what may hurt is a change in where and how requests go. */
function oneThenRest(senders: readonly Change[], state: FleetState): readonly (readonly Change[])[] {
  const movers = senders.filter(moves).toSorted((a, b) => compareMovers(a, b, state));
  const [canary, ...rest] = movers;
  if (canary === undefined) return [senders];
  return [[canary, ...senders.filter((change) => !moves(change))], rest];
}

function compareMovers(a: Change, b: Change, state: FleetState): number {
  return (
    Number(!isWatchable(a, state)) - Number(!isWatchable(b, state)) ||
    movedRps(a) - movedRps(b) ||
    a.demandRps - b.demandRps ||
    compareNames(a.cluster, b.cluster)
  );
}

/** A cluster that reports nothing would prove nothing as the first. */
function isWatchable({ cluster, demandRps }: Change, state: FleetState): boolean {
  return demandRps > 0 && state.clusters.get(cluster)?.verdict === "healthy";
}

function movedRps({ before, after, demandRps }: Change): number {
  return before === undefined ? 0 : demandRps * distanceBetween(splitOf(before), splitOf(after));
}

function moves({ before, after }: Change): boolean {
  return before !== undefined && !sameValue(essenceOf(before), essenceOf(after));
}

/** What of a route set decides where and how requests go while nothing is lost. */
function essenceOf(routeSet: RouteSet) {
  const { protocol, port, request } = routeSet;
  return { protocol, port, request, split: splitOf(routeSet) };
}

function namesOf(changes: readonly Change[]): readonly ClusterId[] {
  return changes.map(({ cluster }) => cluster).toSorted(compareNames);
}
