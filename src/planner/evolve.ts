import type { FleetEvent, LogRecord } from "../model/event.ts";
import { ANSWERED_REQUESTS_MAX } from "../model/fleet.ts";
import type { FleetState } from "../model/fleet.ts";
import { Draft } from "./draft.ts";
import { evolveHealth } from "./evolve-health.ts";
import { evolveMembership } from "./evolve-membership.ts";
import { evolvePlans } from "./evolve-plans.ts";
import { evolveServices } from "./evolve-services.ts";
import { evolveShifts } from "./evolve-shifts.ts";

/**
 * The state after one record. Followers and restarts use this and nothing else, so it decides nothing and never refuses:
 * an event about something that is gone changes nothing. Shares with the state before what the record does not touch.
 */
export function evolve(state: FleetState, record: LogRecord): FleetState {
  const draft = new Draft(state, record);
  for (const event of record.events) fold(draft, event);
  return draft.state;
}

function fold(draft: Draft, event: FleetEvent): void {
  foldFleet(draft, event);
  evolveMembership(draft, event);
  evolveHealth(draft, event);
  evolveServices(draft, event);
  evolveShifts(draft, event);
  evolvePlans(draft, event);
}

function foldFleet(draft: Draft, event: FleetEvent): void {
  switch (event.kind) {
    case "term-started":
      return draft.assign({ epoch: event.epoch, holder: event.holder, incarnation: event.incarnation });
    case "incarnation-raised":
      return draft.assign({ incarnation: event.incarnation });
    case "request-answered":
      return answer(draft, event);
    case "fleet-frozen":
      return draft.assign({ freeze: { sinceMs: draft.atMs, reason: event.reason } });
    case "fleet-thawed":
      return draft.thaw();
  }
}

function answer(draft: Draft, { requestId, digest, subject }: Extract<FleetEvent, { kind: "request-answered" }>): void {
  const answered = [...draft.state.answered, { requestId, digest, subject, sequence: draft.sequence }];
  draft.assign({ answered: answered.slice(-ANSWERED_REQUESTS_MAX) });
}
