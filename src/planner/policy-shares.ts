import type { FleetState, ServiceState } from "../model/fleet.ts";
import { ruleAgainst } from "./policy.ts";
import { releasedSplit, sourcesOf } from "./released.ts";

/** Whether any member is told to send the service's requests where its policy forbids it. */
export function sendsToForbidden(state: FleetState, service: ServiceState): boolean {
  if (service.spec.policy === undefined) return false;
  return sourcesOf(service)
    .filter((source) => state.clusters.get(source)?.membership === "active")
    .some((source) =>
      (releasedSplit(state, service, source) ?? []).some(
        ({ destination }) =>
          ruleAgainst({ source, destination: destination.cluster }, service.spec, state) !== undefined,
      ),
    );
}
