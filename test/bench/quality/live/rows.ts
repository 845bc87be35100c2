import type { Stage } from "../../bench.ts";
import type { Row } from "../../row.ts";
import type { ScenarioResult } from "../compare.ts";
import type { Scenario } from "../scenarios.ts";
import { staleRows } from "./staleness.ts";
import { transitionRows } from "./transition-rows.ts";

/** The day that is played from stale data. */
const DAY = "s6-diurnal";

/** Services, what happens to each, and orders of applying in which every change is made. */
const TRANSITIONS = {
  whole: { services: 20, happenings: 20, orders: 100_000 },
  quick: { services: 10, happenings: 20, orders: 10_000 },
};

/** What the live planner makes of data that are old, and of the way from one plan to the next. */
export function liveRows(
  stage: Stage,
  scenarios: readonly Scenario[],
  results: readonly ScenarioResult[],
): readonly Row[] {
  if (stage.scenarios !== undefined) return [];
  const day = scenarios.find(({ name }) => name === DAY);
  const clairvoyant = results.find(({ name }) => name === DAY);
  stage.say("a day from stale data, and transitions");
  return [
    ...(day === undefined || clairvoyant === undefined ? [] : staleRows(day.document, clairvoyant)),
    ...transitionRows(stage.isQuick ? TRANSITIONS.quick : TRANSITIONS.whole),
  ];
}
