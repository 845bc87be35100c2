import type { Destination, DestinationKey, Split } from "../model/destination.ts";
import { compareDestinations, keyOf, sameSplit } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId, RouteSetHash, ServiceId } from "../model/ids.ts";
import type { Reason } from "../model/plan.ts";
import type { Settings } from "../model/settings.ts";
import { inputsDigest } from "./inputs-digest.ts";
import { outlookOf } from "./outlook.ts";
import { planServices } from "./plan.ts";
import type { ServicePlanning } from "./plan.ts";
import { deployedCapacity } from "./readiness.ts";
import { loadsOf } from "./target.ts";

/** Steps that a preview shows at most; a shift of more is cut off and says so. */
const PREVIEW_STEPS_MAX = 200;

/** What one destination gets before and after a step. */
export interface PreviewLoad {
  readonly destination: Destination;
  readonly beforeRps: number;
  readonly afterRps: number;
  /** Undefined when nobody declared or reported it. */
  readonly capacityRps?: number;
}

/** Splits of every source after a step, and what that does to destinations. */
export interface PreviewStep {
  readonly splits: Readonly<Record<ClusterId, Split>>;
  readonly loads: readonly PreviewLoad[];
}

/** What would happen, step by step, if nothing else moved meanwhile. */
export interface Preview {
  /** Splits of every source as released now. */
  readonly before: Readonly<Record<ClusterId, Split>>;
  readonly steps: readonly PreviewStep[];
  /** Why the splits of the last step are as they are. */
  readonly reasons: readonly Reason[];
  /** Names what it was computed from; a request may pin it. */
  readonly digest: string;
  /** Whether the last step shown is the last there is; otherwise something holds the rest up, or there are too many. */
  readonly isComplete: boolean;
}

/** A fleet as it is, and as it would be once a command was admitted. */
export interface Hypothesis {
  readonly service: ServiceId;
  readonly before: FleetState;
  readonly after: FleetState;
}

/** Shows the steps that a hypothetical state leads to, by the functions that plan the real one. Changes nothing. */
export function previewSteps({ service, before, after }: Hypothesis, settings: Settings): Preview {
  const steps: PreviewStep[] = [];
  let [state, last] = [after, planningOf(after, service, settings)];
  const splitsBefore = splitsOf(before, service);
  while (last !== undefined && steps.length < PREVIEW_STEPS_MAX && moves(state, last)) {
    steps.push(stepOf(state, last));
    state = afterStep(state, last);
    if (last.isFinalStep) break;
    last = planningOf(state, service, settings) ?? last;
  }
  return {
    before: splitsBefore,
    steps,
    reasons: last?.reasons ?? [],
    digest: inputsDigest(before, service),
    isComplete: last?.isFinalStep ?? true,
  };
}

function planningOf(state: FleetState, service: ServiceId, settings: Settings): ServicePlanning | undefined {
  return planServices(state, [service], settings).at(0);
}

function splitsOf(state: FleetState, name: ServiceId): Readonly<Record<ClusterId, Split>> {
  const service = state.services.get(name);
  if (service === undefined) return {};
  const sources = outlookOf(state, service);
  return Object.fromEntries(sources.flatMap(({ cluster, now }) => (now === undefined ? [] : [[cluster, now]])));
}

function moves(state: FleetState, planning: ServicePlanning): boolean {
  const now = splitsOf(state, planning.service);
  return namesOf(planning.splits).some((name) => !sameSplit(now[name] ?? [], planning.splits[name] ?? []));
}

function namesOf(splits: Readonly<Record<ClusterId, Split>>): readonly ClusterId[] {
  return (Object.keys(splits) as ClusterId[]).toSorted(compareNames);
}

function stepOf(state: FleetState, planning: ServicePlanning): PreviewStep {
  const service = state.services.get(planning.service);
  return { splits: planning.splits, loads: service === undefined ? [] : loadsBeside({ state, service, planning }) };
}

interface Moment {
  readonly state: FleetState;
  readonly service: ServiceState;
  readonly planning: ServicePlanning;
}

function loadsBeside({ state, service, planning }: Moment): readonly PreviewLoad[] {
  const sources = outlookOf(state, service);
  const now = splitsOf(state, planning.service);
  const before = loadsOf(new Map(namesOf(now).map((name) => [name, now[name] ?? []])), sources);
  const after = loadsOf(new Map(namesOf(planning.splits).map((name) => [name, planning.splits[name] ?? []])), sources);
  return destinationsIn([...Object.values(now), ...Object.values(planning.splits)]).map((destination) => {
    const capacityRps = deployedCapacity(service, destination);
    return {
      destination,
      beforeRps: before.get(keyOf(destination)) ?? 0,
      afterRps: after.get(keyOf(destination)) ?? 0,
      ...(capacityRps !== undefined && { capacityRps }),
    };
  });
}

function destinationsIn(splits: readonly Split[]): readonly Destination[] {
  const byKey = new Map<DestinationKey, Destination>();
  for (const { destination } of splits.flat()) byKey.set(keyOf(destination), destination);
  return [...byKey.values()].toSorted(compareDestinations);
}

/** The state once every cluster has applied the step, under names instead of hashes: nobody else sees it. */
function afterStep(state: FleetState, { service: name, routeSets }: ServicePlanning): FleetState {
  const service = state.services.get(name);
  if (service === undefined) return state;
  const { inputsCause: _planned, ...settled } = service;
  const stored = new Map(state.routeSets);
  const released: Record<ClusterId, RouteSetHash> = {};
  for (const [cluster, routeSet] of Object.entries(routeSets)) {
    const hash = `preview:${name}:${cluster}` as RouteSetHash;
    stored.set(hash, routeSet);
    released[cluster as ClusterId] = hash;
  }
  return { ...state, routeSets: stored, services: new Map([...state.services, [name, { ...settled, released }]]) };
}
