import { readFileSync, writeFileSync } from "node:fs";

/** Only Linux tells of a process' peak, and lets it be forgotten; elsewhere it counts as 0, and the rest of a test holds. */
const CAN_MEASURE = process.platform === "linux";

/** Begins to measure the most memory that a process holds. */
export function forgetPeak(pid: number): void {
  if (CAN_MEASURE) writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** The most memory that a process held since `forgetPeak`, in MiB. */
export function peakMib(pid: number): number {
  if (!CAN_MEASURE) return 0;
  const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1_024;
}
