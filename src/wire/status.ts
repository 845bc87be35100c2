import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  GetStatusRequest,
  GetStatusResponseSchema,
  ReplicaStatusSchema,
  ShareStatusSchema,
  SourceStatusSchema,
} from "../../proto/gen/weir/v1/traffic_pb.ts";
import { compareDestinations, destinationOf, keyOf } from "../model/destination.ts";
import type { Destination, DestinationKey } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import type { ClusterId, RouteSetHash } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { KnownCapacity } from "../model/learned.ts";
import type { Observed, ObservedCluster } from "../model/observed.ts";
import type { Refusal } from "../model/refusal.ts";
import { ok } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import { hasEnded } from "../model/shift.ts";
import type { Survivals } from "../model/survival.ts";
import { toCluster } from "./cluster-view.ts";
import { toCapacities, toRoundTrips } from "./learned.ts";
import { toSequence } from "./position.ts";
import { selectServices } from "./service.ts";
import { defaultSplit, selectShifts, toShift } from "./shift.ts";
import { toDestination } from "./split.ts";
import { toSurvivals, toSurvivalSummary } from "./survival.ts";

/** What a status is made from: what is decided, what is seen, and who serves. */
export interface Seen {
  readonly state: FleetState;
  readonly observed: Observed;
  readonly replicas: readonly MessageInitShape<typeof ReplicaStatusSchema>[];
  /** Of the services that are asked for. */
  readonly survivals: Survivals;
  /** Of the same: capacities that nobody declared. */
  readonly capacities: readonly KnownCapacity[];
}

/** The fleet at a glance. Refuses UNKNOWN_SERVICE. */
export function statusOf(
  { service }: Pick<GetStatusRequest, "service">,
  seen: Seen,
): Result<MessageInitShape<typeof GetStatusResponseSchema>, Refusal> {
  const { state, observed, replicas, survivals, capacities } = seen;
  const services = selectServices(state, service);
  if (!services.ok) return services;
  const clusters = [...state.clusters.values()].toSorted((a, b) => compareNames(a.spec.cluster, b.spec.cluster));
  return ok({
    sources: services.value.flatMap((found) => sourcesOf(found, seen)),
    clusters: clusters.map((cluster) => toCluster(cluster, state, observed)),
    replicas: [...replicas],
    runningShifts: selectShifts(state, service)
      .filter((shift) => !hasEnded(shift))
      .map((shift) => toShift(shift, state)),
    sequence: toSequence(state.sequence),
    survivals: toSurvivals(survivals),
    survivalSummary: toSurvivalSummary(survivals),
    capacities: toCapacities(capacities),
    roundTrips: toRoundTrips(state),
  });
}

function sourcesOf(service: ServiceState, seen: Seen): MessageInitShape<typeof SourceStatusSchema>[] {
  const targets = service.rollout?.plan.routeSets ?? {};
  const clusters = new Set([...Object.keys(service.released), ...Object.keys(targets)] as ClusterId[]);
  return [...clusters].toSorted(compareNames).map((cluster) => sourceOf(service, cluster, seen));
}

function sourceOf(service: ServiceState, cluster: ClusterId, { state, observed }: Seen) {
  const name = service.spec.service;
  const sight = observed.clusters[cluster];
  const traffic = sight?.traffic[name];
  const hash = service.rollout?.plan.routeSets[cluster] ?? service.released[cluster];
  const shares = sharesOf({
    intended: weightsOf(state, hash),
    applied: weightsOf(state, sight?.appliedHashes[name] as RouteSetHash | undefined),
    observed: traffic === undefined || traffic.requests === 0 ? undefined : traffic.shares,
  });
  return {
    service: name,
    cluster,
    shares,
    demandRps: traffic?.rps ?? service.demandRps[cluster] ?? 0,
    ...(traffic === undefined || traffic.requests === 0 ? {} : { failureRatio: traffic.failures / traffic.requests }),
    waitsFor: waitsFor(service, cluster, sight),
  };
}

type Weights = Readonly<Record<DestinationKey, number>>;

function weightsOf(state: FleetState, hash: RouteSetHash | undefined): Weights | undefined {
  const routeSet = hash === undefined ? undefined : state.routeSets.get(hash);
  if (routeSet === undefined) return undefined;
  return Object.fromEntries(defaultSplit(routeSet).map(({ destination, weight }) => [keyOf(destination), weight]));
}

interface Shares {
  readonly intended: Weights | undefined;
  readonly applied: Weights | undefined;
  readonly observed: Weights | undefined;
}

function sharesOf({ intended, applied, observed }: Shares): MessageInitShape<typeof ShareStatusSchema>[] {
  const keys = new Set([intended, applied, observed].flatMap((part) => Object.keys(part ?? {})));
  const destinations = [...keys].map(destinationOf).filter((found): found is Destination => found !== undefined);
  return destinations.toSorted(compareDestinations).map((destination) => {
    const key = keyOf(destination);
    return {
      destination: toDestination(destination),
      intendedWeight: intended?.[key] ?? 0,
      ...(applied === undefined ? {} : { appliedWeight: applied[key] ?? 0 }),
      ...(observed === undefined ? {} : { observedShare: observed[key] ?? 0 }),
    };
  });
}

/** What keeps one source from what is intended, the most telling first; empty when nothing does. */
function waitsFor(service: ServiceState, cluster: ClusterId, sight: ObservedCluster | undefined): string {
  const name = service.spec.service;
  const refused = sight?.refusals.find((refusal) => refusal.service === name || refusal.service === "");
  if (refused !== undefined) return `refused: ${refused.code} ${refused.detail}`;
  if (sight === undefined) return `no report from ${cluster} yet`;
  if (sight.hasFallback) return `${cluster} follows its fallback`;
  const released = service.released[cluster];
  if (released !== undefined && sight.appliedHashes[name] !== released)
    return `${cluster} has not applied its plan yet`;
  return service.rollout?.isSettled === true ? "" : (service.rollout?.waitsFor ?? "");
}
