import { sameSplit } from "../model/destination.ts";
import type { Split } from "../model/destination.ts";
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
 * In which order a step is released. Receivers first (make before break): clusters that serve other versions than
 * before, or take requests of others for the first time. Then an operator's change goes to one sender, the one that
 * moves the fewest requests, before the rest; a routine change to all at once. An emergency does not wait at all.
 */
export function wavesOf(
  changes: readonly Change[],
  urgency: Urgency,
  state: FleetState,
): readonly (readonly ClusterId[])[] {
  if (changes.length === 0) return [];
  if (urgency === "emergency") return [namesOf(changes)];
  const arriving = newlyCalled(changes);
  const receivers = changes.filter((change) => servesAnew(change) || arriving.has(change.cluster));
  // A first wave that changes nobody would only cost its time.
  const first = receivers.some(differs) ? receivers : [];
  const senders = changes.filter((change) => !first.includes(change));
  const waves = [first, ...(urgency === "operator" ? oneThenRest(senders, state) : [senders])];
  return waves.filter((wave) => wave.length > 0).map(namesOf);
}

function servesAnew({ before, after }: Change): boolean {
  if (before === undefined) return after.serves.length > 0;
  return before.serves.join() !== after.serves.join();
}

/** Clusters that others send requests to after the step, and nobody did before. */
function newlyCalled(changes: readonly Change[]): ReadonlySet<ClusterId> {
  const called = (routeSet: RouteSet | undefined, source: ClusterId) =>
    routeSet === undefined ? [] : calledClusters(splitOf(routeSet)).filter((cluster) => cluster !== source);
  const before = new Set(changes.flatMap((change) => called(change.before, change.cluster)));
  return new Set(changes.flatMap((change) => called(change.after, change.cluster)).filter((name) => !before.has(name)));
}

function calledClusters(split: Split): readonly ClusterId[] {
  return split.map(({ destination }) => destination.cluster);
}

/** Those whose weights stay ride along with the first: what may hurt is weight that moves. */
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
  return before !== undefined && !sameSplit(splitOf(before), splitOf(after));
}

function differs({ before, after }: Change): boolean {
  return before === undefined || !sameValue(before, after);
}

function namesOf(changes: readonly Change[]): readonly ClusterId[] {
  return changes.map(({ cluster }) => cluster).toSorted(compareNames);
}
