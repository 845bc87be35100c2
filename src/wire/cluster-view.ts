import type { MessageInitShape } from "@bufbuild/protobuf";
import { Verdict } from "../../proto/gen/weir/v1/fleet_pb.ts";
import type {
  ClusterSchema,
  ClusterSpecSchema,
  DrainSchema,
  ListClustersRequest,
} from "../../proto/gen/weir/v1/fleet_pb.ts";
import type { ClusterSpec, ClusterState } from "../model/cluster.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import type { ClusterId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { Observed, ObservedCluster } from "../model/observed.ts";
import type { RouteSet } from "../model/plan.ts";
import type { Refusal } from "../model/refusal.ts";
import type { Position } from "../model/position.ts";
import { ok, refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import { toPosition, toSequence } from "./position.ts";
import { quote } from "./quote.ts";
import { toAddress } from "./route-set.ts";
import { MEMBERSHIPS, VERDICTS } from "./words.ts";

/** One cluster as the API shows it: what is decided of it, and what its reports say. */
export function toCluster(
  cluster: ClusterState,
  state: FleetState,
  observed: Observed | undefined,
): MessageInitShape<typeof ClusterSchema> {
  const name = cluster.spec.cluster;
  const { drain, ramp } = cluster;
  return {
    spec: toClusterSpec(cluster),
    membership: MEMBERSHIPS[cluster.membership],
    verdict: verdictOf(cluster),
    verdictSinceUnixMs: BigInt(Math.trunc(cluster.verdictSinceMs)),
    isCordoned: cluster.isCordoned,
    isQuarantined: cluster.isQuarantined,
    ...(drain === undefined ? {} : { drain: toDrain(drain, remainingWeight(state, name)) }),
    resourceVersion: toSequence(cluster.resourceVersion),
    uid: cluster.uid ?? "",
    ...(ramp === undefined ? {} : { rampCeilingWeight: ramp.ceilingWeight }),
    released: toPosition(releasedPosition(state, name)),
    ...seen(observed?.clusters[name]),
  };
}

/** Position that a cluster was told last. */
export function releasedPosition(state: FleetState, cluster: ClusterId): Position {
  return { incarnation: state.incarnation, epoch: state.epoch, revision: state.revisions.get(cluster) ?? 0 };
}

function verdictOf({ drain, verdict }: ClusterState): Verdict {
  return drain !== undefined && verdict === "healthy" ? Verdict.DRAINING : VERDICTS[verdict];
}

function seen(observed: ObservedCluster | undefined) {
  if (observed === undefined) return {};
  const { applied, silentForMs, hasFallback, alarms = [] } = observed;
  return {
    ...(applied === undefined ? {} : { applied: toPosition(applied) }),
    // Silence that never began to be measured is no number a client could read.
    ...(Number.isFinite(silentForMs) ? { silentForMs: BigInt(Math.max(0, Math.trunc(silentForMs))) } : {}),
    alarms: [...alarms],
    activeFallback: hasFallback ? "follows its plan's fallback" : "",
  };
}

/** What was declared of a cluster, in the wire's form, with what it said itself where nothing was declared. */
export function toClusterSpec({
  spec,
  gateway,
  maxDestinations: said,
}: ClusterState): MessageInitShape<typeof ClusterSpecSchema> {
  const known = spec.gateway ?? gateway;
  const maxDestinations = spec.maxDestinations ?? said;
  return {
    name: spec.cluster,
    region: spec.region,
    labels: sortedFields(spec.labels),
    rttMs: sortedFields(spec.rttMs),
    egressDollarsPerGb: sortedFields(spec.egressDollarsPerGb ?? {}),
    expectedUid: spec.expectedUid ?? "",
    ...(known === undefined ? {} : { gateway: toAddress(known) }),
    ...(maxDestinations === undefined ? {} : { maxDestinations }),
  };
}

/** The same fields in the order of their names. */
export function sortedFields<T>(fields: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(fields).toSorted(([a], [b]) => compareNames(a, b)));
}

function toDrain(drain: NonNullable<ClusterState["drain"]>, remaining: number): MessageInitShape<typeof DrainSchema> {
  return {
    startedAtUnixMs: BigInt(Math.trunc(drain.startedAtMs)),
    deadlineAtUnixMs: BigInt(Math.trunc(drain.deadlineAtMs ?? 0)),
    maxStepWeight: drain.maxStepWeight,
    bakeMs: drain.bakeMs,
    isDone: drain.phase === "done",
    remainingWeight: remaining,
  };
}

/** Largest share, in basis points, that any source still sends a cluster by what was released to it. */
export function remainingWeight(state: FleetState, target: ClusterId): number {
  const shares = [...state.services.values()].flatMap((service) =>
    releasedOf(state, service).map((routeSet) => weightTo(routeSet, target)),
  );
  return Math.max(0, ...shares);
}

/** The route sets of one service that were released, sorted by source cluster. */
export function releasedOf(state: FleetState, service: ServiceState): readonly RouteSet[] {
  const hashes = Object.entries(service.released).toSorted(([a], [b]) => compareNames(a, b));
  return hashes.flatMap(([, hash]) => state.routeSets.get(hash) ?? []);
}

function weightTo({ rules }: RouteSet, target: ClusterId): number {
  const sums = rules.map(({ routes }) =>
    routes.reduce((sum, { destination, weight }) => (destination.cluster === target ? sum + weight : sum), 0),
  );
  return Math.max(0, ...sums);
}

/**
 * The clusters that a list asks for, sorted by name. Refuses EMPTY_SELECTOR (present but without a condition),
 * FIELD_INVALID (no `key=value`), SELECTOR_MATCHES_NONE.
 */
export function selectClusters(
  { selector }: Pick<ListClustersRequest, "selector">,
  state: FleetState,
): Result<readonly ClusterState[], Refusal> {
  const all = [...state.clusters.values()].toSorted((a, b) => compareNames(a.spec.cluster, b.spec.cluster));
  if (selector === undefined) return ok(all);
  const conditions = selector.split(",").map((part) => part.trim());
  if (selector.trim() === "" || selector.trim() === "{}")
    return refused("EMPTY_SELECTOR", "has no condition; leave it out to list all clusters");
  const wrong = conditions.find((condition) => !/^[^=]+=[^=]*$/.test(condition));
  if (wrong !== undefined) return refused("FIELD_INVALID", `${quote(wrong)} is not of the form key=value`);
  const found = all.filter(({ spec }) => conditions.every((condition) => holds(spec, condition)));
  if (found.length === 0) return refused("SELECTOR_MATCHES_NONE", `matches none of ${all.length} clusters`);
  return ok(found);
}

function holds({ labels, region }: ClusterSpec, condition: string): boolean {
  const [key = "", value = ""] = condition.split("=");
  return key === "region" ? (labels[key] ?? region) === value : Object.hasOwn(labels, key) && labels[key] === value;
}

function refused(code: Refusal["code"], message: string): Result<never, Refusal> {
  return refuse({ code, field: "selector", message });
}

/** A cluster by name. Refuses BAD_NAME is left to writes: a read of no such name is simply UNKNOWN_CLUSTER. */
export function findCluster(state: FleetState, name: string): Result<ClusterState, Refusal> {
  const cluster = state.clusters.get(name as ClusterId);
  if (cluster !== undefined) return ok(cluster);
  const known = [...state.clusters.keys()].toSorted(compareNames).slice(0, 20).join(", ") || "none";
  const message = `there is no cluster ${quote(name)}; known: ${known}`;
  return refuse({ code: "UNKNOWN_CLUSTER", field: "cluster", message });
}
