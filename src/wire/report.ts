import { fromBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { Coverage, HeartbeatSchema, WindowSchema } from "../../proto/gen/weir/v1/health_pb.ts";
import type { Heartbeat, TrafficCount, Window, WorkloadCount } from "../../proto/gen/weir/v1/health_pb.ts";
import { keyOf } from "../model/destination.ts";
import type { ClusterId, ServiceId, Version } from "../model/ids.ts";
import type { Position } from "../model/position.ts";
import type { Refusal } from "../model/refusal.ts";
import type { ActiveFallback, PeerRow, RouteRefusal, TrafficRow, WorkloadRow } from "../model/report.ts";
import { refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import { Checks } from "./checks.ts";
import { heldRouteSetsOf, routeRefusalsOf } from "./link.ts";
import { positionOf } from "./position.ts";
import { destinationOf } from "./split.ts";

/** Who speaks, and where in the order of one start of the agent. */
export interface ReportHead {
  readonly cluster: ClusterId;
  readonly uid: string;
  readonly bootId: string;
  readonly sequence: number;
}

/** One heartbeat in the model's words. */
export interface HeartbeatPart extends ReportHead {
  readonly kind: "heartbeat";
  readonly sentAtMs: number;
  readonly applied?: Position;
  readonly appliedHashes: Readonly<Record<ServiceId, string>>;
  /** Whether `appliedHashes` is all there is, or replaces what it names. */
  readonly appliedCoverage: "complete" | "part";
  readonly refusals: readonly RouteRefusal[];
  readonly fallback?: ActiveFallback;
  readonly peers: readonly PeerRow[];
  readonly alarms: readonly string[];
  readonly isLinked: boolean;
}

/** One window, or a part of one, in the model's words. */
export interface WindowPart extends ReportHead {
  readonly kind: "window";
  readonly windowMs: number;
  readonly traffic: readonly TrafficRow[];
  readonly workloads: readonly WorkloadRow[];
}

/** Most bytes of a report: agents send parts of at most 48 KiB. */
export const REPORT_BYTES_MAX = 65_536;

/** More endpoints of one version than any cluster has. */
const ENDPOINTS_MAX = 1_000_000;

/** Longest window that says anything about now: ten minutes. */
const WINDOW_MS_MAX = 600_000;

const ID_LENGTH_MAX = 128;
const TEXT_LENGTH_MAX = 2_048;

/**
 * Reads a heartbeat that arrived on the subject of `subject`. Refuses REPORT_INVALID (undecodable, too large, names),
 * REPORT_RANGE (numbers that cannot be), IDENTITY_MISMATCH (the body names another cluster than the subject).
 */
export function decodeHeartbeat(bytes: Uint8Array, subject: ClusterId): Result<HeartbeatPart, Refusal> {
  return read(HeartbeatSchema, { bytes, subject, translate: heartbeatOf });
}

/** Reads a window that arrived on the subject of `subject`; refusals as `decodeHeartbeat`. */
export function decodeWindow(bytes: Uint8Array, subject: ClusterId): Result<WindowPart, Refusal> {
  return read(WindowSchema, { bytes, subject, translate: windowOf });
}

interface Reading<S extends DescMessage, T> {
  readonly bytes: Uint8Array;
  readonly subject: ClusterId;
  readonly translate: (checks: Checks, message: MessageShape<S>) => T;
}

function read<S extends DescMessage, T extends ReportHead>(
  schema: S,
  { bytes, subject, translate }: Reading<S, T>,
): Result<T, Refusal> {
  if (bytes.length > REPORT_BYTES_MAX)
    return invalid(`has ${bytes.length} bytes; at most ${REPORT_BYTES_MAX} are allowed`);
  const message = decoded(schema, bytes);
  if (message === undefined) return invalid(`is no ${schema.name} message`);
  const checks = new Checks();
  const part = translate(checks, message);
  const result = checks.result(part);
  if (!result.ok) return refuse({ ...result.refusal, code: reportCode(result.refusal) });
  if (part.cluster === subject) return result;
  const mismatch = `the report names ${part.cluster} but came on the subject of ${subject}; it is dropped`;
  return refuse({ code: "IDENTITY_MISMATCH", field: "cluster", message: mismatch });
}

function decoded<S extends DescMessage>(schema: S, bytes: Uint8Array): MessageShape<S> | undefined {
  try {
    return fromBinary(schema, bytes);
  } catch {
    // An agent's bytes are outside input: that they cannot be read is an answer.
    return undefined;
  }
}

function invalid(why: string): Result<never, Refusal> {
  return refuse({ code: "REPORT_INVALID", field: "", message: `the report ${why}; it is dropped` });
}

function reportCode({ code }: Refusal): Refusal["code"] {
  return code === "REPORT_RANGE" || code === "SEQ_RANGE" ? "REPORT_RANGE" : "REPORT_INVALID";
}

function headOf(checks: Checks, message: Heartbeat | Window): ReportHead {
  return {
    cluster: checks.label("cluster", message.cluster),
    uid: checks.required("cluster_uid", message.clusterUid, ID_LENGTH_MAX),
    bootId: checks.required("boot_id", message.bootId, ID_LENGTH_MAX),
    sequence: checks.sequence("sequence", message.sequence),
  };
}

function heartbeatOf(checks: Checks, message: Heartbeat): HeartbeatPart {
  const { applied, fallback } = message;
  return {
    kind: "heartbeat",
    ...headOf(checks, message),
    sentAtMs: Number(message.sentAtUnixMs),
    ...(applied === undefined ? {} : { applied: positionOf(checks, "applied", applied) }),
    appliedHashes: Object.fromEntries(heldRouteSetsOf(checks, "applied_route_sets", message.appliedRouteSets)),
    appliedCoverage: message.appliedCoverage === Coverage.PART ? "part" : "complete",
    refusals: routeRefusalsOf(checks, "refusals", message.refusals),
    ...(fallback === undefined ? {} : { fallback: fallbackOf(checks, fallback) }),
    peers: message.peers.map(({ cluster, isReachable }, index) => ({
      cluster: checks.label<ClusterId>(`peers[${index}].cluster`, cluster),
      isReachable,
    })),
    alarms: message.alarms.map((alarm, index) => checks.text(`alarms[${index}]`, alarm, TEXT_LENGTH_MAX)),
    isLinked: message.isLinked,
  };
}

function fallbackOf(checks: Checks, notice: NonNullable<Heartbeat["fallback"]>): ActiveFallback {
  return {
    lostCluster: checks.label("fallback.lost_cluster", notice.lostCluster),
    sinceMs: Number(notice.sinceUnixMs),
    evidence: checks.text("fallback.evidence", notice.evidence, TEXT_LENGTH_MAX),
  };
}

function windowOf(checks: Checks, message: Window): WindowPart {
  const rows = message.traffic.map((count, index) => trafficOf(checks, `traffic[${index}]`, count));
  return {
    kind: "window",
    ...headOf(checks, message),
    windowMs: ranged(checks, "window_ms", { value: message.windowMs, min: 1, max: WINDOW_MS_MAX }),
    traffic: added(rows),
    workloads: message.workloads.map((count, index) => workloadOf(checks, `workloads[${index}]`, count)),
  };
}

function ranged(
  checks: Checks,
  field: string,
  { value, min, max }: { value: number; min: number; max: number },
): number {
  return checks.integer(field, value, { min, max, code: "REPORT_RANGE" });
}

function trafficOf(checks: Checks, field: string, count: TrafficCount): TrafficRow {
  const requests = checks.sequence(`${field}.requests`, count.requests);
  const failures = checks.sequence(`${field}.failures`, count.failures);
  if (failures > requests)
    checks.refuse("REPORT_RANGE", `${field}.failures`, `${failures} failures of ${requests} requests`);
  return {
    service: checks.service<ServiceId>(`${field}.service`, count.service),
    destination: keyOf(destinationOf(checks, `${field}.destination`, count.destination)),
    requests,
    failures,
    ...optionalAmount(checks, `${field}.latency_mean_ms`, { name: "latencyMeanMs", value: count.latencyMeanMs }),
    ...optionalAmount(checks, `${field}.latency_p50_ms`, { name: "latencyP50Ms", value: count.latencyP50Ms }),
    ...optionalAmount(checks, `${field}.latency_p99_ms`, { name: "latencyP99Ms", value: count.latencyP99Ms }),
  };
}

function workloadOf(checks: Checks, field: string, count: WorkloadCount): WorkloadRow {
  const totalEndpoints = endpoints(checks, `${field}.total_endpoints`, count.totalEndpoints);
  const readyEndpoints = endpoints(checks, `${field}.ready_endpoints`, count.readyEndpoints);
  if (readyEndpoints > totalEndpoints)
    checks.refuse("REPORT_RANGE", `${field}.ready_endpoints`, `${readyEndpoints} ready of ${totalEndpoints} endpoints`);
  const utilisation = checks.amount(`${field}.utilisation`, count.utilisation ?? 0, "REPORT_RANGE");
  if (utilisation > 1) checks.refuse("REPORT_RANGE", `${field}.utilisation`, `is ${utilisation}; 0 to 1 is allowed`);
  return {
    service: checks.service<ServiceId>(`${field}.service`, count.service),
    version: checks.label<Version>(`${field}.version`, count.version),
    readyEndpoints,
    totalEndpoints,
    ...optionalAmount(checks, `${field}.capacity_rps`, { name: "capacityRps", value: count.capacityRps }),
    ...(count.utilisation === undefined ? {} : { utilisation }),
  };
}

function endpoints(checks: Checks, field: string, value: number): number {
  return ranged(checks, field, { value, min: 0, max: ENDPOINTS_MAX });
}

function optionalAmount<N extends string>(
  checks: Checks,
  field: string,
  { name, value }: { readonly name: N; readonly value: number | undefined },
): { readonly [K in N]?: number } {
  if (value === undefined) return {};
  return { [name]: checks.amount(field, value, "REPORT_RANGE") } as { readonly [K in N]?: number };
}

/** One row per service and destination: callers and classes are summed; of quantiles the worst is kept. */
function added(rows: readonly TrafficRow[]): readonly TrafficRow[] {
  const sums = new Map<string, TrafficRow>();
  for (const row of rows) {
    const key = `${row.service} ${row.destination}`;
    const sum = sums.get(key);
    sums.set(key, sum === undefined ? row : sumOf(sum, row));
  }
  return [...sums.values()];
}

function sumOf(a: TrafficRow, b: TrafficRow): TrafficRow {
  return {
    ...a,
    requests: a.requests + b.requests,
    failures: a.failures + b.failures,
    ...meanOf(a, b),
    ...worst("latencyP50Ms", [a.latencyP50Ms, b.latencyP50Ms]),
    ...worst("latencyP99Ms", [a.latencyP99Ms, b.latencyP99Ms]),
  };
}

/** Means add up exactly by their requests; a part without one leaves the other's. */
function meanOf(a: TrafficRow, b: TrafficRow): Pick<TrafficRow, "latencyMeanMs"> {
  const known = [a, b].filter(({ latencyMeanMs, requests }) => latencyMeanMs !== undefined && requests > 0);
  const requests = known.reduce((sum, row) => sum + row.requests, 0);
  if (requests === 0) return {};
  return { latencyMeanMs: known.reduce((sum, row) => sum + (row.latencyMeanMs ?? 0) * row.requests, 0) / requests };
}

function worst<N extends string>(name: N, values: readonly (number | undefined)[]): { readonly [K in N]?: number } {
  const known = values.filter((value) => value !== undefined);
  return (known.length === 0 ? {} : { [name]: Math.max(...known) }) as { readonly [K in N]?: number };
}
