import { dueServices } from "../../../src/planner/due.ts";
import { optimise } from "../../../src/planner/optimise/optimise.ts";
import { planServices } from "../../../src/planner/plan.ts";
import type { ServicePlanning } from "../../../src/planner/plan.ts";
import type { FleetState } from "../../../src/model/fleet.ts";
import type { ServiceId } from "../../../src/model/ids.ts";
import { DEFAULT_SETTINGS } from "../../../src/model/settings.ts";
import type { Settings } from "../../../src/model/settings.ts";
import { randomFleet } from "../../scenarios/random-fleet.ts";
import { answerCalls } from "../calls.ts";
import { instancesOf } from "../quality/instance.ts";
import { median } from "../statistics.ts";
import { adopted, committed, liveFleet } from "./live-fleet.ts";
import { problemOf, without } from "./transport-problems.ts";

/** How large a fleet is. */
export interface Size {
  readonly clusters: number;
  readonly services: number;
}

/** One way of planning a fleet: everything, and again what one cluster's death concerns. */
export interface Pace {
  readonly fullMs: number;
  /** Median over deaths. */
  readonly deathMs: number;
  /** Services that a death concerns: mean over deaths. */
  readonly concerned: number;
}

/** What was measured of one size, in a process of its own. */
export interface SizeResult extends Size {
  /** The search alone, at a certified gap of 0.001. */
  readonly search: Pace;
  /** From the committed state to route sets, fallbacks and reasons. */
  readonly live: Pace;
  /** Memory of the committed state once everything is planned, MiB. */
  readonly heapMiB: number;
  readonly rssMiB: number;
}

const GAP = 1e-3;
const SETTINGS: Settings = { ...DEFAULT_SETTINGS, allocation: "optimum" };

/** Deaths that are tried: as many as tell one cluster from another. */
const DEATHS = 10;

answerCalls({
  async measure(size: Size): Promise<SizeResult> {
    const document = randomFleet({ seed: 50, ...size, capacities: { kind: "arbitrary", low: 0.4, high: 0.75 } });
    const search = searchPace(document);
    globalThis.gc?.();
    const emptyHeap = process.memoryUsage().heapUsed;
    const bare = liveFleet(document);
    const victims = document.clusters.slice(0, DEATHS).map(({ name }) => name);
    const names = [...bare.services.keys()];
    warmUp(() => plannedInTurn(bare, names.slice(0, 100)));
    const plannings: ServicePlanning[] = [];
    const fullMs = computed(() => plannings.push(...plannedInTurn(bare, names)));
    const calm = adopted(bare, plannings.splice(0));
    globalThis.gc?.();
    const { heapUsed, rss } = process.memoryUsage();
    const deaths = victims.map((cluster) => {
      const dead = committed(calm, [{ kind: "verdict-changed", cluster, verdict: "dead", evidence: "the bench" }]);
      const observed = { atMs: dead.atMs, collectingForMs: 3_600_000, clusters: {} };
      const due = dueServices(dead, observed, SETTINGS);
      return { count: due.length, ms: computed(() => plannedInTurn(dead, due)) };
    });
    const live = {
      fullMs,
      deathMs: median(deaths.map(({ ms }) => ms)),
      concerned: mean(deaths.map(({ count }) => count)),
    };
    return { ...size, search, live, heapMiB: (heapUsed - emptyHeap) / 2 ** 20, rssMiB: rss / 2 ** 20 };
  },
});

/** Plans one service after the other, as the planning worker does with those of a run. */
function plannedInTurn(state: FleetState, names: readonly ServiceId[]): readonly ServicePlanning[] {
  return names.flatMap((name) => planServices(state, [name], SETTINGS));
}

function searchPace(document: ReturnType<typeof randomFleet>): Pace {
  const instances = instancesOf(document);
  const problems = instances.map((instance) => problemOf(instance, document.settings.utilisationMax));
  const all = () => problems.map((problem) => optimise(problem, { gap: GAP }));
  const plans = all();
  warmUp(all);
  const fullMs = quickest(all);
  const concernedBy = (cluster: number) =>
    instances.flatMap(({ backends }, at) => {
      const place = backends.findIndex((backend) => backend.cluster === cluster);
      const [problem, plan] = [problems[at], plans[at]];
      if (place < 0 || problem === undefined || plan === undefined) return [];
      return [{ problem: without(problem, place), start: plan.amountsRps }];
    });
  const deaths = document.clusters.slice(0, DEATHS).map((_, cluster) => concernedBy(cluster));
  const replanned = (death: (typeof deaths)[number]) =>
    death.map(({ problem, start }) => optimise(problem, { gap: GAP, start }));
  return {
    fullMs,
    deathMs: median(deaths.map((death) => quickest(() => replanned(death)))),
    concerned: mean(deaths.map(({ length }) => length)),
  };
}

/** Work of that long is compiled well enough, ms. */
const WARM_MS = 1_500;

function warmUp(work: () => unknown): void {
  for (let spentMs = 0; spentMs < WARM_MS;) spentMs += clocked(work);
}

/** Rounds of which the quickest counts: what else the machine does only ever adds to a time. */
const ROUNDS = 5;

function quickest(work: () => unknown): number {
  return Math.min(...Array.from({ length: ROUNDS }, () => clocked(work)));
}

function clocked(work: () => unknown): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}

/** The same by what this thread computed: these take so long that whatever else the machine does would be in them. */
function computed(work: () => unknown): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
