/** A stream of numbers that depends on its seed alone. */
export interface SeededRandom {
  /** Even, from 0 to below 1. */
  even(): number;
  /** Even, from `low` to below `high`. */
  between(low: number, high: number): number;
  /** Whole, from `low` to `high`, both included. */
  whole(low: number, high: number): number;
  /** Normal with mean 0 and deviation 1. */
  normal(): number;
  /** `count` different items. */
  some<T>(items: readonly T[], count: number): readonly T[];
}

/** Numbers by mulberry32 (Tommy Ettinger, public domain): 32 bits of state are plenty for a scenario. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const even = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const whole = (low: number, high: number): number => low + Math.floor(even() * (high - low + 1));
  return {
    even,
    whole,
    between: (low, high) => low + even() * (high - low),
    // Box and Muller; 1 - even() is never 0.
    normal: () => Math.sqrt(-2 * Math.log(1 - even())) * Math.cos(2 * Math.PI * even()),
    some: (items, count) => {
      const left = [...items];
      return Array.from({ length: Math.min(count, left.length) }, () =>
        left.splice(whole(0, left.length - 1), 1),
      ).flat();
    },
  };
}
