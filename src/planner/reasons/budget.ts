import type { Reason } from "../../model/plan.ts";

/** A plan is one record of the log, which takes less than a MiB, and reasons are to be a small part of it. In characters. */
const TEXTS_LENGTH_MAX = 160_000;

/** What a person can do without first, where there are thousands of weights. */
const SPARED: readonly Reason["kind"][] = ["rounding", "capacity", "price", "reserve"];

/** The reasons that fit into a record: where there are too many, the kinds that matter least are left out, kind by kind. */
export function withinBudget(reasons: readonly Reason[]): readonly Reason[] {
  let kept = reasons;
  for (const kind of SPARED) {
    if (lengthOf(kept) <= TEXTS_LENGTH_MAX) return kept;
    kept = kept.filter((reason) => reason.kind !== kind);
  }
  return kept;
}

function lengthOf(reasons: readonly Reason[]): number {
  return reasons.reduce((sum, { text }) => sum + text.length, 0);
}
