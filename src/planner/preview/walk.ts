import { sameSplit } from "../../model/destination.ts";
import type { FleetState } from "../../model/fleet.ts";
import { compareNames } from "../../model/ids.ts";
import type { ClusterId, RouteSetHash, ServiceId } from "../../model/ids.ts";
import type { Settings } from "../../model/settings.ts";
import type { RouteSet } from "../../model/plan.ts";
import type { Splits } from "../../model/preview.ts";
import { planServices } from "../plan.ts";
import type { ServicePlanning } from "../plan.ts";
import { releasedSplit, sourcesOf } from "../released.ts";

/** Steps that a preview shows at most; a change of more is cut off and says so. */
export const PREVIEW_STEPS_MAX = 200;

/** A step, and the state that it was planned on. */
export interface WalkedStep {
  readonly state: FleetState;
  readonly planning: ServicePlanning;
}

/** All steps of a service from a state on. */
export interface Walk {
  readonly steps: readonly WalkedStep[];
  /** The last planning; undefined: there is no such service. */
  readonly last: ServicePlanning | undefined;
  /** The state once every cluster has applied the last step. */
  readonly end: FleetState;
  /** Whether the last step is the last there is; otherwise something holds the rest up, or there are too many. */
  readonly isComplete: boolean;
}

/** Takes the steps that a service would take if nothing else moved meanwhile, by the functions that plan the real ones. */
export function walk(start: FleetState, service: ServiceId, settings: Settings): Walk {
  const walking = walkSteps(start, service, settings);
  for (;;) {
    const { done, value } = walking.next();
    if (done === true) return value;
  }
}

/** As `walk`, one planning after the other, for who has something else to do in between. */
export function* walkSteps(
  start: FleetState,
  service: ServiceId,
  settings: Settings,
): Generator<undefined, Walk, undefined> {
  const steps: WalkedStep[] = [];
  let state = alone(start, service);
  let last = planningOf(state, service, settings);
  while (last !== undefined && steps.length < PREVIEW_STEPS_MAX && moves(state, last)) {
    steps.push({ state, planning: last });
    state = afterStep(state, last);
    if (last.isFinalStep) break;
    yield;
    last = planningOf(state, service, settings) ?? last;
  }
  return { steps, last, end: state, isComplete: last?.isFinalStep ?? true };
}

/** The fleet with one service alone: no plan looks at another's, and each step copies what there is. */
function alone(state: FleetState, name: ServiceId): FleetState {
  const service = state.services.get(name);
  if (service === undefined) return state;
  const hashes = new Set(Object.values(service.released));
  const routeSets = new Map(
    [...hashes].flatMap((hash) => {
      const routeSet = state.routeSets.get(hash);
      return routeSet === undefined ? [] : [[hash, routeSet] as const];
    }),
  );
  return { ...state, services: new Map([[name, service]]), routeSets };
}

function planningOf(state: FleetState, service: ServiceId, settings: Settings): ServicePlanning | undefined {
  return planServices(state, [service], settings).at(0);
}

/** Splits of every source as released. */
export function splitsOf(state: FleetState, name: ServiceId): Splits {
  const service = state.services.get(name);
  if (service === undefined) return {};
  const sources = sourcesOf(service).filter((source) => state.clusters.get(source)?.membership === "active");
  return Object.fromEntries(
    sources.flatMap((source) => {
      const split = releasedSplit(state, service, source);
      return split === undefined ? [] : [[source, split]];
    }),
  );
}

function moves(state: FleetState, planning: ServicePlanning): boolean {
  const now = splitsOf(state, planning.service);
  return namesOf(planning.splits).some((name) => !sameSplit(now[name] ?? [], planning.splits[name] ?? []));
}

/** Sources that splits name, sorted. */
export function namesOf(splits: Splits): readonly ClusterId[] {
  return (Object.keys(splits) as ClusterId[]).toSorted(compareNames);
}

/** The state once every cluster has applied the step, under names instead of hashes: nobody else sees it. */
function afterStep(state: FleetState, { service: name, routeSets }: ServicePlanning): FleetState {
  const service = state.services.get(name);
  if (service === undefined) return state;
  const { inputsCause: _planned, ...settled } = service;
  const stored = new Map<RouteSetHash, RouteSet>();
  const released: Record<ClusterId, RouteSetHash> = { ...service.released };
  for (const [cluster, routeSet] of Object.entries(routeSets)) {
    const hash = `preview:${name}:${cluster}` as RouteSetHash;
    stored.set(hash, routeSet);
    released[cluster as ClusterId] = hash;
  }
  // Who has no new route set keeps the one that it was told last.
  for (const hash of Object.values(service.released)) {
    const routeSet = state.routeSets.get(hash);
    if (routeSet !== undefined && !stored.has(hash)) stored.set(hash, routeSet);
  }
  return { ...state, routeSets: stored, services: new Map([[name, { ...settled, released }]]) };
}
