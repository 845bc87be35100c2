import type { FleetEvent, LogRecord } from "../model/event.ts";
import { ANSWERED_REQUESTS_MAX } from "../model/fleet.ts";
import type { FleetState } from "../model/fleet.ts";
import { assert } from "../model/result.ts";
import { Draft } from "./draft.ts";
import { HEALTH_FOLDS } from "./evolve-health.ts";
import { MEMBERSHIP_FOLDS } from "./evolve-membership.ts";
import { PLAN_FOLDS } from "./evolve-plans.ts";
import { SERVICE_FOLDS } from "./evolve-services.ts";
import { SHIFT_FOLDS } from "./evolve-shifts.ts";
import type { EventOf, Folds } from "./folds.ts";

/**
 * The state after one record. Followers and restarts use this and nothing else, so it decides nothing and never refuses:
 * an event about something that is gone changes nothing. Shares with the state before what the record does not touch.
 */
export function evolve(state: FleetState, record: LogRecord): FleetState {
  const draft = new Draft(state, record);
  for (const event of record.events) fold(draft, event);
  return draft.state;
}

/** Every kind has its fold: the type system asks for each that the model adds. */
const FOLDS: Folds<FleetEvent["kind"]> = {
  "term-started": (draft, { epoch, holder, incarnation }) => draft.assign({ epoch, holder, incarnation }),
  "incarnation-raised": (draft, { incarnation }) => draft.assign({ incarnation }),
  "request-answered": answer,
  ...MEMBERSHIP_FOLDS,
  ...HEALTH_FOLDS,
  ...SERVICE_FOLDS,
  ...SHIFT_FOLDS,
  ...PLAN_FOLDS,
};

function fold(draft: Draft, event: FleetEvent): void {
  // The table pairs each kind with a fold of that very kind, which the compiler cannot follow through a lookup.
  const apply = FOLDS[event.kind] as ((draft: Draft, event: FleetEvent) => void) | undefined;
  assert(apply !== undefined, `an event of the kind ${event.kind} can be folded`);
  apply(draft, event);
}

function answer(draft: Draft, { requestId, digest, subject }: EventOf<"request-answered">): void {
  const answered = [...draft.state.answered, { requestId, digest, subject, sequence: draft.sequence }];
  draft.assign({ answered: answered.slice(-ANSWERED_REQUESTS_MAX) });
}
