import { SHED_ABOVE, loadsOf } from "../evaluate.ts";
import type { Division, Instance } from "../instance.ts";
import { byDistance, startDraft, streamsOf } from "../stream.ts";

/** Time constant of the smoothed utilisation, in ticks of one second. */
const SMOOTHING_TICKS = 5;

/** A locality keeps everything while it is busier than the others by no more than this. */
const TOLERANCE = 0.1;

/** What a locality that keeps everything still sends to the others, to see how they do. */
const PROBE_SHARE = 0.03;

/** Long enough for every scenario to settle or to swing evenly. */
const SETTLING_TICKS = 120;

/** What is averaged after that: several periods of the slowest swing. */
const OBSERVED_TICKS = 60;

/**
 * Envoy's load-aware locality balancer (its documentation of work in progress), simulated as a closed loop of one tick per
 * second: each source weighs the other localities by `hosts * (1 - utilisation)`, keeps everything at home while home is not
 * busier than the others' mean by more than 0.1, and counts hosts alone when all are full. Knows no round trips and no price.
 *
 * @returns the divisions of the ticks after settling: a loop that swings is judged by their mean.
 */
export function loadAwareLocality(instance: Instance): readonly Division[] {
  const callers = callersOf(instance);
  let smoothed: readonly number[] = instance.backends.map(() => 0);
  const observed: Division[] = [];
  for (let tick = 0; tick < SETTLING_TICKS + OBSERVED_TICKS; tick += 1) {
    const division = divide(instance, callers, smoothed);
    if (tick >= SETTLING_TICKS) observed.push(division);
    smoothed = smooth(smoothed, utilisations(instance, division));
  }
  return observed;
}

/** One source's requests of one version. */
interface Caller {
  readonly source: number;
  readonly rps: number;
  readonly home: number | undefined;
  readonly others: readonly number[];
}

function callersOf(instance: Instance): readonly Caller[] {
  return streamsOf(instance).flatMap((stream) =>
    stream.demandRps.flatMap((rps, source) => {
      const usable = byDistance(instance, stream, source);
      if (rps === 0 || usable.length === 0) return [];
      const home = usable.find((b) => instance.backends[b]?.cluster === source);
      return [{ source, rps, home, others: usable.filter((b) => b !== home) }];
    }),
  );
}

function utilisations(instance: Instance, division: Division): readonly number[] {
  return loadsOf(instance, division).map((rps, b) =>
    Math.min(SHED_ABOVE, rps / (instance.backends[b]?.capacityRps ?? Number.NaN)),
  );
}

function smooth(before: readonly number[], now: readonly number[]): readonly number[] {
  const keep = Math.exp(-1 / SMOOTHING_TICKS);
  return before.map((value, b) => keep * value + (1 - keep) * (now[b] ?? 0));
}

function divide(instance: Instance, callers: readonly Caller[], utilisation: readonly number[]): Division {
  const draft = startDraft(instance);
  for (const caller of callers) {
    for (const [b, share] of localityShares(instance, caller, utilisation))
      draft.add(caller.source, b, caller.rps * share);
  }
  return draft.division;
}

type Shares = readonly (readonly [backend: number, share: number])[];

function localityShares(instance: Instance, { home, others }: Caller, utilisation: readonly number[]): Shares {
  const hosts = (b: number): number => hostsOf(instance, b);
  const spare = (b: number): number => hosts(b) * (1 - (utilisation[b] ?? 0));
  const isFull = (b: number): boolean => (utilisation[b] ?? 0) >= SHED_ABOVE - 1e-6;
  const usable = home === undefined ? others : [home, ...others];
  if (usable.every(isFull)) return proportional(usable, hosts);
  if (home === undefined || others.length === 0) return proportional(usable, spare);
  const meanElsewhere = sumOf(others, (b) => hosts(b) * (utilisation[b] ?? 0)) / sumOf(others, hosts);
  if ((utilisation[home] ?? 0) > meanElsewhere + TOLERANCE) return proportional(usable, spare);
  return [
    [home, 1 - PROBE_SHARE],
    ...proportional(others, spare).map(([b, share]) => [b, PROBE_SHARE * share] as const),
  ];
}

function proportional(backends: readonly number[], weight: (b: number) => number): Shares {
  const total = sumOf(backends, weight);
  return backends.map((b) => [b, weight(b) / total]);
}

function hostsOf(instance: Instance, b: number): number {
  const backend = instance.backends[b];
  if (backend?.curve.kind === "queue") return backend.curve.servers;
  return 1;
}

function sumOf(of: readonly number[], value: (b: number) => number): number {
  return of.reduce((sum, b) => sum + value(b), 0);
}
