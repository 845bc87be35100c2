import type { DescEnum } from "@bufbuild/protobuf";
import { badName, badServiceName } from "../model/names.ts";
import { WEIGHT_TOTAL } from "../model/destination.ts";
import type { Refusal, RefusalCode } from "../model/refusal.ts";
import { ok, refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import { quote } from "./quote.ts";

/** Inclusive bounds of an integer, with the code that a breach is refused with. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly code?: RefusalCode;
}

/** Largest number that a double holds exactly, as the wire has it. */
const SEQUENCE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * Collects what is wrong with one message while it is translated, so that a translation reads as plain construction.
 * The translated value counts only if `result` finds nothing collected; until then values may be placeholders.
 */
export class Checks {
  #first: Refusal | undefined;
  #count = 0;

  /** Notes one thing wrong. The first is what the sender is told, with the number of the others. */
  refuse(code: RefusalCode, field: string, message: string): void {
    this.#count += 1;
    this.#first ??= { code, field, message };
  }

  /** Whether nothing was found wrong so far. */
  isClean(): boolean {
    return this.#first === undefined;
  }

  /** The value if nothing was wrong, else the first refusal. */
  result<T>(value: T): Result<T, Refusal> {
    if (this.#first === undefined) return ok(value);
    const others = this.#count - 1;
    const more = others === 0 ? "" : ` (and ${others} more ${others === 1 ? "problem" : "problems"} in this request)`;
    return refuse({ ...this.#first, message: `${this.#first.message}${more}` });
  }

  /** A DNS-1123 label; BAD_NAME otherwise. */
  label<T extends string>(field: string, text: string): T {
    const reason = badName(text);
    if (reason !== undefined) this.refuse("BAD_NAME", field, `${quote(text)} ${reason}`);
    return text as T;
  }

  /** `namespace/name`; BAD_NAME otherwise. */
  service<T extends string>(field: string, text: string): T {
    const reason = badServiceName(text);
    if (reason !== undefined) this.refuse("BAD_NAME", field, `${quote(text)}: ${reason}`);
    return text as T;
  }

  /** Free text of at most `max` characters without control characters. */
  text(field: string, text: string, max: number): string {
    if (text.length > max)
      this.refuse("FIELD_INVALID", field, `has ${text.length} characters; at most ${max} are allowed`);
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    else if (/[\u0000-\u001f\u007f]/.test(text))
      this.refuse("FIELD_INVALID", field, `${quote(text)} has control characters`);
    return text;
  }

  /** Text that must be there. */
  required(field: string, text: string, max: number): string {
    if (text.trim() === "") this.refuse("FIELD_REQUIRED", field, "is required and was empty");
    return this.text(field, text, max);
  }

  /** A message that must be there; undefined (and noted) when it is not. */
  present<T>(field: string, value: T | undefined): T | undefined {
    if (value === undefined) this.refuse("FIELD_REQUIRED", field, "is required and was not set");
    return value;
  }

  /** An integer within bounds; FIELD_INVALID (or the bounds' own code) otherwise. */
  integer(field: string, value: number, { min, max, code = "FIELD_INVALID" }: Bounds): number {
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    this.refuse(code, field, `is ${value}; an integer from ${min} to ${max} is allowed`);
    return min;
  }

  /** A finite number that is not negative; FIELD_INVALID (or `code`) otherwise. */
  amount(field: string, value: number, code: RefusalCode = "FIELD_INVALID"): number {
    if (Number.isFinite(value) && value >= 0) return value + 0;
    this.refuse(code, field, `is ${value}; a finite number of at least 0 is allowed`);
    return 0;
  }

  /** A number from 0 to `max`; FIELD_INVALID otherwise. */
  limited(field: string, value: number, max: number): number {
    if (value >= 0 && value <= max) return value + 0;
    this.refuse("FIELD_INVALID", field, `is ${value}; a number from 0 to ${max} is allowed`);
    return 0;
  }

  /** A number above 0 and at most `max`; FIELD_INVALID otherwise. */
  positive(field: string, value: number, max: number): number {
    if (value > 0 && value <= max) return value;
    this.refuse("FIELD_INVALID", field, `is ${value}; a number above 0 and at most ${max} is allowed`);
    return max;
  }

  /** A weight in basis points; WEIGHT_TYPE otherwise. */
  weight(field: string, value: number, min = 0): number {
    return this.integer(field, value, { min, max: WEIGHT_TOTAL, code: "WEIGHT_TYPE" });
  }

  /** A sequence, revision or epoch; SEQ_RANGE above 2^53 - 1. */
  sequence(field: string, value: bigint): number {
    if (value >= 0n && value <= SEQUENCE_MAX) return Number(value);
    this.refuse("SEQ_RANGE", field, `is ${value}; at most ${SEQUENCE_MAX} is allowed`);
    return 0;
  }

  /** The model's word for an enum's number; UNKNOWN_ENUM when this build knows no such number. */
  choice<T>(field: string, { value, words, of }: { value: number; words: ReadonlyMap<number, T>; of: DescEnum }): T {
    const word = words.get(value);
    if (word !== undefined) return word;
    const known = of.values.filter(({ number }) => words.has(number)).map(({ name }) => name);
    this.refuse("UNKNOWN_ENUM", field, `${value} is no ${of.name} that can be used here; known: ${known.join(", ")}`);
    return [...words.values()][0] as T;
  }
}
