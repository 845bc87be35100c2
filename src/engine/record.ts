import type { Envelope } from "../model/command.ts";
import type { FleetEvent, LogRecord } from "../model/event.ts";
import type { FleetState } from "../model/fleet.ts";
import { subjectOf } from "../planner/subject.ts";
import { recordedCommand } from "./recorded-command.ts";

/** Who writes, and under which name the append is known. */
export interface Authorship {
  readonly writer: string;
  readonly nonce: string;
}

/** A command and the events that it leads to. */
export interface Decided {
  readonly envelope: Envelope;
  readonly events: readonly FleetEvent[];
}

/** The record of a decision: the command with its numbers, and what it led to. */
export function recordOf(state: FleetState, decision: Decided, authorship: Authorship): Omit<LogRecord, "sequence"> {
  const { envelope, events } = decision;
  const term = events.find((event) => event.kind === "term-started");
  return {
    // The first record of all names the incarnation it founds; a recovery is the last act of the old one.
    incarnation: state.incarnation.generation === 0 && term ? term.incarnation : state.incarnation,
    epoch: term?.epoch ?? state.epoch,
    ...authorship,
    atMs: envelope.atMs,
    actor: envelope.actor,
    command: recordedCommand(state, envelope.command, events),
    events: withAnswer(state, decision),
  };
}

/** Remembers the answer to a request, unless the decision does so itself. */
function withAnswer(state: FleetState, { envelope, events }: Decided): readonly FleetEvent[] {
  const { requestId, requestDigest, command } = envelope;
  if (requestId === "" || events.some((event) => event.kind === "request-answered")) return events;
  return [
    ...events,
    { kind: "request-answered", requestId, digest: requestDigest, subject: subjectOf(state, command) },
  ];
}
