import type { Division, Instance } from "./instance.ts";

/** The requests of one version: which sources they come from, and who may serve them. */
export interface Stream {
  /** Requests per second of each cluster's callers. */
  readonly demandRps: readonly number[];
  /** Indices of the backends of this version, alive or not. */
  readonly backends: readonly number[];
}

/** How every policy but a planner releases a version: each source sends it the same share. */
export function streamsOf(instance: Instance): readonly Stream[] {
  const { release, stableVersion, demandRps } = instance;
  const stream = (version: string, share: number): Stream => ({
    demandRps: demandRps.map((rps) => rps * share),
    backends: instance.backends.flatMap((backend, b) => (backend.version === version ? [b] : [])),
  });
  if (release === undefined) return [stream(stableVersion, 1)];
  return [stream(stableVersion, 1 - release.share), stream(release.version, release.share)];
}

/** The backends of a stream that a source may use, nearest first; of two as near the one that the document names first. */
export function byDistance(instance: Instance, stream: Stream, source: number): readonly number[] {
  const distance = (b: number): number =>
    instance.rttMs[source]?.[instance.backends[b]?.cluster ?? -1] ?? Number.POSITIVE_INFINITY;
  return stream.backends
    .filter((b) => instance.mayUse[source]?.[b] === true)
    .toSorted((a, b) => distance(a) - distance(b) || a - b);
}

/** A division built up source by source. */
export interface Draft {
  add(source: number, backend: number, rps: number): void;
  readonly division: Division;
}

/** A division in which nothing goes anywhere yet. */
export function startDraft({ clusters, backends }: Instance): Draft {
  const division = clusters.map(() => backends.map(() => 0));
  return {
    division,
    add: (source, backend, rps) => {
      const row = division[source];
      if (row !== undefined) row[backend] = (row[backend] ?? 0) + rps;
    },
  };
}

/** Divides each stream's source by weights of the backends that it may use; weights need no particular sum. */
export function byWeights(
  instance: Instance,
  weightsOf: (stream: Stream, source: number) => ReadonlyMap<number, number>,
): Division {
  const draft = startDraft(instance);
  for (const stream of streamsOf(instance)) {
    for (const [source, rps] of stream.demandRps.entries()) {
      if (rps === 0) continue;
      const weights = [...weightsOf(stream, source)];
      const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [backend, weight] of weights) if (weight > 0) draft.add(source, backend, (rps * weight) / total);
    }
  }
  return draft.division;
}
