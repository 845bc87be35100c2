import type { DestinationKey, Split } from "../model/destination.ts";
import { sameSplit } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId, ServiceId, Version } from "../model/ids.ts";
import type { Reason, RouteSet, Urgency } from "../model/plan.ts";
import { assert } from "../model/result.ts";
import type { Settings } from "../model/settings.ts";
import { waterfall } from "./allocate.ts";
import type { Allocator } from "./allocate.ts";
import { destinationsMaxOf } from "./capability.ts";
import { worthwhile } from "./dead-band.ts";
import { ladder, ladderWithoutSearch } from "./ladder.ts";
import { matchRulesOf } from "./match-rules.ts";
import { outlookOf } from "./outlook.ts";
import type { SourceOutlook } from "./outlook.ts";
import { withinBudget } from "./reasons/budget.ts";
import { explain } from "./reasons/explain.ts";
import { transitOf } from "./reasons/transit.ts";
import { settleKeepingRoom } from "./reserve.ts";
import { isReleasing, releasedFlows } from "./release.ts";
import { reliefOf } from "./relief.ts";
import { routeSetOf, withAllowedFallbacks } from "./route-sets.ts";
import { enduringFallbacks } from "./standing-fallbacks.ts";
import { stepAll } from "./step.ts";
import type { Move, Step } from "./step.ts";
import { stepLimitOf } from "./step-limit.ts";
import { allowedOffers, capacitiesOf, forbiddenWeight, loadsOf, settle } from "./target.ts";
import type { Planning, Target } from "./target.ts";
import { drainsOf, runningShifts } from "./urgency.ts";
import { valuationOf } from "./valuation.ts";
import type { Valuation } from "./valuation.ts";
import { wavesOf } from "./waves.ts";
import { emergencyWishOf, holdingShift, isConcerned, isInFlight, isResting, isRoutable, wishOf } from "./wishes.ts";

/** The next step of one service, by value: whoever encodes the route sets makes it a `Proposal`. */
export interface ServicePlanning {
  readonly service: ServiceId;
  /** `inputsSequence` of the service that it was computed from. */
  readonly inputsSequence: number;
  /** What each source cluster shall send where after this step. */
  readonly splits: Readonly<Record<ClusterId, Split>>;
  readonly routeSets: Readonly<Record<ClusterId, RouteSet>>;
  readonly urgency: Urgency;
  readonly waves: readonly (readonly ClusterId[])[];
  readonly reasons: readonly Reason[];
  readonly isFinalStep: boolean;
}

/**
 * Computes the next step of each named service; unknown services are left out. It depends on the committed state alone,
 * never on reports in memory, so that any past plan can be computed again from the log and compared.
 */
export function planServices(
  state: FleetState,
  services: readonly ServiceId[],
  settings: Settings,
): readonly ServicePlanning[] {
  const search = settings.allocation === "optimum" ? ladder : waterfall;
  return planEach(state, services, (service) => planService(state, service, { settings, allocator: search }));
}

/** The same by what needs no search, for want of time; `because` is said in the reasons. */
export function planWithoutSearch(
  state: FleetState,
  services: readonly ServiceId[],
  { settings, because }: { readonly settings: Settings; readonly because: string },
): readonly ServicePlanning[] {
  const allocator = settings.allocation === "optimum" ? ladderWithoutSearch(because) : waterfall;
  return planEach(state, services, (service) => planService(state, service, { settings, allocator, isHasty: true }));
}

function planEach(
  state: FleetState,
  services: readonly ServiceId[],
  plan: (service: ServiceState) => ServicePlanning,
): readonly ServicePlanning[] {
  return [...new Set(services)].toSorted(compareNames).flatMap((name) => {
    const service = state.services.get(name);
    return service === undefined ? [] : [plan(service)];
  });
}

/** What services are divided by. */
interface Means extends Pick<Planning, "isHasty"> {
  readonly settings: Settings;
  readonly allocator: Allocator;
}

/** Who is eligible → where to → how far now → what if somebody is lost → in which order, and why. */
function planService(state: FleetState, service: ServiceState, means: Means): ServicePlanning {
  const sources = outlookOf(state, service).filter(isRoutable);
  const bare = withRelease({ state, service, ...means, valuation: valuationFor(service, sources), sources });
  const wishes = sources.map((source) => wishOf(source, bare));
  const { targets: wanted, overload, ...kept } = settleKeepingRoom(wishes, bare);
  const planning: Planning = { ...bare, ...kept };
  const isEmergency = wanted.some((target) => isConcerned(target, planning));
  const calm = isEmergency ? "emergency" : calmUrgency(wanted, planning);
  const isWeighed = calm === "routine" && means.settings.allocation === "optimum";
  const targets = isWeighed ? worthwhile(wanted, planning) : wanted;
  // What is kept free for a loss is there to be used by one.
  const rescue = isEmergency ? rescueOf(targets, bare) : undefined;
  const { steps, urgency } =
    rescue === undefined ? orderlyPace(targets, calm, planning) : { steps: rescue.map(stepAtOnce), urgency: calm };
  const routeSets = routeSetsOf(steps, planning);
  return {
    service: service.spec.service,
    inputsSequence: service.inputsSequence,
    splits: Object.fromEntries(steps.map(({ source, split }) => [source, split])),
    routeSets: Object.fromEntries(routeSets),
    urgency,
    waves: wavesOf(changesTo(routeSets, planning), urgency, state),
    reasons: reasonsFor({ targets, steps, rescue, overload }, planning),
    isFinalStep: targets.every((target, index) => isReached(target, steps[index], planning)),
  };
}

function withRelease(planning: Planning): Planning {
  const released = releasedFlows(planning);
  return released === undefined ? planning : { ...planning, released };
}

/** What the service's bytes weigh. */
function valuationFor({ spec }: ServiceState, sources: readonly SourceOutlook[]): Valuation {
  return valuationOf(spec, () => sources.flatMap(({ offers }) => offers.map((offer) => offer.egressDollarsPerGb)));
}

/** What an emergency makes of the sources: lost and aborted shares move at once, nothing else moves. */
function rescueOf(targets: readonly Target[], planning: Planning): readonly Target[] {
  const wishes = targets.map((target) => emergencyWishOf(target, planning));
  return settle(wishes, planning).targets;
}

function stepAtOnce({ source, split }: Target): Step {
  return { source: source.cluster, split, moved: 0, bound: "none" };
}

/** Steps, and how fast they may go. */
interface Pace {
  readonly steps: readonly Step[];
  readonly urgency: Urgency;
}

/**
 * One step towards the targets, within the limits; a source that has nothing yet starts at its target. Where somebody has too
 * much already, nothing that moves by itself keeps to step limits.
 */
function orderlyPace(targets: readonly Target[], urgency: Urgency, planning: Planning): Pace {
  const { service, sources, settings } = planning;
  const now = new Map(targets.map(({ source, split }) => [source.cluster, source.now ?? split]));
  const then = new Map(targets.map(({ source, split }) => [source.cluster, split]));
  const moves = targets.map(({ source, split }) => ({
    source: source.cluster,
    demandRps: source.demandRps,
    now: source.now ?? split,
    target: split,
    maxStepWeight: stepLimitOf(source, planning),
    ...destinationsMaxOfSource(source, planning),
  }));
  const surroundings = {
    service: service.spec.service,
    loadsNow: loadsOf(now, sources),
    loadsThen: loadsOf(then, sources),
    capacities: capacitiesOf(sources),
    utilisationMax: settings.stepUtilisationMax,
    ...(urgency === "routine" && { onloadMax: settings.onloadMax }),
  };
  const steps = stepAll(moves, surroundings);
  const relief = urgency === "routine" ? reliefOf(moves, steps, surroundings) : undefined;
  return relief === undefined ? { steps, urgency } : { steps: relief, urgency: "emergency" };
}

function destinationsMaxOfSource({ cluster }: SourceOutlook, { state }: Planning): Pick<Move, "destinationsMax"> {
  const destinationsMax = destinationsMaxOf(state.clusters.get(cluster));
  return destinationsMax === Infinity ? {} : { destinationsMax };
}

/** Emergencies aside: an operator's change goes in waves, anything else at once. */
function calmUrgency(wanted: readonly Target[], planning: Planning): Urgency {
  const { state, service, sources } = planning;
  const isOperated =
    service.inputsCause === "operator" ||
    sources.some((source) => forbiddenWeight(source) > 0 && allowedOffers(source).length > 0) ||
    runningShifts(state, service).length > 0 ||
    drainsOf(state, service).length > 0 ||
    isReleasing(wanted, planning);
  return isOperated ? "operator" : "routine";
}

function routeSetsOf(steps: readonly Step[], planning: Planning): ReadonlyMap<ClusterId, RouteSet> {
  const { state, service, settings, sources } = planning;
  const splits = new Map(steps.map(({ source, split }) => [source, split]));
  const { spec } = service;
  const fallbacks = enduringFallbacks({ ...settings, spec, allocator: waterfall, sources, splits });
  return new Map(
    sources.map((source) => {
      const { cluster, released } = source;
      if (released !== undefined && isResting(source, planning))
        return [cluster, withAllowedFallbacks(released, state, service)];
      const split = splits.get(cluster) ?? [];
      const matching = matchRulesOf(source, planning);
      const routing = {
        cluster,
        split,
        fallbacks: fallbacks.get(cluster) ?? new Map<DestinationKey, Split>(),
        matching,
      };
      return [cluster, routeSetOf(routing, state, service)];
    }),
  );
}

function changesTo(routeSets: ReadonlyMap<ClusterId, RouteSet>, { sources }: Planning) {
  return sources.map(({ cluster, demandRps, released }) => {
    const after = routeSets.get(cluster);
    assert(after !== undefined, "every routable source has a route set");
    return { cluster, demandRps, after, ...(released !== undefined && { before: released }) };
  });
}

interface Reckoning {
  readonly targets: readonly Target[];
  readonly steps: readonly Step[];
  readonly rescue: readonly Target[] | undefined;
  readonly overload: ReadonlyMap<Version, number>;
}

function reasonsFor({ targets, steps, rescue, overload }: Reckoning, planning: Planning): readonly Reason[] {
  const loads = loadsOf(new Map(targets.map(({ source, split }) => [source.cluster, split])), planning.sources);
  const transit = transitOf(targets, steps, planning);
  const reasons = targets.flatMap((target, index) => {
    const [step, emergency] = [steps[index], rescue?.[index]];
    assert(step !== undefined, "every target has its step");
    return explain({ target, step, overload, loads, transit, ...(emergency !== undefined && { emergency }) }, planning);
  });
  return withinBudget(reasons);
}

/** Whether a source needs no further step. One that is stopped half-way, by a shift that holds or to be watched, does. */
function isReached(target: Target, step: Step | undefined, planning: Planning): boolean {
  if (isInFlight(target.source, planning)) return false;
  return step !== undefined && sameSplit(step.split, target.split) && holdingShift(target, planning) === undefined;
}
