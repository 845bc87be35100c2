import type { ModelData } from "highs";
import { optimise } from "../../../src/planner/optimise/optimise.ts";
import type { TransportPlan, TransportProblem } from "../../../src/planner/optimise/problem.ts";
import { randomFleet } from "../../scenarios/random-fleet.ts";
import { problemOf, without } from "../planning/transport-problems.ts";
import { rowOf } from "../row.ts";
import type { Row } from "../row.ts";
import { median, percentile } from "../statistics.ts";
import { instancesOf } from "./instance.ts";
import type { Instance } from "./instance.ts";
import { linearProgrammeOf, openLinearSolver } from "./optimum/linear-programme.ts";
import type { LinearSolver } from "./optimum/linear-programme.ts";
import { weirServices } from "./weir.ts";

/** Certified relative gap that both sides work to. */
const GAP = 1e-3;

/** Straight pieces of a curve in the linear programmes: with 16 their error is above `GAP` here and there. */
const SEGMENTS = 20;

const ROUNDS = 3;

/** The same fleet planned from scratch by the planner's search and by HiGHS, and again after one cluster has died. */
export async function speedRows(services: number, say: (line: string) => void): Promise<readonly Row[]> {
  const document = randomFleet({ seed: 50, services, capacities: { kind: "arbitrary", low: 0.4, high: 0.75 } });
  const instances = instancesOf(document);
  const { utilisationMax } = document.settings;
  const problems = instances.map((instance) => problemOf(instance, utilisationMax));
  const programmes = instances.map((instance) => linearProgrammeOf(instance, { utilisationMax, segments: SEGMENTS }));
  const search = (): readonly TransportPlan[] => problems.map((problem) => optimise(problem, { gap: GAP }));
  const solver = await openLinearSolver();
  const [ours, rivals, events]: [number[], number[], number[]] = [[], [], []];
  let plans = search();
  // In turn, so that what else the machine does is in all of them alike; the first round only warms up.
  for (let round = 0; round <= ROUNDS; round += 1) {
    const before = clocked(search);
    plans = before.result;
    const deaths = document.clusters.map((_, cluster) => replanMs({ instances, problems, plans, cluster }));
    const after = clocked(search);
    const theirs = clocked(() => solveAll(solver, programmes));
    say(`${services} services: ${before.ms.toFixed(0)} ms, HiGHS ${theirs.ms.toFixed(0)} ms`);
    if (round === 0) continue;
    ours.push(before.ms, after.ms);
    events.push(...deaths);
    rivals.push(theirs.ms);
  }
  solver.close();
  const full = median(ours);
  const whole = clocked(() => weirServices(document)).ms;
  const size = `${document.clusters.length} clusters x ${services} services`;
  return [
    rowOf({
      case: `${size}: full plan / HiGHS`,
      value: full,
      rival: median(rivals),
      unit: "ms",
      atMost: 0.1,
    }),
    rowOf({
      case: `${size}: with rivals, lost clusters and weights / HiGHS`,
      value: whole,
      rival: median(rivals),
      unit: "ms",
    }),
    rowOf({
      case: `${size}: largest certified gap / 0.001`,
      value: Math.max(...plans.map(({ gap }) => gap)),
      rival: GAP,
      unit: "",
      atMost: 1,
    }),
    rowOf({
      case: `${size}: one cluster dies, re-plan / full plan`,
      value: median(events),
      rival: full,
      unit: "ms",
      atMost: 0.05,
    }),
    rowOf({ case: `${size}: re-plan, p99 / 50 ms`, value: percentile(events, 99), rival: 50, unit: "ms" }),
  ];
}

/** Solves them one after the other and reads what is to be done; the columns are counted so that they are read. */
function solveAll(solver: LinearSolver, programmes: readonly ModelData[]): number {
  return programmes.reduce((sum, programme) => sum + solver.solve(programme).columns.length, 0);
}

interface Event {
  readonly instances: readonly Instance[];
  readonly problems: readonly TransportProblem[];
  readonly plans: readonly TransportPlan[];
  readonly cluster: number;
}

/** Plans the services that a cluster's death concerns anew, from where they stood, ms. As of whole plans, the search alone. */
function replanMs({ instances, problems, plans, cluster }: Event): number {
  const concerned = instances.flatMap(({ backends }, at) => {
    const dead = backends.findIndex((backend) => backend.cluster === cluster);
    const [problem, plan] = [problems[at], plans[at]];
    if (dead === -1 || problem === undefined || plan === undefined) return [];
    return [{ problem: without(problem, dead), start: plan.amountsRps }];
  });
  return clocked(() => concerned.map(({ problem, start }) => optimise(problem, { gap: GAP, start }))).ms;
}

function clocked<T>(work: () => T): { readonly ms: number; readonly result: T } {
  const began = performance.now();
  const result = work();
  return { ms: performance.now() - began, result };
}
