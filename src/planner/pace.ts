import type { ClusterState } from "../model/cluster.ts";
import type { DestinationKey } from "../model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import type { FleetState, Rollout, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId, RouteSetHash } from "../model/ids.ts";
import type { Observed } from "../model/observed.ts";
import type { Settings } from "../model/settings.ts";
import { percent, splitOf } from "./released.ts";
import { demandOf } from "./room.ts";
import { drainsOf, runningShifts } from "./urgency.ts";

/** What gates are judged by besides the state. */
export interface PaceContext {
  readonly observed: Observed;
  readonly settings: Settings;
  /** Time of the decision, ms. */
  readonly atMs: number;
}

/**
 * Whether the wave that was released last has done well enough for the next. `waits` passes by itself; `holds` needs
 * something to come back or somebody to act. The words hold no number that moves, so that they change only with the cause.
 */
export type Gate =
  | { readonly kind: "open" }
  | { readonly kind: "waits"; readonly for: string }
  | { readonly kind: "holds"; readonly for: string };

const OPEN: Gate = { kind: "open" };

/** The first reason to wait wins; what needs a person comes first (table "Speeds" of the architecture). */
export function gateOf(state: FleetState, service: ServiceState, context: PaceContext): Gate {
  const { rollout } = service;
  if (rollout === undefined || rollout.isSettled) return OPEN;
  const place: Place = { state, service, rollout, context };
  const gates = [refused, replanned, frozen, blind, unacknowledged, diverted, unseen, baking];
  for (const gate of gates) {
    const found = gate(place);
    if (found.kind !== "open") return found;
  }
  return OPEN;
}

interface Place {
  readonly state: FleetState;
  readonly service: ServiceState;
  readonly rollout: Rollout;
  readonly context: PaceContext;
}

/** An agent or its mesh said no: its own words, until an operator aborts or declares something else. */
function refused({ service, rollout, context }: Place): Gate {
  const { clusters } = context.observed;
  const refusing = releasedClusters(service, rollout).filter((name) => (clusters[name]?.refusals.length ?? 0) > 0);
  for (const cluster of refusing.toSorted(compareNames)) {
    const found = clusters[cluster]?.refusals.find(
      (refusal) => refusal.service === service.spec.service && refusal.hash === rollout.plan.routeSets[cluster],
    );
    if (found !== undefined) return holds(`${cluster} refused it: ${found.code} ${found.detail}`.trim().slice(0, 500));
  }
  return OPEN;
}

/** A step that is about to be replaced by a more urgent one goes no further. */
function replanned({ service }: Place): Gate {
  const cause = service.inputsCause;
  const isReplaced = cause === "operator" || cause === "lost" || cause === "abort";
  return isReplaced ? waits("a newer plan") : OPEN;
}

function frozen({ state, rollout }: Place): Gate {
  if (state.freeze === undefined || rollout.plan.urgency !== "routine") return OPEN;
  return holds(`the fleet is frozen: ${state.freeze.reason}`);
}

/** Unknown freezes what an operator asked for where it is touched; nothing else waits for a cluster that nobody hears. */
function blind({ state, rollout }: Place): Gate {
  if (rollout.plan.urgency !== "operator") return OPEN;
  const unknown = touchedClusters(state, rollout).filter((name) => isUnknown(state.clusters.get(name)));
  return unknown.length === 0 ? OPEN : holds(`${unknown.join(", ")} to be heard again; nothing is known of it`);
}

function unacknowledged({ state, service, rollout, context }: Place): Gate {
  const concerned = new Set([...waveOf(rollout), ...changedClusters(service, rollout)]);
  const late = [...concerned].filter(
    (cluster) =>
      context.observed.clusters[cluster]?.appliedHashes[service.spec.service] !== rollout.plan.routeSets[cluster],
  );
  const missing = answerable(state, late);
  return missing.length === 0 ? OPEN : waits(`${missing.toSorted(compareNames).join(", ")} to apply it`);
}

/** An agent on its own fallback sends elsewhere than the plan says, so nothing can be learned from its shares. */
function diverted({ state, rollout, context }: Place): Gate {
  if (rollout.plan.urgency !== "operator") return OPEN;
  const found = answerable(state, waveOf(rollout)).filter((cluster) => context.observed.clusters[cluster]?.hasFallback);
  return found.length === 0 ? OPEN : holds(`${found.toSorted(compareNames).join(", ")} to end its own fallback`);
}

/** A missing verdict stops: where there is traffic, it must have been seen to go where it should since the release. */
function unseen(place: Place): Gate {
  const { state, service, rollout, context } = place;
  if (rollout.plan.urgency !== "operator") return OPEN;
  for (const cluster of answerable(state, changedClusters(service, rollout))) {
    const found = context.observed.clusters[cluster]?.traffic[service.spec.service];
    if (found === undefined && isStillDue(place, cluster)) return waits(`a full window of traffic of ${cluster}`);
    if (found === undefined || found.requests < context.settings.observedRequestsMin) continue;
    if (found.windowStartedAtMs < rollout.waveReleasedAtMs) return waits(`a full window of traffic of ${cluster}`);
    const astray = strayed(place, cluster);
    if (astray === undefined) continue;
    return waits(
      `the share that ${cluster} sends to ${astray} to come within ${percent(service.spec.pace.toleranceWeight)}`,
    );
  }
  return OPEN;
}

/** Heartbeats come before windows: to a planner that began to listen a moment ago, a sender's silence is no verdict. */
function isStillDue({ service, context: { observed, settings } }: Place, cluster: ClusterId): boolean {
  return observed.collectingForMs < settings.coldStartMs && demandOf(service, cluster) > 0;
}

/** Requests take their destination at random: this many standard deviations of their count are chance. */
const CHANCE_DEVIATIONS = 3;

/** A destination whose observed share is further from the intended one than the tolerance and chance allow. */
function strayed({ state, service, rollout, context }: Place, cluster: ClusterId): DestinationKey | undefined {
  const found = context.observed.clusters[cluster]?.traffic[service.spec.service];
  const split = splitOf(state, rollout.plan.routeSets[cluster]);
  if (found === undefined || split === undefined) return undefined;
  // Nobody knows how many requests match a rule: where those go is not judged, and the others by what is left.
  const apart = matchedBy(state, rollout.plan.routeSets[cluster]);
  const judged = new Map(split.map(({ destination, weight }) => [keyOf(destination), weight / WEIGHT_TOTAL]));
  const keys = [...new Set([...judged.keys(), ...(Object.keys(found.shares) as DestinationKey[])])].filter(
    (key) => !apart.has(key),
  );
  const sumOf = (shareOf: (key: DestinationKey) => number): number => keys.reduce((sum, key) => sum + shareOf(key), 0);
  const [intended, seen] =
    apart.size === 0 ? [1, 1] : [sumOf((key) => judged.get(key) ?? 0), sumOf((key) => found.shares[key] ?? 0)];
  if (intended === 0 || seen === 0) return undefined;
  return keys.toSorted(compareNames).find((key) => {
    const share = (judged.get(key) ?? 0) / intended;
    const chance = CHANCE_DEVIATIONS * Math.sqrt((share * (1 - share)) / (found.requests * seen));
    return (
      Math.abs((found.shares[key] ?? 0) / seen - share) > service.spec.pace.toleranceWeight / WEIGHT_TOTAL + chance
    );
  });
}

/** Where requests go that rules take apart by what they look like. */
function matchedBy(state: FleetState, hash: RouteSetHash | undefined): ReadonlySet<DestinationKey> {
  const rules = (hash === undefined ? undefined : state.routeSets.get(hash))?.rules.slice(0, -1) ?? [];
  return new Set(rules.flatMap(({ routes }) => routes.map(({ destination }) => keyOf(destination))));
}

/** Operators' waves are watched for their bake before the next; an emergency is watched after it is done. */
function baking({ state, service, rollout, context }: Place): Gate {
  const bakeMs = bakeOf({ state, service, rollout, context });
  return context.atMs - rollout.waveReleasedAtMs >= bakeMs ? OPEN : waits(`${bakeMs / 1_000} s of watching`);
}

function bakeOf({ state, service, rollout, context }: Place): number {
  const { urgency, waves } = rollout.plan;
  if (urgency === "routine") return 0;
  if (urgency === "emergency") return rollout.waveIndex < waves.length - 1 ? 0 : context.settings.emergencyWatchMs;
  const shifts = runningShifts(state, service);
  const drains = drainsOf(state, service);
  if (shifts.length + drains.length === 0) return service.spec.pace.bakeMs;
  const baking = drains.map((drain) => (isPast(drain.deadlineAtMs, context.atMs) ? 0 : drain.bakeMs));
  return Math.max(...shifts.map(({ bakeMs }) => bakeMs), ...baking);
}

function isPast(deadlineAtMs: number | undefined, atMs: number): boolean {
  return deadlineAtMs !== undefined && deadlineAtMs <= atMs;
}

/** Clusters of the wave that was released last. */
function waveOf({ plan, waveIndex }: Rollout): readonly ClusterId[] {
  return plan.waves[waveIndex] ?? [];
}

/** Clusters that were told something new in this step, or in one before it that never settled. */
function changedClusters({ released }: ServiceState, { plan, changes }: Rollout): readonly ClusterId[] {
  return changes.filter((cluster) => released[cluster] === plan.routeSets[cluster]);
}

/** Every cluster that this step has been released to by now. */
function releasedClusters({ released }: ServiceState, { plan, waveIndex }: Rollout): readonly ClusterId[] {
  const clusters = plan.waves.slice(0, waveIndex + 1).flat();
  return clusters.filter((cluster) => released[cluster] === plan.routeSets[cluster]);
}

/** Those that can be expected to answer: members that are neither dead nor unknown nor shut out. */
function answerable(state: FleetState, clusters: readonly ClusterId[]): readonly ClusterId[] {
  return clusters.filter((cluster) => {
    const found = state.clusters.get(cluster);
    if (found === undefined || found.membership !== "active" || found.isQuarantined) return false;
    return found.verdict !== "dead" && !isUnknown(found);
  });
}

/** The clusters to which this step brings something new, and those that they are told to send to. */
function touchedClusters(state: FleetState, { plan, changes }: Rollout): readonly ClusterId[] {
  const touched = new Set<ClusterId>(changes);
  for (const cluster of changes) {
    for (const { destination } of splitOf(state, plan.routeSets[cluster]) ?? []) touched.add(destination.cluster);
  }
  return [...touched].toSorted(compareNames);
}

function isUnknown(cluster: ClusterState | undefined): boolean {
  return cluster?.verdict === "unknown";
}

function waits(reason: string): Gate {
  return { kind: "waits", for: reason };
}

function holds(reason: string): Gate {
  return { kind: "holds", for: reason };
}
