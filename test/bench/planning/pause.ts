import { join } from "node:path";
import { foundBus } from "../../../src/io/nats/accounts.ts";
import type { Stage } from "../bench.ts";
import { startNats } from "../nats-server.ts";
import { rowOf } from "../row.ts";
import type { Row } from "../row.ts";
import type { PauseOptions, PauseResult } from "./pause-process.ts";
import type { Size } from "./size-process.ts";

const SIZES: readonly Size[] = [
  { clusters: 50, services: 1_000 },
  { clusters: 100, services: 2_000 },
];
const QUICK_SIZES: readonly Size[] = [{ clusters: 10, services: 40 }];

/** Longest that nothing else may have its turn at the engine, ms. */
const PAUSE_AT_MOST_MS = 20;

const TIMEOUT_MS = 700_000;

/** Addresses of the stage's block that the stores of these rows take. */
const FIRST_ADDRESS = 20;

/** The real engine on a real store, its planning worker beside it: how long it holds still while a whole fleet is planned. */
export async function pauseRows(stage: Stage): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [index, size] of (stage.isQuick ? QUICK_SIZES : SIZES).entries()) {
    // One after the other: they share the machine.
    rows.push(...rowsOf(size, await paused(stage, size, stage.address(FIRST_ADDRESS + index))));
  }
  return rows;
}

async function paused(stage: Stage, size: Size, host: string): Promise<PauseResult> {
  const foundation = await foundBus();
  const url = await startNats(stage, { host, foundation });
  const process = stage.crew.startNode({
    name: `engine-${size.clusters}`,
    entry: join(import.meta.dirname, "pause-process.ts"),
    flags: ["--max-old-space-size=8192"],
  });
  const options: PauseOptions = { ...size, url, creds: foundation.plannerCreds };
  const result = await process.call<PauseResult>("plan", options, TIMEOUT_MS);
  await process.kill("SIGTERM");
  stage.say(
    `${size.clusters} clusters x ${size.services} services through the engine: ${(result.tookMs / 1_000).toFixed(1)} s, longest pause ${result.longestMs.toFixed(1)} ms`,
  );
  return result;
}

function rowsOf({ clusters, services }: Size, result: PauseResult): readonly Row[] {
  const size = `${clusters} clusters x ${services} services`;
  const row = (what: string, value: number, atMost?: number): Row =>
    rowOf({
      case: `${size}: ${what} / ${PAUSE_AT_MOST_MS} ms`,
      value,
      rival: PAUSE_AT_MOST_MS,
      unit: "ms",
      ...(atMost !== undefined && { atMost }),
    });
  return [
    row("engine's longest pause while all is planned", result.longestMs, 1),
    row("engine's pauses, p99", result.p99Ms),
    row("engine's longest turn, by what it computed", result.longestComputedMs),
    row("engine's turns, by what they computed, p99", result.p99ComputedMs),
  ];
}
