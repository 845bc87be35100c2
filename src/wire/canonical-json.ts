import { compareNames } from "../model/ids.ts";
import { assert } from "../model/result.ts";

/**
 * JSON with keys in the order of their code units and without `undefined`: the same value gives the same text on every
 * machine (in the spirit of RFC 8785). A number that JSON cannot hold is a bug of the caller, never a silent `null`.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, ordered);
}

function ordered(key: string, value: unknown): unknown {
  assert(typeof value !== "number" || Number.isFinite(value), `${key} is a finite number`);
  assert(!(value instanceof Map || value instanceof Set), `${key} is made of plain objects and lists`);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries.toSorted(([a], [b]) => compareNames(a, b)));
}

/** Canonical JSON in UTF-8. */
export function canonicalJsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(canonicalJson(value));
}

/** The value of UTF-8 JSON; undefined when it is none. (`undefined` itself has no JSON.) */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    // Not JSON is an answer here: the caller refuses with what it knows of the place.
    return undefined;
  }
}

/** Whether a value is an object with fields, not a list and not null. */
export function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
