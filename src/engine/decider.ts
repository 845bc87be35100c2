import type { ClusterId, ServiceId } from "../model/ids.ts";
import type { Envelope, Measured } from "../model/command.ts";
import type { FleetEvent, LogRecord } from "../model/event.ts";
import type { FleetState } from "../model/fleet.ts";
import type { Observed } from "../model/observed.ts";
import type { Refusal } from "../model/refusal.ts";
import type { ClusterReport } from "../model/report.ts";
import type { Result } from "../model/result.ts";
import type { Settings } from "../model/settings.ts";
import { decide } from "../planner/decide.ts";
import { dueServices } from "../planner/due.ts";
import { evolve } from "../planner/evolve.ts";
import type { Learner } from "../planner/learn/learner.ts";
import { measured } from "../planner/measure.ts";
import { observe } from "../planner/observed.ts";

/** What reports are looked at with. */
export interface ObserveContext {
  /** Log time now, ms. Every `receivedAtMs` is on the same clock. */
  readonly atMs: number;
  /** How long this replica has been collecting reports, in ms. */
  readonly collectingForMs: number;
  /** Clusters that have a plan stream open at any live replica. */
  readonly streams: ReadonlySet<ClusterId>;
  /** Reporters silent for longer are no witnesses against others, ms. */
  readonly freshForMs: number;
}

/** All decisions, as pure functions. The engine runs them and decides nothing itself. */
export interface Decider {
  decide(state: FleetState, envelope: Envelope, settings: Settings): Result<readonly FleetEvent[], Refusal>;
  evolve(state: FleetState, record: LogRecord): FleetState;
  observe(reports: ReadonlyMap<ClusterId, ClusterReport>, context: ObserveContext): Observed;
  /** What reports say that is to be recorded; undefined when nothing moved. `learner` remembers earlier ones. */
  measured(
    state: FleetState,
    reports: ReadonlyMap<ClusterId, ClusterReport>,
    context: { readonly settings: Settings; readonly learner: Learner; readonly fitsMax: number },
  ): Measured | undefined;
  /** Services to plan now: inputs moved, or what is in flight allows its next step. */
  dueServices(state: FleetState, observed: Observed, settings: Settings): readonly ServiceId[];
}

/** The product's own decisions. */
export const PLANNER_DECIDER: Decider = { decide, evolve, observe, measured, dueServices };
