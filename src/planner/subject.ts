import type { Command } from "../model/command.ts";
import type { FleetState } from "../model/fleet.ts";
import { unreachable } from "../model/result.ts";

/** Name of what a command makes or changes: what its answer carries. Empty when it has none. */
export function subjectOf(state: FleetState, command: Command): string {
  switch (command.kind) {
    case "register-cluster":
      return command.spec.cluster;
    case "redeem-token":
      return clusterOfToken(state, command.secretHash);
    case "apply-service":
      return command.spec.service;
    case "delete-service":
      return command.service;
    case "request-shift":
    case "abort-shift":
      return command.shift;
    case "begin-term":
      return command.holder;
    case "recover":
      return command.incarnationId;
    case "observe":
    case "store-route-sets":
    case "propose":
    case "tick":
      return "";
    case "accept-cluster":
    case "greet-cluster":
    case "renew-certificate":
    case "quarantine-cluster":
    case "cordon-cluster":
    case "uncordon-cluster":
    case "drain-cluster":
    case "revoke-cluster":
    case "unregister-cluster":
      return command.cluster;
    default:
      return unreachable(command);
  }
}

function clusterOfToken(state: FleetState, secretHash: string): string {
  const found = [...state.clusters.values()].find(({ token }) => token?.secretHash === secretHash);
  return found?.spec.cluster ?? "";
}
