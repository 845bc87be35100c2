import type { Destination } from "../model/destination.ts";
import { keyOf, destinationsIn } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import type { ServiceId } from "../model/ids.ts";
import type { Reason } from "../model/plan.ts";
import type { Settings } from "../model/settings.ts";
import type { Splits } from "../model/preview.ts";
import { inputsDigest } from "./inputs-digest.ts";
import { outlookOf } from "./outlook.ts";
import { namesOf, splitsOf, walk } from "./preview/walk.ts";
import type { WalkedStep } from "./preview/walk.ts";
import { deployedCapacity } from "./readiness.ts";
import { loadsOf } from "./target.ts";

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
  readonly splits: Splits;
  readonly loads: readonly PreviewLoad[];
}

/** What would happen, step by step, if nothing else moved meanwhile. */
export interface Preview {
  /** Splits of every source as released now. */
  readonly before: Splits;
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
  const { steps, last, isComplete } = walk(after, service, settings);
  return {
    before: splitsOf(before, service),
    steps: steps.map(stepOf),
    reasons: last?.reasons ?? [],
    digest: inputsDigest(before, service),
    isComplete,
  };
}

function stepOf({ state, planning }: WalkedStep): PreviewStep {
  const service = state.services.get(planning.service);
  const now = splitsOf(state, planning.service);
  const loads = service === undefined ? [] : loadsBeside({ state, service, now, next: planning.splits });
  return { splits: planning.splits, loads };
}

interface Moment {
  readonly state: FleetState;
  readonly service: ServiceState;
  readonly now: Splits;
  readonly next: Splits;
}

function loadsBeside({ state, service, now, next }: Moment): readonly PreviewLoad[] {
  const sources = outlookOf(state, service);
  const loadsUnder = (splits: Splits) =>
    loadsOf(new Map(namesOf(splits).map((name) => [name, splits[name] ?? []])), sources);
  const [before, after] = [loadsUnder(now), loadsUnder(next)];
  return destinationsIn([...Object.values(now), ...Object.values(next)]).map((destination) => {
    const capacityRps = deployedCapacity(service, destination);
    return {
      destination,
      beforeRps: before.get(keyOf(destination)) ?? 0,
      afterRps: after.get(keyOf(destination)) ?? 0,
      ...(capacityRps !== undefined && { capacityRps }),
    };
  });
}
