import type { Command } from "../model/command.ts";
import type { FleetEvent } from "../model/event.ts";
import type { FleetState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";
import { hasEnded } from "../model/shift.ts";
import type { Shift } from "../model/shift.ts";
import { checkReason, decided, reject } from "./decision.ts";
import type { Decision } from "./decision.ts";
import { findCluster } from "./membership.ts";
import { percent, sendersTo } from "./released.ts";

type Of<K extends Command["kind"]> = Extract<Command, { kind: K }>;

/** Cuts a cluster off: its certificates open nothing any more, and nobody is planned to send it anything. */
export function revokeCluster(state: FleetState, command: Of<"revoke-cluster">): Decision {
  const { cluster, reason } = command;
  const found = findCluster(state, cluster);
  if (!found.ok) return found;
  const objection = checkReason(reason);
  if (!objection.ok) return objection;
  if (found.value.membership === "revoked") return decided();
  return decided(...endShifts(state, cluster, `${cluster} was revoked`), { kind: "cluster-revoked", cluster, reason });
}

/** Forgets a cluster, whether or not its agent can still be reached. Refuses while it is sent something. */
export function unregisterCluster(state: FleetState, command: Of<"unregister-cluster">): Decision {
  const { cluster, force } = command;
  const found = findCluster(state, cluster);
  if (!found.ok) return found;
  // What a dead cluster was told about its own callers is nobody's traffic any more.
  const isGone = found.value.verdict === "dead";
  const sender = sendersTo(state, cluster).find(({ source }) => !(isGone && source === cluster));
  if (sender !== undefined && force === "no") {
    const message = `${sender.source} sends ${cluster} ${percent(sender.weight)} of ${sender.service.spec.service}; drain it first, or force it`;
    return reject("STILL_SERVING", "cluster", message);
  }
  const ended = endShifts(state, cluster, `${cluster} was unregistered`);
  return decided(...ended, { kind: "cluster-unregistered", cluster });
}

/** Shifts that cannot reach their target without the cluster have failed. */
function endShifts(state: FleetState, cluster: ClusterId, detail: string): readonly FleetEvent[] {
  return [...state.shifts.values()]
    .filter((shift) => !hasEnded(shift) && concerns(shift, cluster))
    .toSorted((a, b) => compareNames(a.shift, b.shift))
    .map(({ shift, stepsTaken }) => ({ kind: "shift-moved", shift, phase: "failed", detail, stepsTaken }));
}

function concerns({ sources, target }: Shift, cluster: ClusterId): boolean {
  if (sources.includes(cluster)) return true;
  if (target.kind === "automatic") return false;
  return target.split.some(({ destination, weight }) => destination.cluster === cluster && weight > 0);
}
