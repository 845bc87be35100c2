import assert from "node:assert/strict";
import type { Split } from "../../../../src/model/destination.ts";
import { WEIGHT_TOTAL } from "../../../../src/model/destination.ts";
import type { FleetState } from "../../../../src/model/fleet.ts";
import { DEFAULT_SETTINGS } from "../../../../src/model/settings.ts";
import type { Settings } from "../../../../src/model/settings.ts";
import type { FleetDocument } from "../../../../src/model/fleet-document.ts";
import { rowOf } from "../../row.ts";
import type { Row } from "../../row.ts";
import type { ScenarioResult } from "../compare.ts";
import { evaluate } from "../evaluate.ts";
import { instanceOf } from "../instance.ts";
import type { Division, Instance } from "../instance.ts";
import { liveService, serviceIn, splitsIn, takeStep, withService } from "./live-service.ts";
import type { Splits } from "./live-service.ts";

/** Minutes of a step of the day: how many routine steps a service may take in it. */
const MINUTES = 5;

/** A day as callers had it. */
export interface StaleDay {
  /** Objective of all requests together, ms. */
  readonly objectiveMs: number;
  readonly servedShare: number;
  /** Steps of five minutes in which anybody was told anything new, and pushes in all. */
  readonly pushedSteps: number;
  readonly pushes: number;
  /** Objective of each step, ms. */
  readonly steps: readonly number[];
}

/**
 * A day in steps of five minutes, of which the live planner knows what was five minutes ago: what is recorded of it under its
 * dead band of measuring, what its dead band finds worth a move, and one routine step a minute. Judged each minute by the
 * bench's own evaluator on the true demand.
 */
export function staleDay(document: FleetDocument, settings: Settings): StaleDay {
  const instances = document.services.map((service) => instanceOf(document, service));
  const [first] = document.services;
  assert(first !== undefined, "a day has steps");
  // The first step is known as it is: nothing came before.
  let state = takeStep(liveService(document, first), settings).state;
  const sum = { objective: 0, requests: 0, served: 0, pushedSteps: 0, pushes: 0 };
  const steps = instances.map((instance, step) => {
    const known = document.services[Math.max(0, step - 1)]?.demandRps ?? {};
    state = withService(state, { demandRps: recorded(serviceIn(state).demandRps, known, settings) });
    const played = playStep(state, instance, settings);
    state = played.state;
    sum.objective += played.objectiveMs * instance.totalRps;
    sum.requests += instance.totalRps;
    sum.served += played.servedShare * instance.totalRps;
    sum.pushes += played.pushes;
    sum.pushedSteps += played.pushes > 0 ? 1 : 0;
    return played.objectiveMs;
  });
  const { pushedSteps, pushes } = sum;
  const { objective, served, requests } = sum;
  return { objectiveMs: objective / requests, servedShare: served / requests, pushedSteps, pushes, steps };
}

/** What of news is worth a record. */
function recorded(
  before: Readonly<Record<string, number>>,
  now: Readonly<Record<string, number>>,
  { measuredDeadBand }: Settings,
): Readonly<Record<string, number>> {
  const entries = Object.entries(now).map(([cluster, rps]) => {
    const known = before[cluster] ?? 0;
    return [cluster, Math.abs(rps - known) > known * measuredDeadBand ? rps : known] as const;
  });
  return Object.fromEntries(entries);
}

interface Played {
  readonly state: FleetState;
  readonly objectiveMs: number;
  readonly servedShare: number;
  readonly pushes: number;
}

function playStep(from: FleetState, instance: Instance, settings: Settings): Played {
  let [state, pushes, objective, served, isDone] = [from, 0, 0, 0, false];
  for (let minute = 0; minute < MINUTES; minute += 1) {
    if (!isDone) {
      const step = takeStep(state, settings);
      ({ state } = step);
      pushes += step.isPush ? 1 : 0;
      isDone = step.planning.isFinalStep;
    }
    const score = evaluate(instance, divisionOf(instance, splitsIn(state)));
    objective += score.objectiveMs;
    served += score.successShare;
  }
  return { state, pushes, objectiveMs: objective / MINUTES, servedShare: served / MINUTES };
}

/** The requests that splits lead to, source × backend. */
export function divisionOf(instance: Instance, splits: Splits): Division {
  return instance.clusters.map((cluster, source) => {
    const split: Split = splits[cluster] ?? [];
    return instance.backends.map((backend) => {
      const at = instance.clusters[backend.cluster];
      const found = split.find(
        ({ destination }) => destination.cluster === at && destination.version === backend.version,
      );
      return ((found?.weight ?? 0) / WEIGHT_TOTAL) * (instance.demandRps[source] ?? 0);
    });
  });
}

/** Aims of the day from stale data. */
const RATIO_AT_MOST = 1.03;
const PUSHES_AT_MOST = 0.3;

/**
 * How good a day from stale data is beside a planner that knows everything at once.
 *
 * @param clairvoyant - the same steps with their certified bounds, in the document's order.
 */
export function staleRows(document: FleetDocument, { name, services }: ScenarioResult): readonly Row[] {
  const withBand = staleDay(document, DEFAULT_SETTINGS);
  const without = staleDay(document, {
    ...DEFAULT_SETTINGS,
    moveGainMin: 0,
    returnGainMin: 0,
    limitSlack: 0,
    measuredDeadBand: 0,
  });
  const requests = services.reduce((sum, { totalRps }) => sum + totalRps, 0);
  const day = (of: "boundMs" | "unlimitedMs"): number =>
    services.reduce((sum, service) => sum + service[of] * service.totalRps, 0) / requests;
  const { utilisationMax } = DEFAULT_SETTINGS;
  const stale = `${name}, data 5 minutes old, dead band`;
  return [
    rowOf({
      case: `${stale}: objective / clairvoyant optimum at the same ${utilisationMax} of capacity`,
      value: withBand.objectiveMs,
      rival: day("boundMs"),
      unit: "ms",
      atMost: RATIO_AT_MOST,
    }),
    rowOf({
      case: `${stale}: objective / clairvoyant optimum without headroom`,
      value: withBand.objectiveMs,
      rival: day("unlimitedMs"),
      unit: "ms",
    }),
    rowOf({
      case: `${stale}: objective / the same without dead band`,
      value: withBand.objectiveMs,
      rival: without.objectiveMs,
      unit: "ms",
    }),
    rowOf({
      case: `${stale}: steps of five minutes with a push / without dead band`,
      value: withBand.pushedSteps,
      rival: without.pushedSteps,
      unit: "steps",
      atMost: PUSHES_AT_MOST,
    }),
    rowOf({
      case: `${stale}: pushes in all / without dead band`,
      value: withBand.pushes,
      rival: without.pushes,
      unit: "pushes",
    }),
    rowOf({
      case: `${stale}: requests that are served / without dead band`,
      value: 100 * withBand.servedShare,
      rival: 100 * without.servedShare,
      unit: "%",
      better: "higher",
    }),
  ];
}
