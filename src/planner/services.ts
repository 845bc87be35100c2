import type { Command } from "../model/command.ts";
import type { FleetEvent } from "../model/event.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId, ServiceId } from "../model/ids.ts";
import { ok } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import type { Refusal } from "../model/refusal.ts";
import type { ServiceSpec } from "../model/service.ts";
import type { Settings } from "../model/settings.ts";
import type { Shift } from "../model/shift.ts";
import { checkVersion, decided, firstObjection, PASSED, reject } from "./decision.ts";
import type { Check, Decision } from "./decision.ts";
import { ruleAgainst, ruleText } from "./policy.ts";
import { checkAllowed } from "./policy-spec.ts";
import { checkMatching, checkReleaseLoad } from "./release-spec.ts";
import { percent, sourcesOf } from "./released.ts";
import { sameValue } from "./same-value.ts";
import { checkServiceSpec } from "./service-spec.ts";
import { runningShifts } from "./urgency.ts";

type Of<K extends Command["kind"]> = Extract<Command, { kind: K }>;

/** Creates or replaces a service. The same declaration again changes nothing. */
export function applyService(state: FleetState, command: Of<"apply-service">, settings: Settings): Decision {
  const { spec, expectedResourceVersion } = command;
  const before = state.services.get(spec.service);
  const objection = firstObjection(
    () => checkServiceSpec(state, spec),
    () => checkVersion(`service ${spec.service}`, before?.resourceVersion ?? 0, expectedResourceVersion),
    () => (before === undefined ? PASSED : checkPins(state, before, spec)),
    () => checkAllowed(state, spec, before?.demandRps ?? {}),
    () => checkReleaseLoad(spec, before, { state, settings }),
    () => checkMatching(state, spec, before),
  );
  if (!objection.ok) return objection;
  if (before !== undefined && sameValue(before.spec, spec)) return decided();
  return decided(...(before === undefined ? [] : forbiddenShifts(state, before, spec)), {
    kind: "service-applied",
    spec,
  });
}

/** Shifts whose target the new policy forbids could only hold half-way for ever, and keep the rest from moving. */
function forbiddenShifts(state: FleetState, before: ServiceState, spec: ServiceSpec): readonly FleetEvent[] {
  return runningShifts(state, before).flatMap((shift): readonly FleetEvent[] => {
    const detail = forbiddenTarget(shift, spec, state);
    const { shift: id, stepsTaken } = shift;
    return detail === undefined ? [] : [{ kind: "shift-moved", shift: id, phase: "failed", detail, stepsTaken }];
  });
}

function forbiddenTarget({ sources, target }: Shift, spec: ServiceSpec, state: FleetState): string | undefined {
  if (target.kind === "automatic") return undefined;
  for (const { destination, weight } of target.split) {
    for (const source of weight > 0 ? sources : []) {
      const lane = { source, destination: destination.cluster };
      const rule = ruleAgainst(lane, spec, state);
      if (rule !== undefined) return `${destination.cluster} ${ruleText(rule, lane, { spec, state })}`;
    }
  }
  return undefined;
}

/** Refuses to take a destination away that a shift sends traffic to: first the shift, then the destination. */
function checkPins(state: FleetState, before: ServiceState, spec: ServiceSpec): Check {
  const deployed = new Set(spec.deployments.map(({ cluster, version }) => `${cluster}/${version}`));
  for (const source of (Object.keys(before.pins) as ClusterId[]).toSorted(compareNames)) {
    const missing = (before.pins[source] ?? []).find(
      ({ destination: { cluster, version }, weight }) =>
        weight > 0 && state.clusters.has(cluster) && !deployed.has(`${cluster}/${version}`),
    );
    if (missing === undefined) continue;
    const { destination, weight } = missing;
    const message = `a shift sends ${percent(weight)} of ${source}'s requests to ${destination.cluster}/${destination.version}; shift them elsewhere before it is taken away`;
    return reject("STILL_SERVING", "spec.deployments", message);
  }
  return PASSED;
}

/** Takes a service out of every cluster's plan. Refuses while it is called. */
export function deleteService(state: FleetState, command: Of<"delete-service">): Decision {
  const found = findService(state, command.service);
  if (!found.ok) return found;
  const service = found.value;
  const caller = (Object.keys(service.demandRps) as ClusterId[])
    .toSorted(compareNames)
    .find((source) => state.clusters.has(source) && (service.demandRps[source] ?? 0) > 0);
  if (caller !== undefined && command.force === "no") {
    const message = `${caller} still calls ${command.service}; stop its callers first, or force it`;
    return reject("STILL_SERVING", "service", message);
  }
  return decided(...endShifts(state, service), ...removals(service), {
    kind: "service-deleted",
    service: command.service,
  });
}

function endShifts(state: FleetState, service: ServiceState): readonly FleetEvent[] {
  const detail = `${service.spec.service} was deleted`;
  return runningShifts(state, service).map(({ shift, stepsTaken }) => ({
    kind: "shift-moved",
    shift,
    phase: "failed",
    detail,
    stepsTaken,
  }));
}

function removals(service: ServiceState): readonly FleetEvent[] {
  return sourcesOf(service).map((cluster) => ({ kind: "route-set-removed", service: service.spec.service, cluster }));
}

/** The service, or UNKNOWN_SERVICE. */
export function findService(state: FleetState, service: ServiceId, field = "service"): Result<ServiceState, Refusal> {
  const found = state.services.get(service);
  if (found !== undefined) return ok(found);
  const message = `no service is called ${JSON.stringify(service.slice(0, 160))}; \`weir service list\` shows those that are declared`;
  return reject("UNKNOWN_SERVICE", field, message);
}
