import type { Envelope } from "../model/command.ts";
import type { FleetEvent, LogRecord } from "../model/event.ts";
import type { FleetState } from "../model/fleet.ts";

/** Who writes, and under which name the append is known. */
export interface Authorship {
  readonly writer: string;
  readonly nonce: string;
}

/** The record of a decision: the command with its numbers, and what it led to. */
export function recordOf(
  state: FleetState,
  decision: { readonly envelope: Envelope; readonly events: readonly FleetEvent[] },
  authorship: Authorship,
): Omit<LogRecord, "sequence"> {
  const { envelope, events } = decision;
  const term = events.find((event) => event.kind === "term-started");
  return {
    // The first record of all names the incarnation it founds; a recovery is the last act of the old one.
    incarnation: state.incarnation.generation === 0 && term ? term.incarnation : state.incarnation,
    epoch: term?.epoch ?? state.epoch,
    ...authorship,
    atMs: envelope.atMs,
    actor: envelope.actor,
    command: envelope.command,
    events: withAnswer(envelope, events),
  };
}

/** Remembers the answer to a request, unless the decision does so itself. */
function withAnswer({ requestId, requestDigest }: Envelope, events: readonly FleetEvent[]): readonly FleetEvent[] {
  if (requestId === "" || events.some((event) => event.kind === "request-answered")) return events;
  return [...events, { kind: "request-answered", requestId, digest: requestDigest, subject: subjectOf(events) }];
}

/** Name of what a record made or changed: what its answer says, else the first name in its events. */
export function subjectOf(events: readonly FleetEvent[]): string {
  const answered = events.find((event) => event.kind === "request-answered");
  if (answered !== undefined) return answered.subject;
  return events.map(nameIn).find((name) => name !== "") ?? "";
}

function nameIn(event: FleetEvent): string {
  switch (event.kind) {
    case "shift-requested":
      return event.shift.shift;
    case "cluster-registered":
      return event.spec.cluster;
    case "service-applied":
      return event.spec.service;
    case "shift-moved":
      return event.shift;
    case "plan-committed":
      return event.plan.service;
    default:
      return "cluster" in event ? event.cluster : "service" in event ? event.service : "";
  }
}
