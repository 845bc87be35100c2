/** One measured case beside its rival. */
export interface Row {
  readonly case: string;
  readonly value: number;
  readonly unit: string;
  /** The same measure of the rival, from the same run. */
  readonly rival: number;
  /** How many times worse than the rival; 1 is even. `Infinity` (null in JSON) when only the rival's measure is 0. */
  readonly ratio: number;
  /** `<= 1.5` for the ratio, `>= 99.5 %` for the value, or `none` for a number that is only shown. */
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
  /** Smallest value that reaches the aim, whatever the rival's; instead of `atMost`. */
  readonly atLeast?: number;
}

/** Judges one case. */
export function rowOf(measure: Measure): Row {
  const { value, rival, unit } = measure;
  const ratio = measure.better === "higher" ? ratioOf(rival, value) : ratioOf(value, rival);
  return {
    case: measure.case,
    value,
    unit,
    rival,
    ratio,
    ...judged(measure, ratio),
  };
}

function judged({ value, unit, atMost, atLeast }: Measure, ratio: number): Pick<Row, "aim" | "holds"> {
  if (atLeast !== undefined) return { aim: `>= ${atLeast} ${unit}`, holds: value >= atLeast };
  return { aim: atMost === undefined ? "none" : `<= ${atMost}`, holds: atMost === undefined || ratio <= atMost };
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
