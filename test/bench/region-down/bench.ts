import { resolvePart } from "../../../deploy/parts/resolve-part.ts";
import type { Bench, Stage } from "../bench.ts";
import { rowOf } from "../row.ts";
import type { Row } from "../row.ts";
import { playRival, playWeir } from "./act.ts";
import type { ActResult, WeirResult } from "./act.ts";
import { castOf } from "./cast.ts";
import type { Cast, Programs } from "./cast.ts";
import type { Tries } from "./locality-failover.ts";
import { SCALE, scaledFleet } from "./fleet.ts";
import type { Fleet } from "./fleet.ts";
import { successPercent } from "./judge.ts";
import type { Phase } from "./judge.ts";
import { predict } from "./predict.ts";

/** A region dies and the others have just room for its callers: Weir's fallbacks beside Envoy's locality failover. */
export const regionDownBench: Bench = {
  name: "region-down",
  about: "on real Envoys, one of five clusters killed and the others at 81 % / Envoy's own locality failover",
  deadlineMs: 600_000,
  run: async (stage) => await regionDownRows(stage),
};

const TIMING = { whole: { beforeMs: 15_000, watchMs: 60_000 }, quick: { beforeMs: 3_000, watchMs: 10_000 } };

/** Least share of the requests of the minute after the loss that must succeed, per cent. */
const SUCCESS_MIN = 99.5;

/** Plays both sides, one after the other, on the same backends, ways, arrivals and machine. */
export async function regionDownRows(stage: Stage): Promise<readonly Row[]> {
  const programs = await programsOf(stage);
  const fleet = scaledFleet(stage.address);
  const timing = stage.isQuick ? TIMING.quick : TIMING.whole;
  stage.say(`S7 at ${SCALE} of its size: ${totalRps(fleet)} requests a second over ${fleet.sites.length} clusters`);
  const weir = await onStage(
    "weir",
    { stage, programs },
    async (cast) => await playWeir(cast, fleet, timing, stage.say),
  );
  const rivals: RivalResult[] = [];
  for (const tries of ["weirs", "usual"] as const) {
    stage.say(`Envoy's locality failover, ${TRIES[tries]}`);
    const act = { ...timing, tries };
    // One after the other: they use the same ports, and each wants the machine for itself.
    const result = await onStage(
      `rival-${tries}`,
      { stage, programs },
      async (cast) => await playRival(cast, fleet, act),
    );
    rivals.push({ ...result, name: TRIES[tries] });
  }
  const results = { weir, rivals, fleet };
  tell(results, stage.say);
  return rowsOf(results, timing.watchMs / 1_000);
}

const TRIES: Readonly<Record<Tries, string>> = {
  weirs: "with Weir's retries and ejection",
  usual: "with usual retries and ejection",
};

interface RivalResult extends ActResult {
  readonly name: string;
}

async function programsOf(stage: Stage): Promise<Programs> {
  const log = (line: string): void => stage.say(line);
  const [envoy, nats] = await Promise.all([resolvePart("envoy", { log }), resolvePart("nats-server", { log })]);
  return { envoy: envoy.path, nats: nats.path };
}

async function onStage<T>(
  name: string,
  { stage, programs }: { readonly stage: Stage; readonly programs: Programs },
  play: (cast: Cast) => Promise<T>,
): Promise<T> {
  const cast = castOf(name, stage, programs);
  try {
    return await play(cast);
  } finally {
    await cast.end();
  }
}

interface Results {
  readonly weir: WeirResult;
  readonly rivals: readonly RivalResult[];
  readonly fleet: Fleet;
}

/** Beside the rival that lost fewer requests. */
function rowsOf({ weir, rivals, fleet }: Results, seconds: number): readonly Row[] {
  const [rival = weir] = rivals.toSorted((a, b) => successPercent(b.after) - successPercent(a.after));
  const both = (read: (phase: Phase) => number, of: (result: ActResult) => Phase) => ({
    value: read(of(weir)),
    rival: read(of(rival)),
  });
  const after = ({ after: phase }: ActResult): Phase => phase;
  const before = ({ before: phase }: ActResult): Phase => phase;
  const predicted = predict(weir.released, fleet, fleet.lost);
  const span = `${seconds} s after the loss`;
  return [
    rowOf({
      case: `success, ${span}`,
      unit: "%",
      better: "higher",
      atLeast: SUCCESS_MIN,
      ...both(successPercent, after),
    }),
    rowOf({
      case: `failed of ${weir.after.requests}, ${span}`,
      unit: "requests",
      ...both(({ failed }) => failed, after),
    }),
    rowOf({ case: "mean latency before the loss", unit: "ms", ...both(({ meanMs }) => meanMs, before) }),
    rowOf({ case: "p99 before the loss", unit: "ms", ...both(({ p99Ms }) => p99Ms, before) }),
    rowOf({ case: `mean latency, ${span}`, unit: "ms", ...both(({ meanMs }) => meanMs, after) }),
    rowOf({ case: `p50, ${span}`, unit: "ms", ...both(({ p50Ms }) => p50Ms, after) }),
    rowOf({ case: `p99, ${span}`, unit: "ms", ...both(({ p99Ms }) => p99Ms, after) }),
    rowOf({
      case: "mean latency in the fallback state / as predicted",
      unit: "ms",
      value: weir.settled.meanMs,
      rival: predicted.meanMs,
    }),
  ];
}

/** What the rows cannot hold. */
function tell({ weir, rivals, fleet }: Results, say: Stage["say"]): void {
  const predicted = predict(weir.released, fleet, fleet.lost);
  say(`demand as the planner measured it: ${inWords(weir.demandRps)} rps`);
  say(`load with ${fleet.lost} dead, predicted: ${inWords(predicted.loadRps)} rps`);
  for (const { name, after } of [{ name: "Weir", ...weir }, ...rivals]) {
    say(`${name}: ${successPercent(after).toFixed(2)} % of ${after.requests} succeed; by source ${inPercent(after)}`);
    say(`  served: ${inWords(after.servedRps)} rps`);
    for (const [failure, count] of Object.entries(after.failures)) say(`  ${count} times ${failure}`);
  }
}

function inWords(values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value.toFixed(1)}`)
    .join(", ");
}

function inPercent({ successBySource }: Phase): string {
  return Object.entries(successBySource)
    .map(([name, share]) => `${name} ${(100 * share).toFixed(2)} %`)
    .join(", ");
}

function totalRps({ sites }: Fleet): number {
  return sites.reduce((sum, { demandRps }) => sum + demandRps, 0);
}
