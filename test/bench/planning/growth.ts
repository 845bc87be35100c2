import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Stage } from "../bench.ts";
import { rowOf } from "../row.ts";
import type { Row } from "../row.ts";
import { growthPicture } from "./growth-picture.ts";
import type { Size, SizeResult } from "./size-process.ts";

const SIZES: readonly Size[] = [
  { clusters: 10, services: 100 },
  { clusters: 25, services: 500 },
  { clusters: 50, services: 1_000 },
  { clusters: 100, services: 2_000 },
];

const QUICK_SIZES: readonly Size[] = [
  { clusters: 10, services: 20 },
  { clusters: 20, services: 40 },
];

/** The largest plans two hundred thousand route sets, and eleven deaths' share of them. */
const TIMEOUT_MS = 900_000;

/**
 * How much more a piece of work may cost in the largest fleet than in the second largest: what grows with what changed costs
 * the same, and what grows with the fleet costs twice or four times as much.
 */
const GROWTH_AT_MOST = 1.5;

const PICTURE = join(import.meta.dirname, "..", "planner-growth.svg");
const NUMBERS = join(import.meta.dirname, "..", "planner-growth.json");

/** Full plans, re-plans after one cluster's death and memory, against the size of the fleet. */
export async function growthRows(stage: Stage): Promise<readonly Row[]> {
  const results: SizeResult[] = [];
  for (const size of stage.isQuick ? QUICK_SIZES : SIZES) {
    // One after the other: they share the machine.
    const result = await measured(stage, size);
    results.push(result);
    stage.say(lineOf(result));
  }
  if (stage.isWriting) {
    writeFileSync(PICTURE, growthPicture(results));
    writeFileSync(NUMBERS, `${JSON.stringify(results, rounded, 2)}\n`);
  }
  return [...results.flatMap(sizeRows), ...slopeRows(results)];
}

/** A process of its own for each size: nothing is left of the one before it. */
async function measured(stage: Stage, size: Size): Promise<SizeResult> {
  const process = stage.crew.startNode({
    name: `size-${size.clusters}`,
    entry: join(import.meta.dirname, "size-process.ts"),
    flags: ["--expose-gc", "--max-old-space-size=8192"],
  });
  const result = await process.call<SizeResult>("measure", size, TIMEOUT_MS);
  await process.kill("SIGTERM");
  return result;
}

function lineOf({ clusters, services, search, live, heapMiB, rssMiB }: SizeResult): string {
  const pace = ({ fullMs, deathMs, concerned }: SizeResult["live"]) =>
    `${fullMs.toFixed(0)} ms, after a death ${deathMs.toFixed(1)} ms (${concerned.toFixed(0)} services)`;
  return `${clusters} clusters x ${services} services: search ${pace(search)}; whole ${pace(live)}; heap ${heapMiB.toFixed(0)} MiB, RSS ${rssMiB.toFixed(0)} MiB`;
}

function sizeRows({ clusters, services, live, heapMiB, rssMiB }: SizeResult): readonly Row[] {
  const size = `${clusters} clusters x ${services} services`;
  return [
    rowOf({
      case: `${size}: one cluster dies, whole re-plan / whole plan`,
      value: live.deathMs,
      rival: live.fullMs,
      unit: "ms",
    }),
    rowOf({ case: `${size}: heap of the state / RSS`, value: heapMiB, rival: rssMiB, unit: "MiB" }),
  ];
}

/** What one route set costs in the largest fleet, in terms of what it costs in the one before it. */
function slopeRows(results: readonly SizeResult[]): readonly Row[] {
  const [before, largest] = results.slice(-2);
  if (before === undefined || largest === undefined) return [];
  const sizes = `${largest.clusters} x ${largest.services} / ${before.clusters} x ${before.services}`;
  const row = (what: string, unit: string, of: (result: SizeResult) => number): Row =>
    rowOf({ case: `${sizes}: ${what}`, value: of(largest), rival: of(before), unit, atMost: GROWTH_AT_MOST });
  return [
    row("whole plan, time for each route set", "µs", ({ live, clusters, services }) =>
      perRouteSet(live.fullMs, clusters * services),
    ),
    row("one cluster dies, time for each route set concerned", "µs", ({ live, clusters }) =>
      perRouteSet(live.deathMs, clusters * live.concerned),
    ),
    row("search, time for each pair of a source and a service", "µs", ({ search, clusters, services }) =>
      perRouteSet(search.fullMs, clusters * services),
    ),
    row("search after a death, time for each such pair concerned", "µs", ({ search, clusters }) =>
      perRouteSet(search.deathMs, clusters * search.concerned),
    ),
    row(
      "heap for each route set",
      "KiB",
      ({ heapMiB, clusters, services }) => (1_024 * heapMiB) / (clusters * services),
    ),
  ];
}

function perRouteSet(ms: number, routeSets: number): number {
  return (1_000 * ms) / routeSets;
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Number(value.toPrecision(4)) : value;
}
