import type { FleetEvent } from "../model/event.ts";
import { ok, refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import type { Refusal, RefusalCode } from "../model/refusal.ts";

/** What a command leads to: events, none at all when nothing would change, or a refusal that explains itself. */
export type Decision = Result<readonly FleetEvent[], Refusal>;

/** Whether something may go on; no value besides. */
export type Check = Result<void, Refusal>;

/** Accepts a command with the events it leads to. */
export function decided(...events: readonly FleetEvent[]): Decision {
  return ok(events);
}

/** Says no: code, field to blame (empty: none), one sentence with the way out. */
export function reject(
  code: RefusalCode,
  field: string,
  message: string,
): { readonly ok: false; readonly refusal: Refusal } {
  return refuse({ code, field, message });
}

/** Nothing to object. */
export const PASSED: Check = ok(undefined);

/** The first objection of a list of checks, each made only when those before it passed. */
export function firstObjection(...checks: readonly (() => Check)[]): Check {
  for (const check of checks) {
    const result = check();
    if (!result.ok) return result;
  }
  return PASSED;
}

/** Refuses an empty or endless reason: every act that overrides something is recorded with why. */
export function checkReason(reason: string): Check {
  if (reason.trim() === "")
    return reject("FIELD_REQUIRED", "reason", "a reason is recorded with every such act; give one");
  if (reason.length > REASON_LENGTH_MAX)
    return reject(
      "FIELD_INVALID",
      "reason",
      `the reason has ${reason.length} characters, at most ${REASON_LENGTH_MAX}`,
    );
  return PASSED;
}

const REASON_LENGTH_MAX = 1_000;

/** Refuses a conditional change of an object that has changed meanwhile. Undefined or 0: unconditional. */
export function checkVersion(subject: string, actual: number, expected: number | undefined): Check {
  if (expected === undefined || expected === 0 || expected === actual) return PASSED;
  const message = `${subject} is at resource version ${actual}, not ${expected}; read it again and decide anew`;
  return reject("STALE_RESOURCE_VERSION", "expected_resource_version", message);
}
