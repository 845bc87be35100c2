import type { Envelope } from "../model/command.ts";
import type { FleetState } from "../model/fleet.ts";
import type { Refusal } from "../model/refusal.ts";
import { ok } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import type { Settings } from "../model/settings.ts";
import type { Decider } from "./decider.ts";
import { recordOf } from "./record.ts";

/** The state that a command would lead to if it were committed next; refuses what the decider refuses. */
export function preview(
  { decider, settings }: { readonly decider: Decider; readonly settings: Settings },
  state: FleetState,
  envelope: Envelope,
): Result<FleetState, Refusal> {
  const decided = decider.decide(state, envelope, settings);
  if (!decided.ok) return decided;
  const record = recordOf(state, { envelope, events: decided.value }, { writer: state.holder, nonce: "preview" });
  return ok(decider.evolve(state, { ...record, sequence: state.sequence + 1 }));
}
