import { Membership } from "../../proto/gen/weir/v1/fleet_pb.ts";
import type { Cluster } from "../../proto/gen/weir/v1/fleet_pb.ts";
import type { SourceSplit, WeightedDestination } from "../../proto/gen/weir/v1/plan_pb.ts";
import { ShiftPhase } from "../../proto/gen/weir/v1/traffic_pb.ts";
import type { Shift, ShiftTarget } from "../../proto/gen/weir/v1/traffic_pb.ts";
import { MEMBERSHIP_WORDS, SHIFT_PHASE_WORDS, VERDICT_WORDS } from "../wire/words.ts";
import { duration, percent } from "./notation.ts";
import { harmless } from "./terminal.ts";
import type { Paint, Tone } from "./terminal.ts";

/** A cluster's membership in a word. */
export function membershipWord({ membership }: Cluster): string {
  return MEMBERSHIP_WORDS.words.get(membership) ?? `membership ${membership}`;
}

/** A cluster's health in a word; `-` before it is a member that could have any. */
export function healthWord(cluster: Cluster, paint: Paint): string {
  if (cluster.membership !== Membership.ACTIVE) return paint("dim", "-");
  const word = VERDICT_WORDS.words.get(cluster.verdict) ?? `verdict ${cluster.verdict}`;
  const tones: Readonly<Record<string, Tone>> = { healthy: "good", degraded: "warn", unknown: "warn", dead: "bad" };
  return paint(tones[word] ?? "warn", word);
}

/** What else is to be said of a cluster, in words. */
export function clusterNotes(cluster: Cluster): string {
  const { drain, rampCeilingWeight, activeFallback } = cluster;
  const notes = [
    cluster.isQuarantined ? "quarantined" : "",
    cluster.isCordoned && drain === undefined ? "cordoned" : "",
    drain === undefined ? "" : drainWords(drain),
    rampCeilingWeight === undefined ? "" : `returning, at most ${percent(rampCeilingWeight)} a source`,
    activeFallback === "" ? "" : harmless(activeFallback),
  ];
  return notes.filter((note) => note !== "").join(", ");
}

/** How far a drain is. */
export function drainWords(drain: NonNullable<Cluster["drain"]>): string {
  return drain.isDone ? "drained" : `draining, ${percent(drain.remainingWeight)} left`;
}

/** How long ago a cluster was heard of. */
export function lastReport({ silentForMs }: Cluster): string {
  return silentForMs === undefined ? "never" : `${duration(Number(silentForMs))} ago`;
}

/** `cluster/version`. */
export function destinationWord({ destination }: WeightedDestination): string {
  return harmless(`${destination?.cluster ?? "?"}/${destination?.version ?? "?"}`);
}

/** A split in words: `eu-west/v1 50%, us-east/v1 50%`. */
export function splitWords(weights: readonly WeightedDestination[]): string {
  return weights.map((entry) => `${destinationWord(entry)} ${percent(entry.weight)}`).join(", ") || "nothing";
}

/** Splits of several sources in words; a single source needs no name. */
export function sourceSplitWords(splits: readonly SourceSplit[]): string {
  const [only] = splits;
  if (splits.length === 1 && only !== undefined) return splitWords(only.weights);
  return splits.map(({ cluster, weights }) => `${harmless(cluster)}: ${splitWords(weights)}`).join("; ");
}

/** A shift's target in words. */
export function targetWords(target: ShiftTarget | undefined): string {
  if (target?.target.case === "split") return splitWords(target.target.value.weights);
  return target?.target.case === "automatic" ? "automatic" : "?";
}

/** A shift's phase in a word. */
export function phaseWord({ phase }: Shift, paint: Paint): string {
  const word = SHIFT_PHASE_WORDS.get(phase) ?? `phase ${phase}`;
  const tones: Readonly<Record<string, Tone>> = { completed: "good", holding: "warn", failed: "bad", aborted: "warn" };
  const tone = tones[word];
  return tone === undefined ? word : paint(tone, word);
}

/** Whether a shift has come to its end, and which. */
export function endOf({ phase }: Shift): "running" | "well" | "badly" {
  if (phase === ShiftPhase.COMPLETED) return "well";
  const isRunning = phase === ShiftPhase.PROGRESSING || phase === ShiftPhase.HOLDING;
  return isRunning ? "running" : "badly";
}

/** Time since a moment, in ms since 1970. */
export function age(unixMs: bigint, nowMs: number): string {
  return unixMs === 0n ? "" : duration(nowMs - Number(unixMs));
}
