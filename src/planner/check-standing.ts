import type { Destination, Weighted } from "../model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import type { ServicePolicy, Tier } from "../model/fleet-document.ts";
import type { ClusterId } from "../model/ids.ts";

/** A destination as the checker judges it for one source. */
export interface Judged {
  readonly destination: Destination;
  /** Why it must not get anything; undefined: it may. */
  readonly bar?: string;
  /** The rule of the service's policy by which its weight may only fall; undefined: none. */
  readonly forbidden?: string;
  /** Whether it is leaving: its weight may only fall. */
  readonly isLeaving: boolean;
  /** Highest weight it may have. */
  readonly most: number;
}

/** What the source was told last, as the checker reads it. */
export function heldBy(state: FleetState, service: ServiceState, source: ClusterId): readonly Weighted[] | undefined {
  const hash = service.released[source];
  const rules = hash === undefined ? undefined : state.routeSets.get(hash)?.rules;
  return rules === undefined ? undefined : (rules[rules.length - 1]?.routes ?? []);
}

/** Weight that a list gives a destination. */
export function heldWeight(held: readonly Weighted[] | undefined, destination: Destination): number {
  let sum = 0;
  for (const entry of held ?? []) if (keyOf(entry.destination) === keyOf(destination)) sum += entry.weight;
  return sum;
}

/** Judges every deployed destination for one source, in declared order. */
export function judgeAll(state: FleetState, service: ServiceState, source: ClusterId): readonly Judged[] {
  const held = heldBy(state, service, source);
  // Hardly any destination reports that it is empty, and this is asked for every source.
  const emptied = service.spec.deployments.some((found) => isEmptyAt(service, found))
    ? emptiedClusters(state, service)
    : "believed";
  return service.spec.deployments.map(({ cluster, version }) => {
    const destination = { cluster, version };
    const isEmpty = isEmptyAt(service, destination);
    const bar =
      barOf(destination, state, source) ?? (isEmpty && emptied === "believed" ? "has no ready endpoint" : undefined);
    const forbidden = ruleBroken({ source, destination: cluster }, service, state);
    return {
      destination,
      ...(bar !== undefined && { bar }),
      ...(forbidden !== undefined && { forbidden }),
      isLeaving: state.clusters.get(cluster)?.drain !== undefined,
      most: mostOf(destination, { state, source, held, isDoubted: isEmpty && emptied === "doubted" }),
    };
  });
}

function isEmptyAt({ reported }: ServiceState, destination: Destination): boolean {
  return reported[keyOf(destination)]?.readyEndpoints === 0;
}

function barOf(destination: Destination, state: FleetState, source: ClusterId): string | undefined {
  const cluster = state.clusters.get(destination.cluster);
  if (cluster === undefined) return "is in a cluster that nobody registered";
  if (cluster.membership !== "active") return `is in a cluster that is ${cluster.membership}`;
  if (destination.cluster === source) return undefined;
  if (cluster.verdict === "dead") return "is in a dead cluster";
  if (cluster.isQuarantined) return "is in a quarantined cluster";
  return (cluster.spec.gateway ?? cluster.gateway) === undefined ? "has no gateway" : undefined;
}

/** What of a policy keeps a source's requests from a cluster, whoever is alive. */
export function ruleBroken(
  { source, destination }: { readonly source: ClusterId; readonly destination: ClusterId },
  { spec: { policy } }: ServiceState,
  state: FleetState,
): string | undefined {
  if (policy === undefined) return undefined;
  if (policy.isolation === "strict" && source !== destination) return "isolation strict";
  if (policy.allowedClusters !== undefined && !policy.allowedClusters.includes(destination)) return "allowedClusters";
  if (policy.deniedClusters.includes(destination)) return "deniedClusters";
  const labelBroken = labelRuleBroken(destination, policy, state);
  if (labelBroken !== undefined) return labelBroken;
  const tiers = tiersFor(policy, source);
  return tiers !== undefined && tierAt(tiers, { source, destination }, state) < 0 ? "failover order" : undefined;
}

function labelRuleBroken(
  destination: ClusterId,
  { requiredLabels, allowedLabels, deniedLabels }: ServicePolicy,
  state: FleetState,
): string | undefined {
  const [required, allowed, denied] = [
    Object.entries(requiredLabels),
    Object.entries(allowedLabels ?? {}),
    Object.entries(deniedLabels ?? {}),
  ];
  if (required.length + allowed.length + denied.length === 0) return undefined;
  const labels = labelsAt(destination, state);
  for (const [key, value] of required) if (labels.get(key) !== value) return `requiredLabels ${key}=${value}`;
  for (const [key, values] of allowed)
    if (!values.some((value) => labels.get(key) === value)) return `allowedLabels ${key}`;
  for (const [key, values] of denied)
    if (values.some((value) => labels.get(key) === value)) return `deniedLabels ${key}`;
  return undefined;
}

/** As selectors have it, a region counts as the label of that name. */
function labelsAt(cluster: ClusterId, state: FleetState): ReadonlyMap<string, string | undefined> {
  const spec = state.clusters.get(cluster)?.spec;
  return new Map(Object.entries({ region: spec?.region, ...spec?.labels }));
}

/** The failover order that binds a source, as the checker reads it; undefined: none does. */
export function tiersFor({ failover }: ServicePolicy, source: ClusterId): readonly Tier[] | undefined {
  const single = new Map(Object.entries(failover?.orderBySource ?? {})).get(source);
  const tiers = single ?? failover?.order ?? [];
  return tiers.length > 0 ? tiers : undefined;
}

/** Position of the first tier that a destination's cluster is on; -1: it is on none. */
export function tierAt(
  tiers: readonly Tier[],
  { source, destination }: { readonly source: ClusterId; readonly destination: ClusterId },
  state: FleetState,
): number {
  const labels = labelsAt(destination, state);
  return tiers.findIndex((tier) => {
    if (tier.kind === "own") return source === destination;
    if (tier.kind === "cluster") return tier.cluster === destination;
    return Object.entries(tier.labels).every(([key, value]) => labels.get(key) === value);
  });
}

/** Two clusters or more, and more than half of those alive, without a ready endpoint are not believed. */
function emptiedClusters(state: FleetState, { spec, reported }: ServiceState): "believed" | "doubted" {
  const ready = new Map<ClusterId, boolean>();
  for (const deployment of spec.deployments) {
    const cluster = state.clusters.get(deployment.cluster);
    if (cluster?.membership !== "active" || cluster.verdict === "dead") continue;
    const isReady = reported[keyOf(deployment)]?.readyEndpoints !== 0;
    ready.set(deployment.cluster, isReady || (ready.get(deployment.cluster) ?? false));
  }
  const empty = [...ready.values()].filter((isReady) => !isReady).length;
  return empty >= 2 && empty * 2 > ready.size ? "doubted" : "believed";
}

interface Ceilings {
  readonly state: FleetState;
  readonly source: ClusterId;
  readonly held: readonly Weighted[] | undefined;
  readonly isDoubted: boolean;
}

function mostOf(destination: Destination, { state, source, held, isDoubted }: Ceilings): number {
  const cluster = state.clusters.get(destination.cluster);
  const own = destination.cluster === source;
  const now = heldWeight(held, destination);
  const isNew = cluster?.verdict === "degraded" && cluster.firstHealthyAtMs === undefined;
  const isUnknown = !own && (cluster?.verdict === "unknown" || isNew);
  if (cluster?.isCordoned === true || isUnknown || isDoubted) return now;
  const ramp = own && held === undefined ? undefined : cluster?.ramp;
  return ramp === undefined ? WEIGHT_TOTAL : Math.max(now, ramp.ceilingWeight);
}
