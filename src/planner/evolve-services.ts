import type { Measured } from "../model/command.ts";
import type { InputsCause, ServiceState } from "../model/fleet.ts";
import type { ClusterId, ServiceId } from "../model/ids.ts";
import type { DestinationKey } from "../model/destination.ts";
import type { ServiceSpec } from "../model/service.ts";
import type { Draft } from "./draft.ts";
import type { Folds } from "./folds.ts";

/** Folds what is declared and measured of services. */
export const SERVICE_FOLDS: Folds<"service-applied" | "service-deleted" | "measured"> = {
  "service-applied": (draft, { spec }) => apply(draft, spec),
  "service-deleted": (draft, { service }) => void draft.write("services").delete(service),
  measured: (draft, event) => measure(draft, event.measured),
};

function apply(draft: Draft, spec: ServiceSpec): void {
  const before = draft.state.services.get(spec.service);
  draft.write("services").set(spec.service, {
    ...(before ?? EMPTY_SERVICE),
    spec,
    resourceVersion: (before?.resourceVersion ?? 0) + 1,
  });
  // Nothing of a new service can be lost by haste; a changed one goes in the waves of an operator's change.
  draft.raiseInputs(spec.service, before === undefined ? "fleet" : "operator");
}

const EMPTY_SERVICE: Omit<ServiceState, "spec"> = {
  resourceVersion: 0,
  pins: {},
  demandRps: {},
  reported: {},
  inputsSequence: 0,
  plannedSequence: 0,
  released: {},
};

function measure(draft: Draft, { demandRps, reported }: Measured): void {
  const services = new Set([...Object.keys(demandRps), ...Object.keys(reported)] as ServiceId[]);
  for (const service of services) measureService(draft, service, { demandRps, reported });
}

function measureService(draft: Draft, service: ServiceId, measured: Measured): void {
  const before = draft.state.services.get(service);
  if (before === undefined) return;
  const demandRps: Readonly<Record<ClusterId, number>> = measured.demandRps[service] ?? {};
  const reported = measured.reported[service] ?? {};
  draft.changeService(service, () => ({
    ...before,
    demandRps: { ...before.demandRps, ...demandRps },
    reported: { ...before.reported, ...reported },
  }));
  draft.raiseInputs(service, causeOf(before, reported));
}

/** A destination without a single ready endpoint is lost, whatever its cluster's verdict is. */
function causeOf(before: ServiceState, reported: ServiceState["reported"]): InputsCause {
  const keys = Object.keys(reported) as DestinationKey[];
  const isLost = keys.some((key) => reported[key]?.readyEndpoints === 0 && before.reported[key]?.readyEndpoints !== 0);
  return isLost ? "lost" : "measured";
}
