import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench, Stage } from "../bench.ts";
import { growthRows } from "../planning/growth.ts";
import { pauseRows } from "../planning/pause.ts";
import { regionDownRows } from "../region-down/bench.ts";
import type { Row } from "../row.ts";
import { BASELINES, compareScenario } from "./compare.ts";
import type { ScenarioResult } from "./compare.ts";
import { learningRows } from "./learning/learning-rows.ts";
import { liveRows } from "./live/rows.ts";
import { pictureOf } from "./picture.ts";
import { qualityRows } from "./quality-rows.ts";
import { headroomPrice, ratioOf, ratioTable, spreadTable } from "./ratio-table.ts";
import { SCENARIOS, generatedScenarios, scenariosIn } from "./scenarios.ts";
import type { Scenario } from "./scenarios.ts";
import { speedRows } from "./speed.ts";

/** Services of each random fleet, and of the fleet that is timed. */
const SERVICES = { whole: 200, quick: 20 };
const TIMED_SERVICES = { whole: 1_000, quick: 100 };

/** Where `--write` leaves what the README shows. */
const PICTURE = join(import.meta.dirname, "..", "planner.svg");
const NUMBERS = join(import.meta.dirname, "..", "planner.json");

/** The planner's divisions beside the certified optimum and what others would do, and its pace beside HiGHS's. */
export const plannerBench: Bench = {
  name: "planner",
  about: "what the planner decides beside the certified optimum and beside what others would do",
  // A thousand services by six policies, twice to the certified optimum; fleets up to a hundred clusters by two thousand
  // services; then three minutes on real Envoys.
  deadlineMs: 2_400_000,
  run: async (stage) => {
    const scenarios = stage.scenarios === undefined ? ownScenarios(stage.isQuick) : scenariosIn(stage.scenarios);
    const results = scenarios.map((scenario) => {
      stage.say(`${scenario.name}: ${scenario.document.services.length} services`);
      return compareScenario(scenario);
    });
    console.log(
      `Objective in terms of the certified optimum under the same utilisation limit\n${ratioTable(results)}\n`,
    );
    console.log(`${spreadTable(results)}\n`);
    if (stage.isWriting) write(results, scenarios);
    return [
      ...results.flatMap(qualityRows),
      ...liveRows(stage, scenarios, results),
      ...learningRows(stage, scenarios, results),
      ...(await timed(stage)),
      ...(await onRealEnvoys(stage)),
    ];
  },
};

function ownScenarios(isQuick: boolean): readonly Scenario[] {
  const all = [...scenariosIn(SCENARIOS), ...generatedScenarios(isQuick ? SERVICES.quick : SERVICES.whole)];
  return all.toSorted((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
}

/** Somebody's own folder asks for quality alone. */
async function timed(stage: Stage): Promise<readonly Row[]> {
  if (stage.scenarios !== undefined) return [];
  const speed = await speedRows(stage.isQuick ? TIMED_SERVICES.quick : TIMED_SERVICES.whole, stage.say);
  return [...speed, ...(await growthRows(stage)), ...(await pauseRows(stage))];
}

async function onRealEnvoys(stage: Stage): Promise<readonly Row[]> {
  return stage.scenarios !== undefined || stage.isModelOnly ? [] : regionDownRows(stage);
}

function write(results: readonly ScenarioResult[], scenarios: readonly Scenario[]): void {
  const utilisationMax = scenarios[0]?.document.settings.utilisationMax ?? Number.NaN;
  writeFileSync(PICTURE, pictureOf(results, utilisationMax));
  const numbers = results.map((result) => [
    result.name,
    Object.fromEntries([
      ["priceOfHeadroom", rounded(headroomPrice(result))],
      ...(["weir", ...BASELINES] as const).map((policy) => [policy, rounded(ratioOf(result, policy))]),
    ]),
  ]);
  writeFileSync(
    NUMBERS,
    `${JSON.stringify({ utilisationMax, ratioToOptimum: Object.fromEntries(numbers) }, undefined, 2)}\n`,
  );
}

function rounded(value: number): number {
  return Number(value.toPrecision(5));
}
