import { readFileSync } from "node:fs";

/**
 * Memory that this process has for itself, in MiB: what would come free if it ended. Pages that it shares with others,
 * such as the Node binary's, are not in it. Needs Linux.
 */
export function privateMiB(pid: number | "self" = "self"): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kib = [...rollup.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].map(([, amount]) => Number(amount));
  return kib.reduce((sum, amount) => sum + amount, 0) / 1_024;
}

/** The same after garbage was collected. Needs `--expose-gc`. */
export async function settledPrivateMiB(): Promise<number> {
  for (let pass = 0; pass < 3; pass += 1) {
    globalThis.gc?.();
    // Finalisers run between the passes.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return privateMiB();
}
