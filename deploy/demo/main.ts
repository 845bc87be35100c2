import { parseArgs } from "node:util";
import { CLUSTER_DEATH } from "./chapters/cluster-death.ts";
import { CONTROL_PLANE_DEATH } from "./chapters/control-plane-death.ts";
import { DRAIN } from "./chapters/drain.ts";
import { HOT_SPOT } from "./chapters/hot-spot.ts";
import { JOIN } from "./chapters/join.ts";
import { LEADER_DEATH } from "./chapters/leader-death.ts";
import { LOCAL } from "./chapters/local.ts";
import { PRICE } from "./chapters/price.ts";
import { SHIFT } from "./chapters/shift.ts";
import type { Chapter, Play } from "./play.ts";
import { DEMO_REPORT, DEMO_SETTINGS, DEMO_TIMING } from "./configuration.ts";
import { DEMO_PACE } from "./shifting.ts";
import { findParts, type RealParts } from "./real-parts.ts";
import { openStack, type Stack } from "./stack.ts";
import { judge, tableOf, type ChapterSummary, type Summary } from "./summary.ts";
import { Tally } from "./tally.ts";
import { takeWorkspace, type Workspace } from "./workspace.ts";

const CHAPTERS: readonly Chapter[] = [
  JOIN,
  LOCAL,
  SHIFT,
  HOT_SPOT,
  PRICE,
  CLUSTER_DEATH,
  DRAIN,
  LEADER_DEATH,
  CONTROL_PLANE_DEATH,
];

/** Chapters that need HTTP callers, and so Envoys. */
const OF_ENVOY: ReadonlySet<Chapter> = new Set([HOT_SPOT, PRICE]);

const USAGE = `usage: npm run demo [-- --once] [-- --json]
  --once  end after the summary, with exit code 0 only if every check held
  --json  the last line is one JSON object; progress goes to standard error
`;

interface Options {
  readonly once: boolean;
  readonly json: boolean;
}

async function main(): Promise<void> {
  const options = readOptions();
  const say = (line: string): void => void (options.json ? process.stderr : process.stdout).write(`${line}\n`);
  const workspace = await takeWorkspace();
  const tally = new Tally();
  const parts = await findParts(say);
  say(`short times for a short play: ${inWords({ ...DEMO_PACE, ...DEMO_SETTINGS, ...DEMO_TIMING, ...DEMO_REPORT })}`);
  const stack = await openStack({ workspace, tally, parts, say });
  endWell(stack, workspace);
  try {
    const summary = await playAll(
      { topology: workspace.topology, service: stack.movedService, stack, operator: stack.operator, tally, say },
      parts,
    );
    say(`\n${tableOf(summary)}\n`);
    for (const { name, broken = [] } of summary.chapters) for (const line of broken) say(`${name}: ${line}`);
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    process.exitCode = summary.ok ? 0 : 1;
    if (!options.once && process.stdout.isTTY) await stayUp(stack, say);
  } finally {
    await stack.close();
    workspace.release();
  }
}

function inWords(times: Readonly<Record<string, number>>): string {
  return Object.entries(times)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}

function readOptions(): Options {
  try {
    const { values } = parseArgs({
      options: { once: { type: "boolean" }, json: { type: "boolean" }, help: { type: "boolean" } },
    });
    if (values.help === true) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    return { once: values.once ?? false, json: values.json ?? false };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    return process.exit(2);
  }
}

async function playAll(play: Play, parts: RealParts): Promise<Summary> {
  const setupSeconds = Number(process.uptime().toFixed(1));
  const chapters: ChapterSummary[] = [];
  const wanted = CHAPTERS.filter((chapter) => play.stack.hasEnvoy || !OF_ENVOY.has(chapter));
  for (const chapter of wanted) {
    // Each chapter builds on the one before it.
    const summary = await playOne(play, chapter);
    chapters.push(summary);
    if (summary.requests === 0) break;
  }
  const ok = chapters.length === wanted.length && chapters.every((chapter) => chapter.ok);
  return {
    ok,
    setupSeconds,
    parts: parts.versions,
    ...(parts.leftOut.length === 0 ? {} : { leftOut: parts.leftOut }),
    chapters,
  };
}

async function playOne(play: Play, chapter: Chapter): Promise<ChapterSummary> {
  const startedAtMs = Date.now();
  play.say(`\n── ${chapter.name}: ${chapter.title}`);
  const within = {
    ...play,
    say: (line: string) => play.say(`   ${((Date.now() - startedAtMs) / 1_000).toFixed(1).padStart(5)} s  ${line}`),
  };
  const outcome = await chapter.run(within).catch((error: Error) => ({
    counted: { fromMs: startedAtMs },
    checks: [{ claim: "the chapter plays to its end", holds: false, seen: error.message }],
  }));
  const counted = play.tally.count(outcome.counted);
  const summary = judge(chapter, outcome, { counted, seconds: (Date.now() - startedAtMs) / 1_000 });
  within.say(`${summary.ok ? "ok" : "BROKEN"}: ${summary.failed} of ${summary.requests} requests failed`);
  for (const line of summary.broken ?? []) within.say(`! ${line}`);
  return summary;
}

async function stayUp(stack: Stack, say: (line: string) => void): Promise<void> {
  say(
    `The fleet stays up. From another terminal, in this folder:\n${stack.invitation()}\nCtrl-C ends it and leaves nothing behind.`,
  );
  await new Promise(() => {
    setInterval(() => undefined, 60_000);
  });
}

/** Whatever ends the demo, its processes and its folder go with it. */
function endWell(stack: Stack, workspace: Workspace): void {
  process.on("exit", () => {
    stack.killAllNow();
    workspace.release();
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      void stack.close().finally(() => process.exit(signal === "SIGINT" ? 130 : 143));
    });
  }
}

await main();
