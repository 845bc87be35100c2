import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Engine } from "../../../engine/ports.ts";
import type { Command, Committed } from "../../../model/command.ts";
import type { FleetState } from "../../../model/fleet.ts";
import type { Refusal } from "../../../model/refusal.ts";
import { ok } from "../../../model/result.ts";
import type { Result } from "../../../model/result.ts";
import { requestIdentity } from "../../../wire/request.ts";
import type { Call } from "../bind.ts";

/** One write of an operator. */
export interface Write<S extends DescMessage, T> {
  readonly schema: S;
  readonly request: MessageShape<S>;
  readonly command: Result<Command, Refusal>;
  readonly call: Call;
  /** Makes the answer from the state after the write. */
  readonly answer: (state: FleetState, committed: Committed) => Result<T, Refusal>;
}

/** Commits a write and answers from the state that has it. */
export async function write<S extends DescMessage, T>(engine: Engine, one: Write<S, T>): Promise<Result<T, Refusal>> {
  const identity = requestIdentity(one.schema, one.request);
  if (!identity.ok) return identity;
  if (!one.command.ok) return one.command;
  const envelope = { command: one.command.value, actor: one.call.actor, ...identity.value };
  const committed = await engine.submit(envelope, one.call.signal);
  return committed.ok ? one.answer(engine.state(), committed.value) : committed;
}

/** The value inside a result, changed; refusals pass. */
export function mapped<T, U>(result: Result<T, Refusal>, change: (value: T) => U): Result<U, Refusal> {
  return result.ok ? ok(change(result.value)) : result;
}
