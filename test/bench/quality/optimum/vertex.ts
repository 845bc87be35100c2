import assert from "node:assert/strict";
import type { Division, Instance } from "../instance.ts";

/** A division with the two things that its cost depends on. */
export interface Vertex {
  readonly division: Division;
  /** Load of each backend, rps. */
  readonly loadsRps: readonly number[];
  /** Network and price, ms * rps. */
  readonly wayMs: number;
}

/** A division as a vertex. */
export function vertexOf(instance: Instance, division: Division): Vertex {
  const loads = instance.backends.map(() => 0);
  let wayMs = 0;
  for (const [source, amounts] of division.entries()) {
    for (const [b, rps] of amounts.entries()) {
      // What may not be used has no price either; nothing goes there.
      if (rps === 0) continue;
      loads[b] = (loads[b] ?? 0) + rps;
      wayMs += rps * (instance.costMs[source]?.[b] ?? Number.NaN);
    }
  }
  return { division, loadsRps: loads, wayMs };
}

/**
 * The cheapest division when a request at backend b costs `pricesMs[b]` besides its way there and there are no limits: the
 * linear problem of Frank-Wolfe. Each source takes its cheapest backends on its own, except that a release's share of all
 * requests is handed to those sources that lose least by it.
 */
export function cheapest(instance: Instance, pricesMs: readonly number[]): Vertex {
  const division = instance.clusters.map(() => instance.backends.map(() => 0));
  const costOf = (source: number, b: number): number =>
    (instance.costMs[source]?.[b] ?? Number.NaN) + (pricesMs[b] ?? Number.NaN);
  const released = releasedRps(instance, costOf);
  for (const [source, rps] of instance.demandRps.entries()) {
    if (rps === 0) continue;
    const other = released?.[source] ?? 0;
    place(instance, { source, version: instance.stableVersion, rps: rps - other, most: instance.maxShare * rps });
    if (other > 0) place(instance, { source, version: instance.release?.version ?? "", rps: other, most: other });
  }
  return vertexOf(instance, division);

  function place(of: Instance, one: { source: number; version: string; rps: number; most: number }): void {
    let left = one.rps;
    const ranked = backendsOf(of, one.source, one.version).toSorted(
      (a, b) => costOf(one.source, a) - costOf(one.source, b) || a - b,
    );
    for (const b of ranked) {
      const row = division[one.source];
      const amount = Math.min(left, one.most);
      if (row === undefined || amount <= 0) return;
      row[b] = (row[b] ?? 0) + amount;
      left -= amount;
    }
  }
}

/** Requests of the released version by source: those first whose detour is the shortest. */
function releasedRps(instance: Instance, costOf: (source: number, b: number) => number): readonly number[] | undefined {
  const { release, stableVersion } = instance;
  if (release === undefined) return undefined;
  assert(instance.maxShare === 1, "a release and a largest share of one destination are not compared together");
  const best = (source: number, version: string): number =>
    Math.min(...backendsOf(instance, source, version).map((b) => costOf(source, b)));
  const detours = instance.demandRps
    .map((rps, source) => ({ source, rps, ms: best(source, release.version) - best(source, stableVersion) }))
    .toSorted((a, b) => a.ms - b.ms || a.source - b.source);
  const amounts = instance.demandRps.map(() => 0);
  let left = release.share * instance.totalRps;
  for (const { source, rps } of detours) {
    const amount = Math.min(left, rps * release.maxSourceShare);
    amounts[source] = amount;
    left -= amount;
  }
  return amounts;
}

function backendsOf(instance: Instance, source: number, version: string): readonly number[] {
  return instance.backends.flatMap((backend, b) =>
    backend.version === version && instance.mayUse[source]?.[b] === true ? [b] : [],
  );
}
