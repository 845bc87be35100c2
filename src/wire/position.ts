import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  Incarnation as IncarnationMessage,
  Position as PositionMessage,
} from "../../proto/gen/weir/v1/plan_pb.ts";
import type { IncarnationSchema, PositionSchema } from "../../proto/gen/weir/v1/plan_pb.ts";
import { isSequence } from "../model/position.ts";
import type { Incarnation, Position } from "../model/position.ts";
import { assert } from "../model/result.ts";
import { Checks } from "./checks.ts";
import type { Refusal } from "../model/refusal.ts";
import type { Result } from "../model/result.ts";

/** Longest id of an incarnation. */
const ID_LENGTH_MAX = 128;

/** A sequence, revision or epoch of the model in the wire's form. */
export function toSequence(value: number): bigint {
  assert(isSequence(value), "a sequence is an integer that a double holds exactly");
  return BigInt(value);
}

/** An incarnation in the wire's form. */
export function toIncarnation({ generation, id }: Incarnation): MessageInitShape<typeof IncarnationSchema> {
  return { generation: toSequence(generation), id };
}

/** A position in the wire's form. */
export function toPosition({ incarnation, epoch, revision }: Position): MessageInitShape<typeof PositionSchema> {
  return { incarnation: toIncarnation(incarnation), epoch: toSequence(epoch), revision: toSequence(revision) };
}

/** Reads a position. Refuses SEQ_RANGE for numbers above 2^53 - 1 and FIELD_REQUIRED without an incarnation. */
export function fromPosition(message: PositionMessage, field: string): Result<Position, Refusal> {
  const checks = new Checks();
  return checks.result(positionOf(checks, field, message));
}

/** Reads a position as part of a larger message. */
export function positionOf(checks: Checks, field: string, message: PositionMessage): Position {
  return (
    soundPosition(message) ?? {
      incarnation: incarnationOf(checks, `${field}.incarnation`, message.incarnation),
      epoch: checks.sequence(`${field}.epoch`, message.epoch),
      revision: checks.sequence(`${field}.revision`, message.revision),
    }
  );
}

/** A position with nothing wrong: the names of its fields are not made up for every plan and acknowledgement. */
function soundPosition({ incarnation, epoch, revision }: PositionMessage): Position | undefined {
  if (incarnation === undefined) return undefined;
  const { generation, id } = incarnation;
  const position = {
    incarnation: { generation: Number(generation), id },
    epoch: Number(epoch),
    revision: Number(revision),
  };
  const isOrdered =
    isSequence(position.incarnation.generation) && isSequence(position.epoch) && isSequence(position.revision);
  return isOrdered && isPlainId(id) ? position : undefined;
}

/** Whether an incarnation's id is of those that need no second look: most that have nothing wrong. */
export function isPlainId(id: string): boolean {
  return PLAIN_ID.test(id);
}

const PLAIN_ID = /^[\w-]{1,128}$/;

/** Reads an incarnation, which must be set, as part of a larger message. */
export function incarnationOf(checks: Checks, field: string, message: IncarnationMessage | undefined): Incarnation {
  const { generation, id } = checks.present(field, message) ?? { generation: 0n, id: "-" };
  return {
    generation: checks.sequence(`${field}.generation`, generation),
    id: checks.required(`${field}.id`, id, ID_LENGTH_MAX),
  };
}
