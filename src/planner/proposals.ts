import type { Command, Proposal } from "../model/command.ts";
import type { FleetEvent } from "../model/event.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId, RouteSetHash } from "../model/ids.ts";
import type { Observed } from "../model/observed.ts";
import type { RouteSet } from "../model/plan.ts";
import type { Refusal } from "../model/refusal.ts";
import type { Settings } from "../model/settings.ts";
import { checkPlan } from "./check.ts";
import { decided, reject } from "./decision.ts";
import type { Decision } from "./decision.ts";
import { changesOf } from "./evolve-plans.ts";
import { nextWave } from "./rollouts.ts";
import { runningShifts } from "./urgency.ts";

type Of<K extends Command["kind"]> = Extract<Command, { kind: K }>;

/** Keeps the route sets that are not kept yet. They mean nothing until a plan names them. */
export function storeRouteSets(state: FleetState, { routeSets }: Of<"store-route-sets">): Decision {
  const hashes = (Object.keys(routeSets) as RouteSetHash[]).toSorted(compareNames);
  const bad = hashes.find((hash) => !/^[0-9a-f]{64}$/.test(hash));
  if (bad !== undefined)
    return reject("HASH_MISMATCH", "route_sets", `${JSON.stringify(bad.slice(0, 80))} is no SHA-256`);
  const missing: Record<RouteSetHash, RouteSet> = {};
  for (const hash of hashes) {
    const routeSet = routeSets[hash];
    if (routeSet !== undefined && !state.routeSets.has(hash)) missing[hash] = routeSet;
  }
  return Object.keys(missing).length === 0 ? decided() : decided({ kind: "route-sets-stored", routeSets: missing });
}

/**
 * Admits computed steps service by service: one whose inputs have moved meanwhile is passed over, for it is being computed
 * anew; one that the independent checker refuses stops only itself. Refuses PLAN_CHECK_FAILED when nothing is left.
 */
export function propose(state: FleetState, { proposals, observed }: Of<"propose">, settings: Settings): Decision {
  const events: FleetEvent[] = [];
  let firstRefusal: Refusal | undefined;
  for (const proposal of proposals.toSorted((a, b) => compareNames(a.plan.service, b.plan.service))) {
    const service = state.services.get(proposal.plan.service);
    if (service === undefined || !isCurrent(state, service, proposal)) continue;
    const judged = admit(state, { service, proposal, settings });
    if (judged.ok) events.push(...judged.value);
    else {
      firstRefusal ??= judged.refusal;
      events.push(...heldUp(service, judged.refusal));
    }
  }
  if (firstRefusal !== undefined && !events.some(({ kind }) => kind === "plan-committed")) {
    return { ok: false, refusal: firstRefusal };
  }
  return decided(...events, ...dropped(state, proposals, observed));
}

/** Inputs as they were, not superseded by a plan of the same inputs, and nothing automatic while the fleet is frozen. */
function isCurrent(state: FleetState, service: ServiceState, { plan, inputsSequence }: Proposal): boolean {
  return inputsSequence === service.inputsSequence && !(state.freeze !== undefined && plan.urgency === "routine");
}

interface Admission {
  readonly service: ServiceState;
  readonly proposal: Proposal;
  readonly settings: Settings;
}

function admit(state: FleetState, { service, proposal, settings }: Admission): Decision {
  const { plan, inputsSequence } = proposal;
  const clusters = (Object.keys(plan.routeSets) as ClusterId[]).toSorted(compareNames);
  const unknown = clusters.find((cluster) => !state.routeSets.has(plan.routeSets[cluster] ?? ("" as RouteSetHash)));
  if (unknown !== undefined) {
    const message = `the plan of ${plan.service} names a route set for ${unknown} that was never stored; store it first`;
    return reject("PLAN_CHECK_FAILED", "route_sets", message);
  }
  const check = checkPlan(state, plan, settings);
  if (!check.ok) {
    const { code, message } = check.refusal;
    return reject(
      "PLAN_CHECK_FAILED",
      check.refusal.field,
      code === "PLAN_CHECK_FAILED" ? message : `${code}: ${message}`,
    );
  }
  return decided(
    { kind: "plan-committed", plan, basedOn: inputsSequence },
    ...firstWave(service, proposal),
    ...stepsTaken(state, service, proposal),
  );
}

/** A plan that changes nothing is settled at once, unless what it takes over was never seen to do well. */
function firstWave({ released, rollout }: ServiceState, { plan }: Proposal): readonly FleetEvent[] {
  const isNothingNew = changesOf(plan, released).length === 0;
  return isNothingNew && rollout?.isSettled === false ? [] : nextWave(plan, released, 0);
}

/** A step that changes one of its sources counts for a shift. */
function stepsTaken(state: FleetState, service: ServiceState, { plan }: Proposal): readonly FleetEvent[] {
  const changes = new Set(changesOf(plan, service.released));
  return runningShifts(state, service)
    .filter((shift) => shift.sources.some((source) => changes.has(source)))
    .map((shift) => ({
      kind: "shift-moved",
      shift: shift.shift,
      phase: shift.phase,
      detail: shift.detail,
      stepsTaken: shift.stepsTaken + 1,
    }));
}

function heldUp({ spec, rollout }: ServiceState, { message }: Refusal): readonly FleetEvent[] {
  const waitsFor = `a plan that passes the check: ${message}`;
  if (rollout === undefined || rollout.waitsFor === waitsFor) return [];
  return [{ kind: "rollout-waits", service: spec.service, waitsFor }];
}

/** Route sets that nothing names any more are kept up to this number, for comparing with what an agent still applies. */
const UNNAMED_ROUTE_SETS_MAX = 1_000;
/** Keeps the record small: 2000 hashes are 130 KiB. */
const DROPPED_AT_ONCE_MAX = 2_000;

/** Drops route sets that no service, no rollout and no agent names, once there are many of them. */
function dropped(state: FleetState, proposals: readonly Proposal[], observed: Observed): readonly FleetEvent[] {
  const named = state.services.size * state.clusters.size * 2;
  if (state.routeSets.size <= named + UNNAMED_ROUTE_SETS_MAX) return [];
  const kept = new Set<string>(proposals.flatMap(({ plan }) => Object.values(plan.routeSets)));
  for (const { released, rollout } of state.services.values()) {
    for (const hash of Object.values(released)) kept.add(hash);
    for (const hash of Object.values(rollout?.plan.routeSets ?? {})) kept.add(hash);
  }
  for (const { appliedHashes } of Object.values(observed.clusters)) {
    for (const hash of Object.values(appliedHashes)) kept.add(hash);
  }
  const hashes = [...state.routeSets.keys()].filter((hash) => !kept.has(hash)).toSorted(compareNames);
  return hashes.length === 0 ? [] : [{ kind: "route-sets-dropped", hashes: hashes.slice(0, DROPPED_AT_ONCE_MAX) }];
}
