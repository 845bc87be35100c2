import type { Envelope, Measured } from "../model/command.ts";
import type { FleetEvent } from "../model/event.ts";
import type { FleetState } from "../model/fleet.ts";
import { ok, unreachable } from "../model/result.ts";
import type { Settings } from "../model/settings.ts";
import { assess } from "./assess.ts";
import { decided, reject } from "./decision.ts";
import type { Decision } from "./decision.ts";
import { revokeCluster, unregisterCluster } from "./departures.ts";
import { cordonCluster, drainCluster, uncordonCluster } from "./drains.ts";
import {
  acceptCluster,
  greetCluster,
  quarantineCluster,
  redeemToken,
  registerCluster,
  renewCertificate,
} from "./membership.ts";
import type { PaceContext } from "./pace.ts";
import { finishedDrains, movedShifts } from "./progress.ts";
import { propose, storeRouteSets } from "./proposals.ts";
import { advanceRamps } from "./ramp.ts";
import { advancedRollouts } from "./rollouts.ts";
import { applyService, deleteService } from "./services.ts";
import { abortShift, requestShift } from "./shifts.ts";
import { subjectOf } from "./subject.ts";
import { beginTerm, recover } from "./terms.ts";

/** Longest idempotence key, in characters. */
const REQUEST_ID_LENGTH_MAX = 128;

/**
 * Decides one command on one state: the events it leads to, or a refusal that changes nothing. Same inputs, same answer,
 * byte for byte. No events: nothing would change, or the same request was answered before (its answer is in
 * `state.answered`); neither is appended. Time never goes back: an earlier `atMs` counts as the state's.
 */
export function decide(state: FleetState, envelope: Envelope, settings: Settings): Decision {
  const { requestId, requestDigest, command } = envelope;
  if (requestId.length > REQUEST_ID_LENGTH_MAX) {
    const message = `has ${requestId.length} characters, at most ${REQUEST_ID_LENGTH_MAX}`;
    return reject("FIELD_INVALID", "request_id", message);
  }
  const answered = requestId === "" ? undefined : state.answered.find((found) => found.requestId === requestId);
  if (answered !== undefined && answered.digest !== requestDigest) {
    const message = `request id ${JSON.stringify(requestId)} was used for another request (it made ${answered.subject}); choose a new one`;
    return reject("REQUEST_ID_REUSED", "request_id", message);
  }
  if (answered !== undefined) return decided();
  const atMs = Math.max(state.atMs, envelope.atMs);
  const decision = decideCommand(state, { ...envelope, atMs }, settings);
  if (!decision.ok || requestId === "") return decision;
  const subject = subjectOf(state, command);
  return decided(...decision.value, { kind: "request-answered", requestId, digest: requestDigest, subject });
}

function decideCommand(state: FleetState, { command, atMs, actor }: Envelope, settings: Settings): Decision {
  switch (command.kind) {
    case "begin-term":
      return beginTerm(state, command);
    case "recover":
      return recover(state, command);
    case "register-cluster":
      return registerCluster(state, command, atMs);
    case "redeem-token":
      return redeemToken(state, command, atMs);
    case "accept-cluster":
      return acceptCluster(state, command);
    case "greet-cluster":
      return greetCluster(state, command);
    case "renew-certificate":
      return renewCertificate(state, command);
    case "quarantine-cluster":
      return quarantineCluster(state, command);
    case "cordon-cluster":
      return cordonCluster(state, command);
    case "uncordon-cluster":
      return uncordonCluster(state, command, settings);
    case "drain-cluster":
      return drainCluster(state, command, { atMs, settings });
    case "revoke-cluster":
      return revokeCluster(state, command);
    case "unregister-cluster":
      return unregisterCluster(state, command);
    case "apply-service":
      return applyService(state, command, settings);
    case "delete-service":
      return deleteService(state, command);
    case "request-shift":
      return requestShift(state, command, { atMs, actor, settings });
    case "abort-shift":
      return abortShift(state, command);
    case "store-route-sets":
      return storeRouteSets(state, command);
    case "propose":
      return propose(state, command, settings);
    case "observe":
      return ok([...assess(state, command.observed, { atMs, settings }), ...measuredEvents(command.measured)]);
    case "tick":
      return ok(tickEvents(state, { observed: command.observed, atMs, settings }));
    default:
      return unreachable(command);
  }
}

function measuredEvents(measured: Measured): readonly FleetEvent[] {
  const isEmpty = Object.values(measured).every((part) => Object.keys(part).length === 0);
  return isEmpty ? [] : [{ kind: "measured", measured }];
}

/** Everything that is under way takes its next step if its time has come. */
function tickEvents(state: FleetState, context: PaceContext): readonly FleetEvent[] {
  return [
    ...advancedRollouts(state, context),
    ...movedShifts(state, context),
    ...finishedDrains(state),
    ...advanceRamps(state, context.atMs, context.settings),
  ];
}
