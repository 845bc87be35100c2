import type { Split } from "../model/destination.ts";
import { keyOf } from "../model/destination.ts";
import type { ClusterId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import { spendingOf } from "./cost.ts";
import { limitOf } from "./limits.ts";
import type { SourceOutlook } from "./outlook.ts";
import { losesRoom } from "./reserve.ts";
import type { PassedUp, Planning, Target } from "./target.ts";
import {
  capacitiesOf,
  drainingWeight,
  forbiddenWeight,
  lateness,
  loadsOf,
  lostWeight,
  strayedWeight,
} from "./target.ts";

/**
 * Where the sources are to come to: their targets, or, where a move would gain callers too little of what they spend, where
 * they are: less than `moveGainMin`, or for a return `gainMinOfReturn`. A source that has nothing yet, loses something, must
 * leave something, sends what its policy wants elsewhere, goes later in its failover order than it has to, or returns step by
 * step makes all move, and so does a limit that is
 * exceeded now and would be kept, or a loss for which there is no room now and would be. What somebody pinned is not weighed.
 */
export function worthwhile(targets: readonly Target[], planning: Planning): readonly Target[] {
  const { sources, settings, valuation, service } = planning;
  const isPinned = ({ source }: Pick<Target, "source">): boolean => service.pins[source.cluster] !== undefined;
  // Where a policy wants it, it goes whatever that costs; a shift may keep it away from home.
  const isStray = (source: SourceOutlook): boolean => !isPinned({ source }) && strayedWeight(source) > 0;
  if (sources.some((source) => mustMove(source) || isStray(source))) return targets;
  if (targets.some((target) => !isPinned(target) && isBehind(target))) return targets;
  const then = new Map(targets.map(({ source, split }) => [source.cluster, split]));
  const now = new Map(
    targets.map((target) => [
      target.source.cluster,
      (isPinned(target) ? undefined : target.source.now) ?? target.split,
    ]),
  );
  if (excessRps(now, planning) > excessRps(then, planning)) return targets;
  if (losesRoom(aimsOf(now, sources), planning)) return targets;
  const [here, there] = [spendingOf(now, sources, valuation), spendingOf(then, sources, valuation)];
  if (here === undefined || there === undefined || here.spentMs === 0) return targets;
  const gain = (here.spentMs - there.spentMs) / here.spentMs;
  const gainMin = isUnderWay(planning)
    ? 0
    : there.waysMs < here.waysMs
      ? gainMinOfReturn(now, then, planning)
      : settings.moveGainMin;
  if (gain >= gainMin) return targets;
  return targets.map((target) => (isPinned(target) ? target : staying(target, { gain: Math.max(0, gain), gainMin })));
}

/**
 * Whether a move has begun that takes more than one step: it was worth it as a whole, and its last steps, each worth little by
 * itself, would else be left undone, with some requests far from home for good.
 */
function isUnderWay({ service: { rollout } }: Planning): boolean {
  return rollout !== undefined && !rollout.plan.isFinalStep && rollout.plan.urgency !== "emergency";
}

type Splits = ReadonlyMap<ClusterId, Split>;

/**
 * Least gain for which requests come back nearer, to whom they had left for load: more than for any other move while somebody
 * who gets more would be nearly full, for what sent them away once would soon do so again.
 */
function gainMinOfReturn(now: Splits, then: Splits, { sources, settings }: Planning): number {
  const { moveGainMin, returnGainMin, returnFillMax, utilisationMax } = settings;
  const [before, capacities] = [loadsOf(now, sources), capacitiesOf(sources)];
  const isNearlyFull = [...loadsOf(then, sources)].some(([key, loadRps]) => {
    const mostRps = (capacities.get(key) ?? Infinity) * utilisationMax * returnFillMax;
    return loadRps > (before.get(key) ?? 0) && loadRps > mostRps;
  });
  return isNearlyFull ? Math.max(moveGainMin, returnGainMin) : moveGainMin;
}

function aimsOf(splits: ReadonlyMap<ClusterId, Split>, sources: readonly SourceOutlook[]) {
  return sources.map((source) => ({ source, split: splits.get(source.cluster) ?? [] }));
}

/** What goes to later turns of a failover order than it could by less than this is no reason to move: a hundredth of a source. */
const LATE_SLACK = 100;

/** Whether a source goes later in its failover order than it has to. */
function isBehind({ source, split }: Target): boolean {
  return lateness(source, source.now) > lateness(source, split) + LATE_SLACK;
}

function mustMove(source: SourceOutlook): boolean {
  const isReturning = source.offers.some(({ restriction }) => restriction === "ramp");
  const leaving = lostWeight(source) + drainingWeight(source) + forbiddenWeight(source);
  return source.now === undefined || isReturning || leaving > 0;
}

function staying(target: Target, passedUp: PassedUp): Target {
  const { source, split } = target;
  const stays = source.now ?? split;
  return {
    source,
    split: stays,
    kept: new Map(stays.map(({ destination, weight }) => [keyOf(destination), weight])),
    placements: [],
    passedUp,
  };
}

/** Requests per second that splits put on destinations beyond their limits. */
function excessRps(splits: ReadonlyMap<ClusterId, Split>, { sources, settings, reserve }: Planning): number {
  const loads = loadsOf(splits, sources);
  const capacities = capacitiesOf(sources);
  return [...loads]
    .toSorted(([a], [b]) => compareNames(a, b))
    .reduce((sum, [key, loadRps]) => {
      const limitRps = limitOf({ key, capacityRps: capacities.get(key) }, { ...settings, ...reserve });
      return sum + Math.max(0, loadRps - limitRps * (1 + settings.limitSlack));
    }, 0);
}
