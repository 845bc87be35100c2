import type { Chapter, Check, Latencies, Outcome, Phase, Shares } from "./play.ts";
import { percent } from "./shares.ts";
import type { Counted } from "./tally.ts";

/** One chapter in the demo's JSON. Shares are 0 to 1, the same keys in both. */
export interface ChapterSummary {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly requests: number;
  readonly failed: number;
  readonly intended?: Shares;
  readonly observed?: Shares;
  /** Mean latency of each source's requests, predicted and observed. */
  readonly latencies?: Latencies;
  /** Stretches of a chapter that has several, each with shares, latencies and loads of its own. */
  readonly phases?: readonly Phase[];
  readonly tookMs?: Readonly<Record<string, number>>;
  /** Lines of `weir plan explain` that say why. */
  readonly explained?: readonly string[];
  readonly recoveryMs?: number;
  /** Claims that did not hold, with what was seen; absent when all held. */
  readonly broken?: readonly string[];
}

/** The demo's one JSON object. */
export interface Summary {
  readonly ok: boolean;
  /** From the start of the command to the first chapter. */
  readonly setupSeconds: number;
  /** Versions of the real parts that took part. */
  readonly parts: Readonly<Record<string, string>>;
  /** What the demo could not have, and so left out. */
  readonly leftOut?: readonly string[];
  readonly chapters: readonly ChapterSummary[];
}

/** Fewest requests a chapter must carry for its counts to mean something. */
const REQUESTS_MIN = 500;

/** Judges a chapter by its own checks, its number of requests and its failures. */
export function judge(
  chapter: Chapter,
  outcome: Outcome,
  run: { readonly counted: Counted; readonly seconds: number },
): ChapterSummary {
  const { requests, failed, failures } = run.counted;
  const allowed = Math.floor((outcome.failedRatioMax ?? 0) * requests);
  const checks: readonly Check[] = [
    ...outcome.checks,
    { claim: `at least ${REQUESTS_MIN} requests`, holds: requests >= REQUESTS_MIN, seen: String(requests) },
    {
      claim: `at most ${allowed} failed requests`,
      holds: failed <= allowed,
      seen: `${failed} (${[...new Set(failures)].slice(0, 3).join("; ")})`,
    },
  ];
  const broken = checks.filter(({ holds }) => !holds).map(({ claim, seen }) => `${claim}: saw ${seen}`);
  return {
    name: chapter.name,
    ok: broken.length === 0,
    seconds: Number(run.seconds.toFixed(1)),
    requests,
    failed,
    ...(outcome.intended === undefined ? {} : { intended: outcome.intended }),
    ...(outcome.observed === undefined ? {} : { observed: outcome.observed }),
    ...(outcome.latencies === undefined ? {} : { latencies: outcome.latencies }),
    ...(outcome.phases === undefined ? {} : { phases: outcome.phases }),
    ...(outcome.tookMs === undefined ? {} : { tookMs: outcome.tookMs }),
    ...(outcome.explained === undefined ? {} : { explained: outcome.explained }),
    ...(outcome.recoveryMs === undefined ? {} : { recoveryMs: outcome.recoveryMs }),
    ...(broken.length === 0 ? {} : { broken }),
  };
}

/** The summary as a table for people. */
export function tableOf(summary: Summary): string {
  const header = [
    "chapter",
    "",
    "seconds",
    "requests",
    "failed",
    "recovered in",
    "mean ms predicted → observed",
    "share intended → observed",
  ];
  const rows = summary.chapters.map((chapter) => [
    chapter.name,
    chapter.ok ? "ok" : "BROKEN",
    chapter.seconds.toFixed(1),
    String(chapter.requests),
    String(chapter.failed),
    chapter.recoveryMs === undefined ? "" : `${chapter.recoveryMs} ms`,
    latenciesOf(chapter),
    sharesOf(chapter),
  ]);
  return [header, ...rows].map((row) => alignRow(row, [header, ...rows])).join("\n");
}

function alignRow(row: readonly string[], all: readonly (readonly string[])[]): string {
  const cells = row.map((cell, column) => {
    const width = Math.max(...all.map((other) => other[column]?.length ?? 0));
    return column >= 2 && column <= 5 ? cell.padStart(width) : cell.padEnd(width);
  });
  return cells.join("  ").trimEnd();
}

function latenciesOf({ latencies }: ChapterSummary): string {
  const sources = Object.entries(latencies ?? {});
  return sources
    .map(([source, { predictedMs, observedMs }]) => `${source} ${predictedMs.toFixed(0)} → ${observedMs.toFixed(0)}`)
    .join(", ");
}

function sharesOf({ intended, observed }: ChapterSummary): string {
  const sources = Object.entries(intended ?? {}).map(([source, shares]) => {
    const parts = Object.entries(shares).map(
      ([key, share]) => `${key} ${percent(share)} → ${percent(observed?.[source]?.[key] ?? 0)}`,
    );
    return `${source}: ${parts.join(", ")}`;
  });
  return sources.join("; ");
}
