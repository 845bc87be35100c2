import { seededRandom } from "../../../scenarios/seeded-random.ts";
import type { Stage } from "../../bench.ts";
import { rowOf } from "../../row.ts";
import type { Row } from "../../row.ts";
import { percentile } from "../../statistics.ts";
import type { ScenarioResult } from "../compare.ts";
import { aligned } from "../ratio-table.ts";
import type { Scenario } from "../scenarios.ts";
import { learnRounds } from "./learn-rounds.ts";
import type { LearningRound } from "./learn-rounds.ts";
import { worldOf } from "./world.ts";
import type { Untruths } from "./world.ts";

/** The fleet whose clusters claim wrong capacities. */
const FLEET = "s15-random";
const SEED = 1_515;
const ROUNDS = 3;

/** Clusters are wrong by 20 %; what is measured in 15 s is noisy. */
const WRONG: Untruths = { capacitySigma: 0.2, utilisationNoise: 0.03, latencyNoise: 0.02, liars: 0, liarsFactor: 1 };
/** Besides, every tenth says that it is half as busy as it is. */
const LYING: Untruths = { ...WRONG, liars: 0.1, liarsFactor: 0.5 };

const MEDIAN_AT_MOST = 1.01;
const TAIL_AT_MOST = 1.1;

/** What learning makes of wrong capacities, and of lies, round by round, beside the certified optimum of the true ones. */
export function learningRows(
  stage: Stage,
  scenarios: readonly Scenario[],
  results: readonly ScenarioResult[],
): readonly Row[] {
  const scenario = scenarios.find(({ name }) => name === FLEET);
  const bounds = results.find(({ name }) => name === FLEET)?.services.map(({ boundMs }) => boundMs);
  if (stage.scenarios !== undefined || scenario === undefined || bounds === undefined) return [];
  stage.say("wrong capacities, and lies");
  const [wrong, lying] = [WRONG, LYING].map((untruths) =>
    learnRounds(worldOf(scenario.document, untruths, seededRandom(SEED)), ROUNDS).map((round) => summed(round, bounds)),
  );
  if (wrong === undefined || lying === undefined) return [];
  console.log(`${table(wrong, lying)}\n`);
  return [...wrongRows(wrong), ...lyingRows(lying)];
}

/** One round of all services. */
interface Summary {
  /** Objective in terms of the certified optimum's. */
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
  readonly shedding: number;
  /** Share of its requests that each service sheds. */
  readonly shed: readonly number[];
}

/** Less than this is how exactly a sum is known, as a share. */
const NOTHING = 1e-9;

function summed({ scores }: LearningRound, boundsMs: readonly number[]): Summary {
  const ratios = scores.map(({ objectiveMs }, at) => objectiveMs / (boundsMs[at] ?? Number.NaN));
  const shed = scores.map(({ successShare }) => 1 - successShare);
  return {
    p50: percentile(ratios, 50),
    p99: percentile(ratios, 99),
    worst: Math.max(...ratios),
    shedding: shed.filter((share) => share > NOTHING).length,
    shed,
  };
}

/** Services that shed more than they did before anything was learned. */
function worseOff(rounds: readonly Summary[]): number {
  const before = rounds[0]?.shed ?? [];
  const worse = new Set<number>();
  for (const { shed } of rounds.slice(1))
    for (const [at, share] of shed.entries()) if (share > (before[at] ?? 0) + NOTHING) worse.add(at);
  return worse.size;
}

function table(wrong: readonly Summary[], lying: readonly Summary[]): string {
  const headings = ["after rounds of learning", "p50", "p99", "max", "services that shed"];
  const lines = (name: string, rounds: readonly Summary[]): readonly (readonly string[])[] =>
    rounds.map(({ p50, p99, worst, shedding }, round) => [
      `${name}, ${round}`,
      p50.toFixed(4),
      p99.toFixed(3),
      worst.toFixed(3),
      String(shedding),
    ]);
  const all = [...lines("capacities wrong by 20 %", wrong), ...lines("and every tenth cluster lies", lying)];
  return `Objective / certified optimum at the true capacities, with nothing declared but demand and ways\n${aligned([headings, ...all])}`;
}

function wrongRows(rounds: readonly Summary[]): readonly Row[] {
  return rounds.flatMap(({ p50, p99, shedding }, round) => {
    const isLast = round === ROUNDS;
    const name = `${FLEET}, capacities wrong by 20 %, ${roundsText(round)}`;
    return [
      rowOf({
        case: `${name}: objective / optimum, p50`,
        value: p50,
        rival: 1,
        unit: "x",
        ...(isLast && { atMost: MEDIAN_AT_MOST }),
      }),
      rowOf({
        case: `${name}: objective / optimum, p99`,
        value: p99,
        rival: 1,
        unit: "x",
        ...(isLast && { atMost: TAIL_AT_MOST }),
      }),
      rowOf({
        case: `${name}: services that shed / without learning`,
        value: shedding,
        rival: rounds[0]?.shedding ?? 0,
        unit: "services",
        ...(isLast && { atMost: 0 }),
      }),
    ];
  });
}

function roundsText(round: number): string {
  return round === 1 ? "after 1 round" : `after ${round} rounds`;
}

function lyingRows(rounds: readonly Summary[]): readonly Row[] {
  const [first, last] = [rounds[0], rounds.at(-1)];
  if (first === undefined || last === undefined) return [];
  const name = `${FLEET}, capacities wrong by 20 %, every tenth cluster says half its utilisation`;
  return [
    rowOf({ case: `${name}, ${roundsText(ROUNDS)}: objective / optimum, p50`, value: last.p50, rival: 1, unit: "x" }),
    rowOf({ case: `${name}, ${roundsText(ROUNDS)}: objective / optimum, p99`, value: last.p99, rival: 1, unit: "x" }),
    rowOf({
      case: `${name}, ${roundsText(ROUNDS)}: services that shed / without learning`,
      value: last.shedding,
      rival: first.shedding,
      unit: "services",
    }),
    rowOf({
      case: `${name}: services that ever shed more than without learning / that shed without`,
      value: worseOff(rounds),
      rival: first.shedding,
      unit: "services",
    }),
  ];
}
