import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Misuse } from "./bench.ts";
import type { Bench, Stage } from "./bench.ts";
import { Crew } from "./crew.ts";
import { agentBench } from "./agent/bench.ts";
import { failoverBench } from "./failover/bench.ts";
import { logBench } from "./log/bench.ts";
import { pushBench } from "./push/bench.ts";
import { plannerBench } from "./quality/bench.ts";
import { regionDownBench } from "./region-down/bench.ts";
import { jsonLine } from "./row.ts";
import { xdsBench } from "./xds/bench.ts";
import { tableOf } from "./table.ts";

const BENCHES: readonly Bench[] = [
  agentBench,
  failoverBench,
  logBench,
  plannerBench,
  pushBench,
  regionDownBench,
  xdsBench,
];

/** A bench that has not ended by now hangs, unless it says otherwise. */
const DEADLINE_MS = 180_000;

const USAGE = `npm run bench -- <name> [--json] [--quick]

${BENCHES.map(({ name, about }) => `  ${name.padEnd(13)}${about}`).join("\n")}

  --json    the last line is one JSON object
  --quick   fewer rounds, to see that it works; the numbers mean little

planner takes as well
  --scenarios DIR   the fleet documents of a folder instead of its own scenarios
  --write           leaves test/bench/planner.json, planner.svg and the like for growth
  --no-envoys       leaves out its section on real Envoys, which is region-down`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: "boolean" },
      quick: { type: "boolean" },
      scenarios: { type: "string" },
      write: { type: "boolean" },
      "no-envoys": { type: "boolean" },
    },
  });
  const bench = BENCHES.find(({ name }) => name === positionals[0]);
  if (bench === undefined || positionals.length > 1) {
    console.log(USAGE);
    process.exitCode = positionals.length === 0 ? 0 : 2;
    return;
  }
  const rows = await runBench(bench, {
    isQuick: values.quick === true,
    isWriting: values.write === true,
    isModelOnly: values["no-envoys"] === true,
    ...(values.scenarios !== undefined && { scenarios: values.scenarios }),
  });
  console.log(`${bench.name}: ${bench.about}\n\n${tableOf(rows)}\n`);
  if (values.json === true) console.log(jsonLine(bench.name, rows));
}

type Wishes = Pick<Stage, "isQuick" | "isWriting" | "isModelOnly" | "scenarios">;

async function runBench(bench: Bench, wishes: Wishes): ReturnType<Bench["run"]> {
  const folder = mkdtempSync(join(tmpdir(), "weir-bench-"));
  const crew = new Crew(folder);
  const cleanUp = (): void => {
    crew.killNow();
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  process.once("exit", cleanUp);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  try {
    return await inTime(bench.run(stageOf({ crew, folder, ...wishes })), bench.deadlineMs ?? DEADLINE_MS);
  } finally {
    await crew.close();
  }
}

function stageOf(parts: Pick<Stage, "crew" | "folder"> & Wishes): Stage {
  // Of 127.0.0.0/8, which is loopback as a whole: a block for each process id, far from those that the demo takes.
  const block = `127.${128 + ((process.pid >> 8) % 96)}.${process.pid % 256}`;
  return {
    ...parts,
    address: (n) => `${block}.${n}`,
    say: (line) => console.error(`  ${line}`),
  };
}

async function inTime<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no result in ${deadlineMs / 1_000} s`)), deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Misuse)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
