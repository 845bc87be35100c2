import type { Reading } from "./metrics-message.ts";
import type { Statistic } from "./statistics.ts";
import { UPTIME, isLevel, readStatistic } from "./statistics.ts";

/** One statistic as a proxy just sent it. */
export interface Sample {
  readonly name: string;
  readonly statistic: Statistic;
  /** How much a counter grew, or a level changed, since the last time; the value of any other gauge. */
  readonly value: number;
  /** Quantiles of a distribution by their rank, 0 to 1. */
  readonly quantiles: ReadonlyMap<number, number>;
  /** Mean of a distribution; undefined of anything else. */
  readonly mean?: number;
}

/** Turns one proxy's running totals into what was added since it last sent them. */
export interface Counters {
  read(readings: readonly Reading[]): readonly Sample[];
}

/**
 * A proxy's counters. What a proxy counted before this agent's time, its first message tells, is the starting line; of one that
 * started later, all counts. A counter that falls belongs to a restarted proxy and has grown by all it has.
 *
 * @param ageMs - how long the agent has been listening.
 */
export function createCounters(ageMs: () => number): Counters {
  const totals = new Map<string, number>();
  let isFirst = true;
  let isOlder = true;
  const grown = (name: string, total: number) => {
    const before = totals.get(name) ?? (isFirst && isOlder ? total : 0);
    // What never counted anything begins at zero all the same.
    if (total > 0 || totals.has(name)) totals.set(name, total);
    return total < before ? total : total - before;
  };
  const changed = (name: string, level: number) => {
    const before = totals.get(name) ?? (isFirst && isOlder ? level : 0);
    if (level > 0 || totals.has(name)) totals.set(name, level);
    return level - before;
  };
  const added = ({ name, isCounter, value }: Reading, statistic: Statistic) => {
    if (isCounter) return grown(name, value);
    return isLevel(statistic) ? changed(name, value) : value;
  };
  return {
    read: (readings) => {
      if (isFirst) isOlder = upForMs(readings) > ageMs();
      const samples: Sample[] = [];
      for (const reading of readings) {
        const { name, quantiles, mean } = reading;
        const statistic = readStatistic(name);
        if (statistic === undefined) continue;
        const value = added(reading, statistic);
        samples.push({ name, statistic, value, quantiles, ...(mean !== undefined && { mean }) });
      }
      isFirst = false;
      return samples;
    },
  };
}

/**
 * How long the proxy has been up at least; for ever, if it does not say. Envoy takes the difference of two clocks that are
 * both cut to whole seconds, so that it says up to a second too much.
 */
function upForMs(readings: readonly Reading[]): number {
  const uptime = readings.find(({ name }) => name === UPTIME);
  return uptime === undefined ? Infinity : (uptime.value - 1) * 1_000;
}
