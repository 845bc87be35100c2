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

function measure(draft: Draft, measured: Measured): void {
  const { demandRps, reported, learned = {} } = measured;
  const parts = [demandRps, reported, learned].flatMap((part) => Object.keys(part));
  for (const service of new Set(parts as ServiceId[])) measureService(draft, service, measured);
  for (const [cluster, row] of Object.entries(measured.rttMs ?? {}) as [ClusterId, Row][])
    learnRoundTrips(draft, cluster, row);
}

type Row = Readonly<Record<ClusterId, number>>;

function measureService(draft: Draft, service: ServiceId, measured: Measured): void {
  const before = draft.state.services.get(service);
  if (before === undefined) return;
  const demandRps: Readonly<Record<ClusterId, number>> = measured.demandRps[service] ?? {};
  const reported = measured.reported[service] ?? {};
  const learned = measured.learned?.[service];
  draft.changeService(service, () => ({
    ...before,
    demandRps: { ...before.demandRps, ...demandRps },
    reported: { ...before.reported, ...reported },
    ...(learned !== undefined && { learned: { ...before.learned, ...learned } }),
  }));
  draft.raiseInputs(service, causeOf(before, reported));
}

/** What was learned is nothing that anybody declared: it does not count as a change of the cluster's object. */
function learnRoundTrips(draft: Draft, cluster: ClusterId, row: Row): void {
  const before = draft.state.clusters.get(cluster);
  if (before === undefined) return;
  draft.write("clusters").set(cluster, { ...before, learnedRttMs: { ...before.learnedRttMs, ...row } });
  const others = new Set(Object.keys(row));
  draft.raiseInputsWhere(
    ({ spec }) => spec.deployments.some((found) => found.cluster === cluster || others.has(found.cluster)),
    "measured",
  );
}

/** A destination without a single ready endpoint is lost, whatever its cluster's verdict is. */
function causeOf(before: ServiceState, reported: ServiceState["reported"]): InputsCause {
  const keys = Object.keys(reported) as DestinationKey[];
  const isLost = keys.some((key) => reported[key]?.readyEndpoints === 0 && before.reported[key]?.readyEndpoints !== 0);
  return isLost ? "lost" : "measured";
}
