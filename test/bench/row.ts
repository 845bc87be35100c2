/** One measured case beside its rival. */
export interface Row {
  readonly case: string;
  readonly value: number;
  readonly unit: string;
  /** The same measure of the rival, from the same run. */
  readonly rival: number;
  /** How many times worse than the rival; 1 is even. `Infinity` (null in JSON) when only the rival's measure is 0. */
  readonly ratio: number;
  /** `<= 1.5`, or `none` for a number that is only shown. */
  readonly aim: string;
  /** Whether the ratio reaches the aim; true where there is none. */
  readonly holds: boolean;
}

/** What is needed to judge one case. */
export interface Measure {
  readonly case: string;
  readonly value: number;
  readonly rival: number;
  readonly unit: string;
  /** Which direction is better; a time is `lower`, a rate `higher`. Default `lower`. */
  readonly better?: "lower" | "higher";
  /** Largest ratio that reaches the aim; none: the number is only shown. */
  readonly atMost?: number;
}

/** Judges one case. */
export function rowOf(measure: Measure): Row {
  const { value, rival, unit, atMost } = measure;
  const ratio = measure.better === "higher" ? ratioOf(rival, value) : ratioOf(value, rival);
  return {
    case: measure.case,
    value,
    unit,
    rival,
    ratio,
    aim: atMost === undefined ? "none" : `<= ${atMost}`,
    holds: atMost === undefined || ratio <= atMost,
  };
}

/** `a` in terms of `b`. Nothing beside nothing is even; a rival that lost nothing cannot be divided by. */
export function ratioOf(a: number, b: number): number {
  if (b === 0) return a === 0 ? 1 : Number.POSITIVE_INFINITY;
  return a / b;
}

/** The line that machines read: one JSON object. */
export function jsonLine(bench: string, rows: readonly Row[]): string {
  const rounded = rows.map((row) => ({
    ...row,
    value: short(row.value),
    rival: short(row.rival),
    ratio: short(row.ratio),
  }));
  return JSON.stringify({ bench, rows: rounded });
}

/** Four digits: what comes after them is noise. */
function short(value: number): number {
  return Number(value.toPrecision(4));
}
