import type { FleetEvent } from "../../../../src/model/event.ts";
import type { FleetState } from "../../../../src/model/fleet.ts";
import { EMPTY_FLEET } from "../../../../src/model/fleet.ts";
import type { ServiceId } from "../../../../src/model/ids.ts";
import { DEFAULT_SETTINGS } from "../../../../src/model/settings.ts";
import type { Settings } from "../../../../src/model/settings.ts";
import { Learner } from "../../../../src/planner/learn/learner.ts";
import { measured } from "../../../../src/planner/measure.ts";
import { planServices } from "../../../../src/planner/plan.ts";
import { committed, fleetEvents } from "../../planning/live-fleet.ts";
import { evaluate } from "../evaluate.ts";
import type { Score } from "../evaluate.ts";
import type { Division } from "../instance.ts";
import { divisionBy, reportsOf, WINDOW_MS } from "./world.ts";
import type { World } from "./world.ts";

/** One round: what the planner made of what it knew, as it truly is. Services in the document's order. */
export interface LearningRound {
  readonly scores: readonly Score[];
}

/**
 * Plays a fleet whose clusters claim wrong capacities: the live planner divides by what it knows, the true fleet is loaded by
 * that, and what its agents would report goes through the live planner's own learning into its state; and again. The first
 * round knows only claims: it is what a planner that never learns stays at.
 *
 * @param rounds - how often reports are looked at; there is one plan more.
 */
export function learnRounds(world: World, rounds: number): readonly LearningRound[] {
  const settings = DEFAULT_SETTINGS;
  const learner = new Learner();
  const found: LearningRound[] = [];
  let state = undeclaredFleet(world);
  let nowMs = state.atMs;
  state = claimed(state, { world, settings, nowMs });
  for (let round = 0; round <= rounds; round += 1) {
    const divisions = divisionsOf(world, state, settings);
    found.push({ scores: world.instances.map((instance, at) => evaluate(instance, divisions[at] ?? [])) });
    if (round === rounds) break;
    // A round begins with its first window: it takes a window more the first time.
    const windows = Math.ceil(settings.learnRoundMs / WINDOW_MS) + (round === 0 ? 1 : 0);
    for (let window = 0; window < windows; window += 1) {
      nowMs += WINDOW_MS;
      const news = measured(state, reportsOf(world, divisions, nowMs), { settings, learner });
      if (news !== undefined) state = committed(state, [{ kind: "measured", measured: news }]);
    }
  }
  return found;
}

/** The fleet with its declared demands and ways, and not a word on what anybody can serve. */
function undeclaredFleet({ document }: World): FleetState {
  const events = fleetEvents(document).map((event): FleetEvent =>
    event.kind === "service-applied" ? { ...event, spec: { ...event.spec, deployments: bare(event.spec) } } : event,
  );
  return committed(EMPTY_FLEET, events);
}

function bare({ deployments }: Extract<FleetEvent, { kind: "service-applied" }>["spec"]) {
  return deployments.map(({ cluster, version }) => ({ cluster, version }));
}

interface Claiming {
  readonly world: World;
  readonly settings: Settings;
  readonly nowMs: number;
}

/** The first reports, before anything was sent: what clusters claim is all that is known. */
function claimed(state: FleetState, { world, settings, nowMs }: Claiming): FleetState {
  const nothing = world.instances.map(({ clusters, backends }) => clusters.map(() => backends.map(() => 0)));
  const news = measured(state, reportsOf(world, nothing, nowMs), { settings });
  return news === undefined ? state : committed(state, [{ kind: "measured", measured: news }]);
}

function divisionsOf({ instances }: World, state: FleetState, settings: Settings): readonly Division[] {
  const names = instances.map(({ name }) => name as ServiceId);
  const plans = new Map(planServices(state, names, settings).map((planning) => [planning.service, planning]));
  return instances.map((instance) => divisionBy(instance, plans.get(instance.name as ServiceId)?.splits ?? {}));
}
