import type { Envelope } from "../model/command.ts";
import type { FleetEvent, LogRecord } from "../model/event.ts";
import type { FleetState } from "../model/fleet.ts";
import { recordedCommand } from "./recorded-command.ts";

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
    command: recordedCommand(state, envelope.command, events),
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
  if ("shift" in event) return typeof event.shift === "string" ? event.shift : event.shift.shift;
  if ("spec" in event) return "cluster" in event.spec ? event.spec.cluster : event.spec.service;
  if ("plan" in event) return event.plan.service;
  if ("service" in event) return event.service;
  return "cluster" in event ? event.cluster : "";
}
