import type { FleetEvent } from "../model/event.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";
import type { ServicePlan } from "../model/plan.ts";
import { changesOf } from "./evolve-plans.ts";
import { gateOf } from "./pace.ts";
import type { PaceContext } from "./pace.ts";

/** Keeps the record small: so many releases are 400 KiB. Who is left over has its turn with the next tick. */
const EVENTS_AT_ONCE_MAX = 1_500;

/** Lets every rollout whose last wave did well take its next, settles those at their end, and says what the others wait for. */
export function advancedRollouts(state: FleetState, context: PaceContext): readonly FleetEvent[] {
  const services = [...state.services].toSorted(([a], [b]) => compareNames(a, b));
  const events: FleetEvent[] = [];
  for (const [, service] of services) {
    if (events.length >= EVENTS_AT_ONCE_MAX) break;
    events.push(...advanced(state, service, context));
  }
  return events;
}

function advanced(state: FleetState, service: ServiceState, context: PaceContext): readonly FleetEvent[] {
  const { rollout, spec } = service;
  if (rollout === undefined || rollout.isSettled) return [];
  const gate = gateOf(state, service, context);
  if (gate.kind === "open") return nextWave(rollout.plan, service.released, rollout.waveIndex + 1);
  if (gate.for === rollout.waitsFor) return [];
  return [{ kind: "rollout-waits", service: spec.service, waitsFor: gate.for }];
}

/**
 * Releases the first wave from `waveIndex` on that brings a cluster something new; settles when there is none left.
 * Nothing is released twice, so a plan that changes nothing costs no agent anything.
 */
export function nextWave(
  plan: ServicePlan,
  released: ServiceState["released"],
  waveIndex: number,
): readonly FleetEvent[] {
  const { service, waves } = plan;
  const changes = new Set<ClusterId>(changesOf(plan, released));
  for (let index = waveIndex; index < waves.length; index += 1) {
    const clusters = (waves[index] ?? []).filter((cluster) => changes.has(cluster)).toSorted(compareNames);
    if (clusters.length > 0) return clusters.flatMap((cluster) => releaseOf(plan, cluster, index));
  }
  return [{ kind: "rollout-settled", service }];
}

function releaseOf({ service, routeSets }: ServicePlan, cluster: ClusterId, waveIndex: number): readonly FleetEvent[] {
  const hash = routeSets[cluster];
  return hash === undefined ? [] : [{ kind: "route-set-released", service, cluster, hash, waveIndex }];
}
