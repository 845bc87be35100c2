import { sameSplit, WEIGHT_TOTAL } from "../../model/destination.ts";
import type { FleetState, ServiceState } from "../../model/fleet.ts";
import type { ServiceId } from "../../model/ids.ts";
import type { Settings } from "../../model/settings.ts";
import { assert } from "../../model/result.ts";
import type { ServicePreview, Splits, SteppedPreview } from "../../model/preview.ts";
import { distanceBetween } from "../apportion.ts";
import { demandOf } from "../outlook.ts";
import { survivalSteps } from "../survival/survival.ts";
import { freeWithoutOne, measuresOf, splitsAtOnce } from "./measures.ts";
import { namesOf, splitsOf, walkSteps } from "./walk.ts";
import type { WalkedStep } from "./walk.ts";

/** The fleet as it is, and as it would be. */
export interface Hypothesis {
  readonly before: FleetState;
  readonly after: FleetState;
}

/** What a hypothetical makes of a service, a little at a time. Undefined: there is no such service. */
export function* previewService(
  name: ServiceId,
  { before, after }: Hypothesis,
  settings: Settings,
): Generator<undefined, ServicePreview | undefined, undefined> {
  const [service, supposed] = [before.services.get(name), after.services.get(name)];
  if (service === undefined || supposed === undefined) return undefined;
  const splits = splitsOf(before, name);
  const { steps, last, end, isComplete } = yield* walkSteps(after, name, settings);
  const endService = end.services.get(name) ?? supposed;
  const endSplits = splitsOf(end, name);
  const stepped: SteppedPreview[] = [];
  for (const step of steps) {
    yield;
    stepped.push(steppedOf(step, settings));
  }
  const survivalBefore = yield* survivalSteps(before, service, settings);
  const survivalAfter = yield* survivalSteps(end, endService, settings);
  const [freeBefore, freeAfter] = [freeWithoutOne(before, service), freeWithoutOne(end, endService)];
  const changed = changesBetween(splits, endSplits);
  return {
    service: name,
    splits,
    before: measuresOf(before, service, { splits, settings }),
    atOnce: measuresOf(after, supposed, { splits: splitsAtOnce(after, supposed), settings }),
    steps: stepped,
    after: measuresOf(end, endService, { splits: endSplits, settings }),
    movedRps: movedRps(changed, { splits, end, service: endService }),
    reasons: (last?.reasons ?? []).filter(({ cluster }) => changed[cluster] !== undefined),
    survivalBefore,
    survivalAfter,
    ...(freeBefore !== undefined && { freeBefore }),
    ...(freeAfter !== undefined && { freeAfter }),
    isComplete,
  };
}

function steppedOf({ state, planning }: WalkedStep, settings: Settings): SteppedPreview {
  const service = state.services.get(planning.service);
  const changes = changesBetween(splitsOf(state, planning.service), planning.splits);
  assert(service !== undefined, "a service that was planned is there");
  return {
    changes,
    urgency: planning.urgency,
    measures: measuresOf(state, service, { splits: planning.splits, settings }),
  };
}

function changesBetween(before: Splits, after: Splits): Splits {
  const changed = namesOf(after).filter((name) => !sameSplit(before[name] ?? [], after[name] ?? []));
  return Object.fromEntries(changed.map((name) => [name, after[name] ?? []]));
}

interface Moved {
  readonly splits: Splits;
  readonly end: FleetState;
  readonly service: ServiceState;
}

function movedRps(changed: Splits, { splits, end, service }: Moved): number {
  return namesOf(changed).reduce((sum, name) => {
    const distance = distanceBetween(splits[name] ?? [], changed[name] ?? []);
    return sum + (distance / WEIGHT_TOTAL) * demandOf(name, end, service);
  }, 0);
}
