import type { Refusal, RefusalCode } from "../../model/refusal.ts";
import { ok, refuse } from "../../model/result.ts";
import type { Result } from "../../model/result.ts";
import { Checks } from "../../wire/checks.ts";

/** Most that is listed: who has more wrong than this corrects some and asks again. */
const LISTED_MAX = 1_000;

/** Collects everything wrong with a document, so that a person can correct all of it at once. */
export class EveryRefusal extends Checks {
  readonly #refusals: Refusal[] = [];
  #unlisted = 0;

  override refuse(code: RefusalCode, field: string, message: string): void {
    super.refuse(code, field, message);
    if (this.#refusals.length < LISTED_MAX) this.#refusals.push({ code, field, message });
    else this.#unlisted += 1;
  }

  /** The value if nothing was wrong, else all that was, in the order in which it was found. */
  every<T>(value: T): Result<T, readonly Refusal[]> {
    const [first] = this.#refusals;
    if (first === undefined) return ok(value);
    const message = `${this.#unlisted} more problems are not listed`;
    const more = this.#unlisted === 0 ? [] : [{ code: first.code, field: "", message }];
    return refuse([...this.#refusals, ...more]);
  }
}
