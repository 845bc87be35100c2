import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ChapterSummary, Summary } from "../../deploy/demo/summary.ts";

const ROOT = join(import.meta.dirname, "../..");

/** The play takes about a minute; a machine that is busy takes longer. */
const PLAY_TIMEOUT_MS = 400_000;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function runDemo(args: readonly string[], interruptOn?: string): Promise<Ended> {
  const demo = spawn(process.execPath, [join(ROOT, "deploy/demo/main.ts"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  demo.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  demo.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    if (interruptOn !== undefined && stderr.includes(interruptOn)) demo.kill("SIGINT");
  });
  const code = await new Promise<number | null>((resolve) => demo.once("exit", resolve));
  return { code, stdout, stderr };
}

function demoFolders(): readonly string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith("weir-demo-"));
}

/** Processes that mention a demo's folder in their command line, of this user's view of /proc. */
function demoProcesses(): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(commandLine)
    .filter((line) => line.includes("weir-demo-"));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    // It ended between the listing and the look.
    return "";
  }
}

function chapterOf({ chapters }: Summary, name: string): ChapterSummary {
  const found = chapters.find((chapter) => chapter.name === name);
  if (found === undefined) throw new Error(`no chapter ${name}`);
  return found;
}

/** What each phase of a chapter says of one source's share at home, and of the fullest destination. */
function phasesOf({ phases = [] }: ChapterSummary, source: string) {
  return phases.map(({ name, intended, loads }) => ({
    name,
    home: intended[source]?.[`${source}/v1`] ?? 0,
    filling: Math.max(...Object.values(loads).map(({ plannedRps, limitRps }) => plannedRps / limitRps)),
  }));
}

/** The crowd's excess leaves, nobody is filled beyond the limit, and all of it comes home. */
function judgeHotSpot(chapter: ChapterSummary): void {
  const [before, during, after] = phasesOf(chapter, "us-east");
  expect(before).toMatchObject({ name: "before", home: 1 });
  expect(during?.name).toBe("during");
  expect(during?.home).toBeGreaterThan(0.3);
  expect(during?.home).toBeLessThan(0.95);
  expect(during?.filling).toBeLessThanOrEqual(1.02);
  expect(after).toMatchObject({ name: "after", home: 1 });
  expect(chapter.failed).toBe(0);
  expect(Object.keys(chapter.latencies ?? {}).toSorted()).toEqual(["ap-south", "eu-west", "us-east"]);
  expect(chapter.tookMs?.["spread"]).toBeLessThan(30_000);
}

/** The nearer cluster gets what leaves until it has a price, and `weir plan explain` reckons why not then. */
function judgePrice(chapter: ChapterSummary): void {
  const [before, after] = (chapter.phases ?? []).map(({ intended }) => intended["us-east"] ?? {});
  expect(before?.["eu-west/v1"]).toBeGreaterThan(0.05);
  expect(after?.["eu-west/v1"] ?? 0).toBeLessThanOrEqual(0.05);
  expect(after?.["ap-south/v1"]).toBeGreaterThan(before?.["ap-south/v1"] ?? 0);
  const line = chapter.explained?.find((text) => text.startsWith("ap-south/v1 price: eu-west/v1 is nearer")) ?? "";
  const sums = [...line.matchAll(/(\d+) ms away and \$(\d+) per million requests, which weigh (\d+) ms: (\d+) ms/gu)];
  // A megabyte at 0.09 and 0.01 dollars per GB, a millisecond at a millionth of a dollar.
  expect(sums.map(([, ...numbers]) => numbers.map(Number))).toEqual([
    [40, 90, 90, 130],
    [90, 10, 10, 100],
  ]);
}

describe("the demo", () => {
  it(
    "plays every chapter on real parts without breaking one promise",
    async () => {
      const { code, stdout, stderr } = await runDemo(["--once", "--json"]);
      const summary = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Summary;
      const broken = summary.chapters.flatMap((chapter) =>
        (chapter.broken ?? []).map((line) => `${chapter.name}: ${line}`),
      );
      // The story goes first: without it a broken check is hard to understand.
      if (broken.length > 0) process.stderr.write(stderr);
      expect(broken).toEqual([]);
      expect(summary.chapters.map(({ name }) => name)).toEqual([
        "join",
        "local",
        "shift",
        "hot-spot",
        "price",
        "cluster-death",
        "drain",
        "leader-death",
        "control-plane-death",
      ]);
      expect(summary.parts).toMatchObject({
        nats: expect.stringMatching(/^2\./),
        envoy: expect.stringMatching(/^1\./),
      });
      judgeHotSpot(chapterOf(summary, "hot-spot"));
      judgePrice(chapterOf(summary, "price"));
      expect(code).toBe(0);
      expect(summary.ok).toBe(true);
    },
    PLAY_TIMEOUT_MS,
  );

  it(
    "leaves no process and no file when it is interrupted",
    async () => {
      const { code } = await runDemo(["--json"], "callers started");
      expect(code).toBe(130);
      expect(demoProcesses()).toEqual([]);
      expect(demoFolders()).toEqual([]);
    },
    PLAY_TIMEOUT_MS,
  );

  it("refuses an argument it does not know, with its usage", async () => {
    const { code, stderr } = await runDemo(["--onec"]);
    expect(code).toBe(2);
    expect(stderr).toContain("usage: npm run demo");
  });
});
