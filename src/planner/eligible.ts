import type { ClusterState, GatewayAddress } from "../model/cluster.ts";
import type { Destination, DestinationKey, Split } from "../model/destination.ts";
import { compareDestinations, keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import type { ClusterId } from "../model/ids.ts";
import type { Deployment, QueueCurve } from "../model/service.ts";
import { boundBy } from "./bounds.ts";
import { orderOf } from "./failover.ts";
import { crossingPenaltyMs } from "./label-rules.ts";
import { labelsIn, policyOf, ruleAgainst, tierIn } from "./policy.ts";
import type { Lane, PolicyRule } from "./policy.ts";
import { learnedCurve } from "./learn/trust.ts";
import { deployedCapacity } from "./readiness.ts";
import { rttBetween } from "./round-trip.ts";

/** Why a destination cannot serve a source at all; what a source still sends it must move at once. */
export type Loss = "not-deployed" | "not-a-member" | "quarantined" | "dead" | "unready" | "unreachable";

/** Why a destination may serve, but only up to a ceiling. */
export type Restriction = "ramp" | "cordoned" | "unknown" | "readiness-doubted" | "max-share";

/** Most basis points that a source may come to send a destination, and what sets that; undefined when nothing does. */
export interface Ceiling {
  readonly ceilingWeight: number;
  readonly restriction?: Restriction;
}

/** One destination of a service as one source sees it. */
export interface Offer extends Ceiling {
  readonly destination: Destination;
  readonly key: DestinationKey;
  readonly loss?: Loss;
  /** A draining destination comes down to nothing, step by step. */
  readonly isDraining: boolean;
  /** Rule of the service's policy by which it may not serve this source: nothing comes to it, and what it has leaves in steps. */
  readonly forbidden?: PolicyRule;
  /** Isolation `nearest` keeps the source's traffic at home: only what a shift put here is here. */
  readonly isStandby: boolean;
  /** The ceiling without the policy's `maxShare`. */
  readonly standing: Ceiling;
  /** Requests per second it can serve: declared, else learned, else reported; undefined: nobody knows. */
  readonly capacityRps?: number;
  /** How its latency grows with load: declared, else learned; undefined: nobody knows. */
  readonly curve?: QueueCurve;
  readonly rttMs: number;
  /** Price of a gigabyte from the source to it, in dollars. */
  readonly egressDollarsPerGb: number;
  /** What the policy's `localityPenaltyMs` add to the way, ms; undefined: nothing. */
  readonly crossingMs?: number;
  /** Its place in the source's failover order; undefined: the source has none, or it is on none of its tiers. */
  readonly turn?: Turn;
}

/** An offer's place in a failover order. */
export interface Turn {
  /** Its tier, from 0, of so many. */
  readonly tier: number;
  readonly tiers: number;
  /** Share of its endpoints that are ready, 0 to 1. */
  readonly readyShare: number;
  /** Whether the source sends it something now. */
  readonly isUsed: boolean;
  /** When it is filled, from 0: offers of a lower rank first. */
  readonly rank: number;
  /** Healthy share of its tier, 0 to 1. */
  readonly healthyShare: number;
}

/** Where a source stands: what it sends now. Undefined when nothing was released to it yet. */
export interface Standpoint {
  readonly source: ClusterId;
  readonly now: Split | undefined;
  /** Whether reports of no ready endpoint are too many to be believed (`doubtsReadiness`), the same for every source. */
  readonly isDoubted: boolean;
}

/**
 * Every destination that a source could use or uses now, sorted. A source's own cluster is never dead, unknown,
 * quarantined or unreachable to it: whoever can act on the plan is alive, and would otherwise be sent away from its own
 * backends for having been cut off from the planner.
 */
export function offersTo(standpoint: Standpoint, state: FleetState, service: ServiceState): readonly Offer[] {
  const places = new Map<DestinationKey, Destination>();
  for (const { cluster, version } of service.spec.deployments)
    places.set(keyOf({ cluster, version }), { cluster, version });
  for (const { destination } of standpoint.now ?? []) places.set(keyOf(destination), destination);
  const offers = [...places.values()]
    .toSorted(compareDestinations)
    .map((destination) => offerOf(destination, { ...standpoint, state, service }));
  return boundBy(offers, { source: standpoint.source, policy: policyOf(service.spec) });
}

interface Circumstances extends Standpoint {
  readonly state: FleetState;
  readonly service: ServiceState;
}

function offerOf(destination: Destination, circumstances: Circumstances): Offer {
  const { source, state, service } = circumstances;
  const key = keyOf(destination);
  const cluster = state.clusters.get(destination.cluster);
  const loss = lossOf(destination, cluster, circumstances);
  const capacityRps = deployedCapacity(service, destination);
  const forbidden = ruleAgainst({ source, destination: destination.cluster }, service.spec, state);
  const curve = deploymentOf(service, destination)?.curve ?? learnedCurve(service.learned?.[key], capacityRps);
  const standing = ceilingOf(destination, cluster, circumstances);
  const crossingMs = crossingBetween(state, service, { source, destination: destination.cluster });
  const turn = turnOf(destination, circumstances);
  return {
    destination,
    key,
    ...(loss !== undefined && { loss }),
    isDraining: cluster?.drain !== undefined,
    ...(forbidden !== undefined && { forbidden }),
    isStandby: false,
    ...standing,
    standing,
    ...(capacityRps !== undefined && { capacityRps }),
    ...(curve !== undefined && { curve }),
    rttMs: rttBetween(state, source, destination.cluster),
    egressDollarsPerGb: egressBetween(state, source, destination.cluster),
    ...(crossingMs > 0 && { crossingMs }),
    ...(turn !== undefined && { turn }),
  };
}

function crossingBetween(state: FleetState, { spec }: ServiceState, { source, destination }: Lane): number {
  const policy = policyOf(spec);
  if (policy.localityPenaltyMs === undefined) return 0;
  return crossingPenaltyMs(policy, labelsIn(state, source), labelsIn(state, destination));
}

/** Where it stands by its tier alone; `boundBy` says what that comes to beside the others. */
function turnOf(destination: Destination, { source, state, service, now, isDoubted }: Circumstances): Turn | undefined {
  const { failover } = policyOf(service.spec);
  const order = failover && orderOf(failover, source);
  const tier = order && tierIn(state, order, { source, destination: destination.cluster });
  if (order === undefined || tier === undefined) return undefined;
  const { readyEndpoints = 0, totalEndpoints = 0 } = service.reported[keyOf(destination)] ?? {};
  const readyShare = totalEndpoints > 0 && !isDoubted ? Math.min(1, readyEndpoints / totalEndpoints) : 1;
  const isUsed = weightOf(now, destination) > 0;
  return { tier, tiers: order.length, readyShare, isUsed, rank: tier, healthyShare: readyShare };
}

function lossOf(
  destination: Destination,
  cluster: ClusterState | undefined,
  { source, service, isDoubted }: Circumstances,
): Loss | undefined {
  if (!isDeployed(service, destination)) return "not-deployed";
  if (cluster?.membership !== "active") return "not-a-member";
  if (destination.cluster !== source) {
    if (cluster.isQuarantined) return "quarantined";
    if (cluster.verdict === "dead") return "dead";
    if (gatewayOf(cluster) === undefined) return "unreachable";
  }
  return isUnready(service, destination) && !isDoubted ? "unready" : undefined;
}

function isDeployed(service: ServiceState, destination: Destination): boolean {
  return deploymentOf(service, destination) !== undefined;
}

function deploymentOf({ spec }: ServiceState, { cluster, version }: Destination): Deployment | undefined {
  return spec.deployments.find((found) => found.cluster === cluster && found.version === version);
}

/** Only a report of zero counts: without any report nothing is known, and unknown moves nothing. */
function isUnready(service: ServiceState, destination: Destination): boolean {
  return service.reported[keyOf(destination)]?.readyEndpoints === 0;
}

/** The lowest of all ceilings that hold, with its name. */
function ceilingOf(destination: Destination, cluster: ClusterState | undefined, circumstances: Circumstances): Ceiling {
  const none: Ceiling = { ceilingWeight: WEIGHT_TOTAL };
  if (cluster === undefined) return none;
  return restrictionsOf(destination, cluster, circumstances).reduce(
    (lowest, next) => (next.ceilingWeight < lowest.ceilingWeight ? next : lowest),
    none,
  );
}

function restrictionsOf(
  destination: Destination,
  cluster: ClusterState,
  { source, now, service, isDoubted }: Circumstances,
): readonly Ceiling[] {
  const isOwn = destination.cluster === source;
  const held = weightOf(now, destination);
  const found: Ceiling[] = [];
  if (cluster.isCordoned) found.push({ ceilingWeight: held, restriction: "cordoned" });
  if (isUnproven(cluster) && !isOwn) found.push({ ceilingWeight: held, restriction: "unknown" });
  if (isDoubted && isUnready(service, destination))
    found.push({ ceilingWeight: held, restriction: "readiness-doubted" });
  // A cluster that never sent anything yet has no cold return to protect: its own callers start at home.
  if (cluster.ramp !== undefined && !(isOwn && now === undefined))
    found.push({ ceilingWeight: Math.max(held, cluster.ramp.ceilingWeight), restriction: "ramp" });
  return found;
}

/** Unknown moves nothing: it keeps what it has and gets no more, as does a cluster that never proved itself. */
export function isUnproven({ verdict, firstHealthyAtMs }: ClusterState): boolean {
  return verdict === "unknown" || (verdict === "degraded" && firstHealthyAtMs === undefined);
}

/** Share of a split that a destination has, in basis points. */
export function weightOf(split: Split | undefined, { cluster, version }: Destination): number {
  const entry = split?.find(({ destination }) => destination.cluster === cluster && destination.version === version);
  return entry?.weight ?? 0;
}

/** Where a cluster's gateway is; what the platform team declared wins over what the agent says. */
export function gatewayOf(cluster: ClusterState): GatewayAddress | undefined {
  return cluster.spec.gateway ?? cluster.gateway;
}

/** Dollars per gigabyte; what either side declares holds for both directions. 0 within a cluster, and where nobody says. */
function egressBetween(state: FleetState, source: ClusterId, destination: ClusterId): number {
  if (source === destination) return 0;
  const declared = state.clusters.get(source)?.spec.egressDollarsPerGb?.[destination];
  return declared ?? state.clusters.get(destination)?.spec.egressDollarsPerGb?.[source] ?? 0;
}
