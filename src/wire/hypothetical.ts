import type {
  CapacityChange as CapacityChangeMessage,
  DemandChange as DemandChangeMessage,
  PreviewChangeRequest,
  SupposedDrain,
} from "../../proto/gen/weir/v1/preview_pb.ts";
import type { DrainRequest } from "../model/command.ts";
import type { CapacityChange, DemandChange, Hypothetical } from "../model/hypothetical.ts";
import type { ClusterId, ServiceId, ShiftId, Version } from "../model/ids.ts";
import type { Refusal } from "../model/refusal.ts";
import { refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import { Checks } from "./checks.ts";
import { paceOf } from "./cluster.ts";
import { quote } from "./quote.ts";
import { repeated } from "./split.ts";
import { shiftOf } from "./shift.ts";

/** A hypothetical, and what is to be shown of it. */
export interface PreviewQuestion {
  readonly hypothetical: Hypothetical;
  /** Undefined: every service that it concerns. */
  readonly services?: readonly ServiceId[];
  readonly detailsMax: number;
}

/** A thousand times as much, or a thousandth, is a slip of the pen; none at all is not. */
const FACTOR_MAX = 1_000;

const DETAILS_MAX = 200;
const DETAILS_DEFAULT = 10;

/**
 * What a preview is asked about. Refuses EMPTY_PLAN, BAD_NAME, FIELD_INVALID, FIELD_REQUIRED, DUPLICATE_KEY, UNKNOWN_ENUM, and
 * what is wrong with a shift or a drain by itself.
 */
export function previewQuestion(request: PreviewChangeRequest): Result<PreviewQuestion, Refusal> {
  const { demands, capacities, lostClusters, cordons, drains, shifts, services, detailsMax } = request;
  if ([demands, capacities, lostClusters, cordons, drains, shifts].every((list) => list.length === 0)) {
    const message = "supposes nothing; name demand, capacity, lost clusters, cordons, drains or shifts";
    return refuse({ code: "EMPTY_PLAN", field: "", message });
  }
  const checks = new Checks();
  const hypothetical: Hypothetical = {
    demands: demands.map((change, at) => demandOf(checks, `demands[${at}]`, change)),
    capacities: capacities.map((change, at) => capacityOf(checks, `capacities[${at}]`, change)),
    lost: clustersOf(checks, "lost_clusters", lostClusters),
    cordons: clustersOf(checks, "cordons", cordons),
    drains: drains.map((drain, at) => drainOf(checks, `drains[${at}]`, drain)),
    shifts: shifts.map((proposal, at) => {
      const command = shiftOf(checks, `shifts[${at}]`, { proposal, shift: `preview-${at}` as ShiftId });
      return command.reason === "" ? { ...command, reason: "preview" } : command;
    }),
  };
  const twice = repeated(services);
  if (twice !== undefined) checks.refuse("DUPLICATE_KEY", "services", `names ${quote(twice)} more than once`);
  const named = services.map((name, at) => checks.service<ServiceId>(`services[${at}]`, name));
  return checks.result({
    hypothetical,
    ...(named.length > 0 && { services: named }),
    detailsMax:
      detailsMax === 0 ? DETAILS_DEFAULT : checks.integer("details_max", detailsMax, { min: 1, max: DETAILS_MAX }),
  });
}

function demandOf(checks: Checks, field: string, { service, source, factor }: DemandChangeMessage): DemandChange {
  return {
    ...(service !== "" && { service: checks.service<ServiceId>(`${field}.service`, service) }),
    ...(source !== "" && { source: checks.label<ClusterId>(`${field}.source`, source) }),
    factor: checks.limited(`${field}.factor`, factor, FACTOR_MAX),
  };
}

function capacityOf(checks: Checks, field: string, message: CapacityChangeMessage): CapacityChange {
  const { service, cluster, version } = message;
  if (service === "" && cluster === "")
    checks.refuse("FIELD_REQUIRED", field, "names no destination; name a service, a cluster, or both");
  return {
    ...(service !== "" && { service: checks.service<ServiceId>(`${field}.service`, service) }),
    ...(cluster !== "" && { cluster: checks.label<ClusterId>(`${field}.cluster`, cluster) }),
    ...(version !== "" && { version: checks.label<Version>(`${field}.version`, version) }),
    change: changeOf(checks, field, message),
  };
}

function changeOf(checks: Checks, field: string, { change }: CapacityChangeMessage): CapacityChange["change"] {
  if (change.case === "factor")
    return { kind: "factor", factor: checks.limited(`${field}.factor`, change.value, FACTOR_MAX) };
  if (change.case === "capacityRps")
    return { kind: "value", capacityRps: checks.amount(`${field}.capacity_rps`, change.value) };
  checks.refuse("FIELD_REQUIRED", `${field}.factor`, "is required, or capacity_rps");
  return { kind: "factor", factor: 1 };
}

function clustersOf(checks: Checks, field: string, names: readonly string[]): readonly ClusterId[] {
  const twice = repeated(names);
  if (twice !== undefined) checks.refuse("DUPLICATE_KEY", field, `names ${quote(twice)} more than once`);
  return names.map((name, at) => checks.label<ClusterId>(`${field}[${at}]`, name));
}

function drainOf(
  checks: Checks,
  field: string,
  message: SupposedDrain,
): { readonly cluster: ClusterId; readonly drain: DrainRequest } {
  return {
    cluster: checks.label<ClusterId>(`${field}.cluster`, message.cluster),
    drain: paceOf(checks, `${field}.`, message),
  };
}
