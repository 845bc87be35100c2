import { WEIGHT_TOTAL } from "../model/destination.ts";
import type { Notation } from "../io/yaml/fields.ts";

/** Shares as people write them: `50%`, `33.33%`, `5000bp`, exactly; a bare number could mean either and is neither. */
export const SHARE: Notation<number> = {
  parse: parseShare,
  wanted: "a share such as 50%, 33.33% or 5000bp",
  code: "WEIGHT_TYPE",
};

/** Times as people write them: `250ms`, `90s`, `10m`, `1h30m`, `2d`. In ms. */
export const DURATION: Notation<number> = {
  parse: parseDuration,
  wanted: "a time such as 250ms, 90s, 10m or 1h30m",
  code: "FIELD_INVALID",
};

/** Basis points of a share; undefined when it is none, is above 100 %, or is finer than a basis point. */
export function parseShare(text: string): number | undefined {
  const points = /^(\d{1,5})bp$/.exec(text);
  const percent = /^(\d{1,3})(?:\.(\d{1,2}))?%$/.exec(text);
  // By digits and not by multiplication: 0.29 * 10000 is not 2900 in floating point.
  const weight = points
    ? Number(points[1])
    : percent && Number(percent[1]) * 100 + Number((percent[2] ?? "").padEnd(2, "0"));
  return weight === null || weight > WEIGHT_TOTAL ? undefined : weight;
}

const UNITS_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;

/** Milliseconds of a time; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const parts = /^(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/.exec(text);
  if (parts === null || text === "") return undefined;
  const amounts = parts.slice(1).map((part) => Number(part ?? 0));
  const total = Object.values(UNITS_MS).reduce((sum, unit, index) => sum + unit * (amounts[index] ?? 0), 0);
  return Number.isSafeInteger(total) ? total : undefined;
}

/** A share in percent with at most two decimals: `50%`, `33.33%`. */
export function percent(weight: number): string {
  return `${Number((weight / 100).toFixed(2))}%`;
}

/** A share from 0 to 1 in percent, with one decimal. */
export function percentOfOne(share: number): string {
  return `${Number((share * 100).toFixed(1))}%`;
}

/** A time in its two largest units: `1h30m`, `45s`, `250ms`. */
export function duration(ms: number): string {
  const whole = Math.max(0, Math.round(ms < 1_000 ? ms : Math.round(ms / 1_000) * 1_000));
  if (whole < 1_000) return `${whole}ms`;
  const units = (["d", "h", "m", "s"] as const).map((unit) => ({ unit, ms: UNITS_MS[unit] }));
  const first = units.findIndex(({ ms: size }) => whole >= size);
  let rest = whole;
  const shown = units.slice(first, first + 2).map(({ unit, ms: size }) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count === 0 ? "" : `${count}${unit}`;
  });
  return shown.join("");
}

/** A rate with as many digits as it deserves. */
export function rate(rps: number): string {
  return String(Number(rps.toFixed(rps < 10 ? 1 : 0)));
}
