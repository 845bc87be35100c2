import type { Measure } from "../fields.ts";

/** A share as text: per cent, or whole basis points. */
export const SHARE_TEXT = /^((100(\.0{1,12})?|\d{1,2}(\.\d{1,12})?)%|(10000|\d{1,4})bp)$/;

/** Shares from 0 to 1, as people write them: `5%`, `33.33%`, `500bp` or 0.05. */
export const SHARE_OF_ONE: Measure = {
  parse: parseShareOfOne,
  takes: (share) => share >= 0 && share <= 1,
  wanted: "a share from 0% to 100%, such as 5% or 0.05",
  code: "FIELD_INVALID",
};

function parseShareOfOne(text: string): number | undefined {
  if (!SHARE_TEXT.test(text)) return undefined;
  return text.endsWith("%") ? Number(text.slice(0, -1)) / 100 : Number(text.slice(0, -2)) / 10_000;
}

/** Amounts of which there must be some. */
export const POSITIVE: Measure = {
  parse: () => undefined,
  takes: (amount) => Number.isFinite(amount) && amount > 0,
  wanted: "a finite number above 0",
  code: "FIELD_INVALID",
};

/** Exponents under which load times latency is convex, with a slope that ends everywhere. */
export const EXPONENT: Measure = {
  parse: () => undefined,
  takes: (exponent) => Number.isFinite(exponent) && exponent >= 1,
  wanted: "a finite number of at least 1",
  code: "FIELD_INVALID",
};

/** Numbers of things of which there is at least one. */
export const COUNT: Measure = {
  parse: () => undefined,
  takes: (count) => Number.isSafeInteger(count) && count >= 1,
  wanted: "a whole number of at least 1",
  code: "FIELD_INVALID",
};
