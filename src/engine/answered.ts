import type { FleetState } from "../model/fleet.ts";
import type { Refusal } from "../model/refusal.ts";
import { ok, refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import type { Committed, ForwardedCommand } from "../model/command.ts";

/**
 * The answer a request got before, if its id was seen: a repeat changes nothing and hears the same. Refuses
 * REQUEST_ID_REUSED when the content differs.
 */
export function answeredBefore(
  state: FleetState,
  { requestId, requestDigest }: ForwardedCommand,
): Result<Committed, Refusal> | undefined {
  if (requestId === "") return undefined;
  const known = state.answered.find((answered) => answered.requestId === requestId);
  if (known === undefined) return undefined;
  if (known.digest === requestDigest) return ok({ sequence: known.sequence, subject: known.subject });
  return refuse({
    code: "REQUEST_ID_REUSED",
    field: "request_id",
    message: `request id ${requestId} was used for another request, answered at record ${known.sequence}; use a new id`,
  });
}
