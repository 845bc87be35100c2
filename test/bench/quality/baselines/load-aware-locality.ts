import { SHED_ABOVE, loadsOf } from "../evaluate.ts";
import type { Division, Instance } from "../instance.ts";
import { byDistance, byWeights } from "../stream.ts";
import type { Stream } from "../stream.ts";

/** Time constant of the smoothed utilisation, in ticks of one second. */
const SMOOTHING_TICKS = 5;

/** A locality keeps everything while it is busier than the others by no more than this. */
const TOLERANCE = 0.1;

/** What a locality that keeps everything still sends to the others, to see how they do. */
const PROBE_SHARE = 0.03;

/** Long enough for every scenario to settle or to swing evenly. */
const SETTLING_TICKS = 200;

/** What is averaged after that: several periods of the slowest swing. */
const OBSERVED_TICKS = 100;

/**
 * Envoy's load-aware locality balancer (its documentation of work in progress), simulated as a closed loop of one tick per
 * second: each source weighs the other localities by `hosts * (1 - utilisation)`, keeps everything at home while home is not
 * busier than the others' mean by more than 0.1, and counts hosts alone when all are full. Knows no round trips and no price.
 *
 * @returns the divisions of the ticks after settling: a loop that swings is judged by their mean.
 */
export function loadAwareLocality(instance: Instance): readonly Division[] {
  let smoothed: readonly number[] = instance.backends.map(() => 0);
  const observed: Division[] = [];
  for (let tick = 0; tick < SETTLING_TICKS + OBSERVED_TICKS; tick += 1) {
    const division = divide(instance, smoothed);
    if (tick >= SETTLING_TICKS) observed.push(division);
    smoothed = smooth(smoothed, utilisations(instance, division));
  }
  return observed;
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

function divide(instance: Instance, utilisation: readonly number[]): Division {
  return byWeights(instance, (stream, source) => localityWeights(instance, { stream, source, utilisation }));
}

interface Seen {
  readonly stream: Stream;
  readonly source: number;
  readonly utilisation: readonly number[];
}

function localityWeights(instance: Instance, { stream, source, utilisation }: Seen): ReadonlyMap<number, number> {
  const usable = byDistance(instance, stream, source);
  const hosts = (b: number): number => hostsOf(instance, b);
  const spare = (b: number): number => hosts(b) * (1 - (utilisation[b] ?? 0));
  const isFull = (b: number): boolean => (utilisation[b] ?? 0) >= SHED_ABOVE - 1e-6;
  if (usable.every(isFull)) return new Map(usable.map((b) => [b, hosts(b)]));
  const home = usable.find((b) => instance.backends[b]?.cluster === source);
  const others = usable.filter((b) => b !== home);
  if (home === undefined || others.length === 0) return new Map(usable.map((b) => [b, spare(b)]));
  const hostsElsewhere = sumOf(others, hosts);
  const meanElsewhere = sumOf(others, (b) => hosts(b) * (utilisation[b] ?? 0)) / hostsElsewhere;
  if ((utilisation[home] ?? 0) > meanElsewhere + TOLERANCE) return new Map(usable.map((b) => [b, spare(b)]));
  const spareElsewhere = sumOf(others, spare);
  const probes = others.map((b): [number, number] => [b, (PROBE_SHARE * spare(b)) / spareElsewhere]);
  return new Map([[home, 1 - PROBE_SHARE], ...probes]);
}

function hostsOf(instance: Instance, b: number): number {
  const backend = instance.backends[b];
  if (backend?.curve.kind === "queue") return backend.curve.servers;
  return 1;
}

function sumOf(of: readonly number[], value: (b: number) => number): number {
  return of.reduce((sum, b) => sum + value(b), 0);
}
