import { join } from "node:path";
import { resolvePart } from "../../../deploy/parts/resolve-part.ts";
import type { Bench, Stage } from "../bench.ts";
import type { Calls } from "../calls.ts";
import type { Member } from "../crew.ts";
import { rowOf } from "../row.ts";
import type { Row } from "../row.ts";
import { median } from "../statistics.ts";
import { canDropPackets, NAMESPACE } from "./blackhole.ts";
import { SLOW_MS } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";
import type { Act, ActResult } from "./world.ts";

/** A cluster is lost under load: what Weir left in the proxies beside the best that Envoy does by itself. */
export const failoverBench: Bench = {
  name: "failover",
  about:
    "one of three clusters lost under load / the same Envoys with priorities, outlier detection and retries by hand",
  run,
};

const RPS = 150;
const ROUNDS = 2;

async function run(stage: Stage): Promise<readonly Row[]> {
  const envoy = await resolvePart("envoy", { log: (line) => stage.say(line) });
  const mayDrop = canDropPackets();
  if (!mayDrop) stage.say("no network namespace to be had: SIGSTOP stands in for dropped packets");
  const world = stage.crew.startNode({
    name: "world",
    entry: join(import.meta.dirname, "world.ts"),
    args: [stage.folder, envoy.path],
    ...(mayDrop ? { through: NAMESPACE } : {}),
  });
  const rows: Row[] = [];
  for (const { label, act, atMost } of scenes(mayDrop)) {
    const results = await playAll(stage, { world, label, act });
    rows.push(...rowsOf({ label, results, ...(atMost === undefined ? {} : { atMost }) }));
  }
  return rows;
}

interface Scene {
  readonly label: string;
  readonly act: Act;
  readonly atMost?: number;
}

function scenes(mayDrop: boolean): readonly Scene[] {
  const silent = mayDrop
    ? ({ fault: "drop", word: "packets dropped" } as const)
    : ({ fault: "stop", word: "SIGSTOP" } as const);
  const timing = { settleMs: 2_000, watchMs: 5_000, rps: RPS };
  return [
    { label: "kill -9", act: { fault: "kill", control: "stopped", ...timing }, atMost: 1.2 },
    { label: silent.word, act: { fault: silent.fault, control: "stopped", ...timing }, atMost: 1.2 },
    { label: "kill -9, agents running", act: { fault: "kill", control: "running", ...timing } },
    { label: `${silent.word}, agents running`, act: { fault: silent.fault, control: "running", ...timing } },
  ];
}

async function playAll(
  stage: Stage,
  { world, label, act }: { world: Member & Calls; label: string; act: Act },
): Promise<readonly ActResult[]> {
  const rounds = stage.isQuick || act.control === "running" ? 1 : ROUNDS;
  const results: ActResult[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    stage.say(`${label}: round ${round} of ${rounds}`);
    results.push(await world.call<ActResult>("play", act));
  }
  const failures = results.flatMap(({ weir, static: rival }) => [
    ...weir.failures.map((failure) => `Weir: ${failure}`),
    ...rival.failures.map((failure) => `rival: ${failure}`),
  ]);
  for (const failure of new Set(failures)) stage.say(`  ${failure}`);
  return results;
}

function rowsOf({
  label,
  results,
  atMost,
}: {
  readonly label: string;
  readonly results: readonly ActResult[];
  readonly atMost?: number;
}): readonly Row[] {
  const both = (read: (verdict: Verdict) => number, fold: (values: readonly number[]) => number) => ({
    value: fold(results.map(({ weir }) => read(weir))),
    rival: fold(results.map(({ static: rival }) => read(rival))),
  });
  const aim = atMost === undefined ? {} : { atMost };
  const requests = sum(results.map(({ weir }) => weir.requests));
  return [
    rowOf({ case: `${label}: failed of ${requests}`, unit: "requests", ...aim, ...both(({ failed }) => failed, sum) }),
    rowOf({
      case: `${label}: until 99 % succeed`,
      unit: "ms",
      ...aim,
      ...both(({ recoveryMs }) => recoveryMs, median),
    }),
    rowOf({ case: `${label}: slower than ${SLOW_MS} ms`, unit: "requests", ...both(({ slow }) => slow, sum) }),
    rowOf({ case: `${label}: slowest answer`, unit: "ms", ...both(({ slowestMs }) => slowestMs, median) }),
  ];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
