import type { Version } from "../../model/ids.ts";
import { demandOf } from "./subject.ts";
import type { Divisible } from "./subject.ts";

/** Requests per second of each version: source → version, in the order of the subject's versions. */
export type Sizes = readonly (readonly number[])[];

/** Whether anybody may serve a source with a version. */
export function isReachable(
  { destinations, exclusions }: Divisible,
  source: number,
  version: Version | undefined,
): boolean {
  return destinations.some((site, at) => site.version === version && exclusions[source]?.[at] === undefined);
}

/** Most of each version that each source may send: the ceiling of a release, and nothing of what nobody may serve it. */
export function ceilingsOf(subject: Divisible): Sizes {
  const most = subject.service.release?.maxSourceShare ?? 1;
  return subject.sources.map(({ demandRps }, source) =>
    subject.versions.map((version, at) => {
      // Whom the stable version cannot serve is told so, and not released to by surprise.
      if (!isReachable(subject, source, subject.versions[0]) || !isReachable(subject, source, version)) return 0;
      return Math.min(at === 0 ? demandRps : most * demandRps, roomUnder(subject, source, version));
    }),
  );
}

/** What the ceilings of a version's destinations leave a source, rps; the stable version must take what there is. */
function roomUnder(
  { destinations, exclusions, ceilingsRps, versions }: Divisible,
  source: number,
  version: Version,
): number {
  if (ceilingsRps === undefined || version === versions[0]) return Infinity;
  return destinations.reduce(
    (sum, found, to) =>
      found.version === version && exclusions[source]?.[to] === undefined
        ? sum + (ceilingsRps[source]?.[to] ?? Infinity)
        : sum,
    0,
  );
}

/** What each version shall get of all requests, rps. */
export function totalsOf(subject: Divisible): readonly number[] {
  const { versions, service } = subject;
  const demandRps = demandOf(subject);
  const released = versions.slice(1).map((version) => (service.release?.shares[version] ?? 0) * demandRps);
  return [demandRps - released.reduce((sum, rps) => sum + rps, 0), ...released];
}

/** Every source sends the same share, where it may. */
export function uniformSizes(subject: Divisible): Sizes {
  const [ceilings, totals, demandRps] = [ceilingsOf(subject), totalsOf(subject), demandOf(subject)];
  return subject.sources.map((source, from) => {
    const parts = totals.map((total) => (demandRps === 0 ? 0 : (total / demandRps) * source.demandRps));
    return withStableRest(
      source.demandRps,
      parts.map((part, at) => Math.min(part, ceilings[from]?.[at] ?? 0)),
    );
  });
}

/**
 * The versions' totals from the sources where they cost least beside the stable version, each up to its ceiling. With one
 * version, and wherever no source has to choose between two, this is the least that the totals can cost.
 *
 * @param costsMs - what one more request of each source costs with each version; infinite: nobody may serve it.
 */
export function cheapestSizes(subject: Divisible, costsMs: Sizes): Sizes {
  const [ceilings, totals] = [ceilingsOf(subject), totalsOf(subject)];
  const sizes = subject.sources.map(() => totals.map(() => 0));
  const left = subject.sources.map(({ demandRps }) => demandRps);
  const missing = [...totals];
  for (const { from, at } of byExtraCost(costsMs, totals.length)) {
    const part = Math.min(ceilings[from]?.[at] ?? 0, left[from] ?? 0, missing[at] ?? 0);
    if (part <= 0) continue;
    left[from] = (left[from] ?? 0) - part;
    missing[at] = (missing[at] ?? 0) - part;
    const row = sizes[from];
    if (row !== undefined) row[at] = part;
  }
  return sizes.map((row, from) => withStableRest(subject.sources[from]?.demandRps ?? 0, row));
}

/**
 * Each released version's requests from the source where they save least to the one where they save most, as many as go. What
 * whole choices only circle around, such exchanges reach.
 */
export function exchangedSizes(subject: Divisible, sizes: Sizes, costsMs: Sizes): Sizes {
  const ceilings = ceilingsOf(subject);
  const next = sizes.map((row) => [...row]);
  const extraMs = (from: number, at: number): number => (costsMs[from]?.[at] ?? 0) - (costsMs[from]?.[0] ?? 0);
  const room = (from: number, at: number): number =>
    Math.min((ceilings[from]?.[at] ?? 0) - (next[from]?.[at] ?? 0), next[from]?.[0] ?? 0);
  for (const at of subject.versions.keys()) {
    const byExtra = [...next.keys()].toSorted((a, b) => extraMs(a, at) - extraMs(b, at) || a - b);
    const to = byExtra.find((from) => room(from, at) > 0);
    const giver = byExtra.findLast((from) => (next[from]?.[at] ?? 0) > 0);
    if (at === 0 || to === undefined || giver === undefined || extraMs(to, at) >= extraMs(giver, at)) continue;
    const part = Math.min(room(to, at), next[giver]?.[at] ?? 0);
    for (const [row, amount] of [
      [next[to], part],
      [next[giver], -part],
    ] as const) {
      if (row === undefined) continue;
      row[at] = (row[at] ?? 0) + amount;
      row[0] = (row[0] ?? 0) - amount;
    }
  }
  return next;
}

/** What a request of a version costs more than one of the stable version: the least that a saving can be, summed. */
function byExtraCost(costsMs: Sizes, versions: number): readonly { readonly from: number; readonly at: number }[] {
  const pairs = costsMs.flatMap((row, from) =>
    Array.from({ length: versions - 1 }, (_, index) => {
      const [cost, stable] = [row[index + 1] ?? Infinity, row[0] ?? Infinity];
      return { from, at: index + 1, extraMs: cost === Infinity ? Infinity : cost - stable };
    }),
  );
  return pairs.toSorted((a, b) => a.extraMs - b.extraMs || a.from - b.from || a.at - b.at);
}

function withStableRest(demandRps: number, parts: readonly number[]): readonly number[] {
  const released = parts.slice(1).reduce((sum, part) => sum + part, 0);
  return [Math.max(0, demandRps - released), ...parts.slice(1)];
}
