import type { Command } from "../model/command.ts";
import type { FleetState } from "../model/fleet.ts";
import { isSequence } from "../model/position.ts";
import type { Incarnation } from "../model/position.ts";
import { checkReason, decided, PASSED, reject } from "./decision.ts";
import type { Check, Decision } from "./decision.ts";

type Of<K extends Command["kind"]> = Extract<Command, { kind: K }>;

/**
 * A replica takes the lead: its epoch is above every one in the log and above every one an agent has seen, so that no
 * agent takes its plans for old ones. On an empty log this also begins the log's life.
 */
export function beginTerm(state: FleetState, command: Of<"begin-term">): Decision {
  const epoch = Math.max(state.epoch, command.witnessedEpoch) + 1;
  if (!isSequence(command.witnessedEpoch) || !isSequence(epoch)) {
    return reject(
      "SEQ_RANGE",
      "witnessed_epoch",
      `${command.witnessedEpoch} can be no epoch; epochs are 0 to 2^53 - 1`,
    );
  }
  if (command.holder === "") return reject("FIELD_REQUIRED", "holder", "a term has a holder");
  const isFirst = state.incarnation.generation === 0;
  if (isFirst) {
    const objection = checkIncarnationId(command.incarnationId);
    if (!objection.ok) return objection;
  }
  const incarnation: Incarnation = isFirst ? { generation: 1, id: command.incarnationId } : state.incarnation;
  return decided({ kind: "term-started", epoch, holder: command.holder, incarnation });
}

/** Begins another life of the log after it was restored or wiped: agents take a higher generation for newer. */
export function recover(state: FleetState, command: Of<"recover">): Decision {
  const reason = checkReason(command.reason);
  if (!reason.ok) return reason;
  const objection = checkIncarnationId(command.incarnationId);
  if (!objection.ok) return objection;
  const { generation } = state.incarnation;
  if (!isSequence(command.generation) || command.generation <= generation) {
    const message = `generation ${command.generation} is not above ${generation}, the log's own; agents would refuse it`;
    return reject("NOT_RECOVERABLE", "generation", message);
  }
  const incarnation: Incarnation = { generation: command.generation, id: command.incarnationId };
  return decided({ kind: "incarnation-raised", incarnation, reason: command.reason });
}

function checkIncarnationId(id: string): Check {
  return id === "" ? reject("FIELD_REQUIRED", "incarnation_id", "a life of the log has a random id") : PASSED;
}
