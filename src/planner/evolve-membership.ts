import type { ClusterSpec, ClusterState } from "../model/cluster.ts";
import { destinationOf } from "../model/destination.ts";
import type { DestinationKey } from "../model/destination.ts";
import type { ServiceState } from "../model/fleet.ts";
import type { ClusterId } from "../model/ids.ts";
import { sameGateway } from "./cluster-spec.ts";
import type { Draft } from "./draft.ts";
import type { EventOf, Folds } from "./folds.ts";

type MembershipKind =
  | "cluster-registered"
  | "token-redeemed"
  | "cluster-accepted"
  | "cluster-greeted"
  | "certificate-renewed"
  | "cluster-quarantined"
  | "cluster-revoked"
  | "cluster-unregistered"
  | CordonKind;

type CordonKind = "cluster-cordoned" | "cluster-uncordoned" | "drain-started" | "drain-finished";

/** Folds how clusters come, go, and are cordoned or drained. */
export const MEMBERSHIP_FOLDS: Folds<MembershipKind> = {
  "cluster-registered": register,
  "token-redeemed": (draft, event) =>
    draft.changeCluster(event.cluster, (before) => redeemed(before, event, draft.atMs)),
  "cluster-accepted": (draft, { cluster }) =>
    draft.changeCluster(cluster, (before) => ({ ...before, membership: "accepted" })),
  "cluster-greeted": greet,
  "certificate-renewed": (draft, { cluster, serial }) =>
    draft.changeCluster(cluster, (before) => issued(before, serial)),
  "cluster-quarantined": (draft, { cluster }) => quarantine(draft, cluster),
  "cluster-revoked": (draft, { cluster }) => revoke(draft, cluster),
  "cluster-unregistered": (draft, { cluster }) => unregister(draft, cluster),
  "cluster-cordoned": foldCordon,
  "cluster-uncordoned": foldCordon,
  "drain-started": foldCordon,
  "drain-finished": foldCordon,
};

function register(draft: Draft, { spec, secretHash, expiresAtMs }: EventOf<"cluster-registered">): void {
  const before = draft.state.clusters.get(spec.cluster);
  const fresh = registered(spec, draft.atMs);
  draft.write("clusters").set(spec.cluster, {
    ...fresh,
    resourceVersion: (before?.resourceVersion ?? 0) + 1,
    token: { secretHash, expiresAtMs },
  });
}

function registered(spec: ClusterSpec, atMs: number): ClusterState {
  return {
    spec,
    membership: "registered",
    resourceVersion: 0,
    revokedSerials: [],
    features: [],
    isCordoned: false,
    isQuarantined: false,
    verdict: "unknown",
    verdictSinceMs: atMs,
    ...(spec.gateway === undefined ? {} : { gateway: spec.gateway }),
  };
}

function redeemed(before: ClusterState, event: EventOf<"token-redeemed">, atMs: number): ClusterState {
  const { uid, serial, publicKeyHash } = event;
  const key = publicKeyHash === undefined ? {} : { redeemedForKey: publicKeyHash };
  const token = before.token === undefined ? {} : { token: { ...before.token, redeemedAtMs: atMs, ...key } };
  return { ...issued(before, serial), ...token, membership: "pending", uid };
}

/** More than renewals that can get lost between the planner and an agent's disk while one certificate lives. */
const ISSUED_SERIALS_MAX = 16;

function issued(before: ClusterState, serial: string): ClusterState {
  const issuedSerials = [...(before.issuedSerials ?? []), serial].slice(-ISSUED_SERIALS_MAX);
  return { ...before, certificateSerial: serial, issuedSerials };
}

function greet(draft: Draft, { cluster, gateway, features, maxDestinations }: EventOf<"cluster-greeted">): void {
  const before = draft.state.clusters.get(cluster);
  if (before === undefined) return;
  const told = before.spec.gateway ?? gateway;
  const isNew = before.membership !== "active";
  const { gateway: gatewayBefore, maxDestinations: maxBefore, ...rest } = before;
  draft.changeCluster(cluster, () => ({
    ...rest,
    membership: "active",
    features,
    verdictSinceMs: isNew ? draft.atMs : before.verdictSinceMs,
    ...(told === undefined ? {} : { gateway: told }),
    ...(maxDestinations === undefined ? {} : { maxDestinations }),
  }));
  // A new cluster is a new source of every service, and so is one of another mesh; a moved gateway concerns those who send to it.
  if (isNew || maxDestinations !== maxBefore) draft.raiseInputsWhere(() => true, "fleet");
  else if (!sameGateway(gatewayBefore, told)) {
    draft.raiseInputsWhere((service) => runsIn(service, cluster), "fleet");
  }
}

function quarantine(draft: Draft, cluster: ClusterId): void {
  draft.changeCluster(cluster, (before) => ({ ...before, isQuarantined: true }));
  draft.raiseInputsWhere((service) => runsIn(service, cluster), "lost");
}

function revoke(draft: Draft, cluster: ClusterId): void {
  draft.changeCluster(cluster, ({ drain: _drain, ramp: _ramp, ...before }) => ({
    ...before,
    membership: "revoked",
    revokedSerials: [...before.revokedSerials, ...(before.issuedSerials ?? [])],
    // It is not heard any more, so that nothing is known of it.
    verdict: "unknown",
    verdictSinceMs: draft.atMs,
  }));
  draft.raiseInputsWhere((service) => concerns(service, cluster), "lost");
}

function unregister(draft: Draft, cluster: ClusterId): void {
  draft.write("clusters").delete(cluster);
  forgetWaysTo(draft, cluster);
  draft.raiseInputsWhere((service) => concerns(service, cluster), "lost");
  for (const [id, service] of draft.state.services) {
    // Its revision only ever grows, so that the same name registered anew starts above what its agent may hold.
    if (service.released[cluster] !== undefined) draft.write("revisions").set(cluster, draft.sequence);
    draft.changeService(id, (before) => ({
      ...before,
      released: without(before.released, cluster),
      pins: without(before.pins, cluster),
      demandRps: without(before.demandRps, cluster),
      reported: withoutDestinations(before.reported, cluster),
      ...(before.learned !== undefined && { learned: withoutDestinations(before.learned, cluster) }),
    }));
  }
}

/** What was learned of the ways to a cluster says nothing of another of the same name. */
function forgetWaysTo(draft: Draft, cluster: ClusterId): void {
  for (const [name, before] of draft.state.clusters) {
    if (before.learnedRttMs?.[cluster] === undefined) continue;
    draft.write("clusters").set(name, { ...before, learnedRttMs: without(before.learnedRttMs, cluster) });
  }
}

function foldCordon(draft: Draft, event: EventOf<CordonKind>): void {
  draft.changeCluster(event.cluster, (before) => {
    const { drain, ...rest } = before;
    if (event.kind === "cluster-cordoned") return { ...before, isCordoned: true };
    if (event.kind === "cluster-uncordoned") return { ...rest, isCordoned: false };
    if (event.kind === "drain-finished")
      return drain === undefined ? before : { ...rest, drain: { ...drain, phase: "done" } };
    const { force: _force, ...asked } = event.drain;
    return { ...rest, drain: { ...asked, startedAtMs: draft.atMs, phase: "draining" } };
  });
  if (event.kind === "drain-finished") return;
  // What returns is paced by its ramp; it need not be watched as what is taken away.
  const cause = event.kind === "cluster-uncordoned" ? "ramp" : "operator";
  draft.raiseInputsWhere((service) => runsIn(service, event.cluster), cause);
}

/** What it reported of itself is not what another cluster of the same name has. */
function withoutDestinations<V>(
  known: Readonly<Record<DestinationKey, V>>,
  cluster: ClusterId,
): Readonly<Record<DestinationKey, V>> {
  const others = Object.entries<V>(known).filter(([key]) => destinationOf(key)?.cluster !== cluster);
  return Object.fromEntries(others);
}

/** Whether a version of the service is declared to run in the cluster. */
export function runsIn(service: ServiceState, cluster: ClusterId): boolean {
  return service.spec.deployments.some((deployment) => deployment.cluster === cluster);
}

/** Whether the cluster is a destination or a source of the service, or about to become one. */
function concerns(service: ServiceState, cluster: ClusterId): boolean {
  const isPlanned = service.rollout?.plan.routeSets[cluster] !== undefined;
  return runsIn(service, cluster) || service.released[cluster] !== undefined || isPlanned;
}

function without<K extends string, V>(record: Readonly<Record<K, V>>, key: K): Readonly<Record<K, V>> {
  const { [key]: _left, ...rest } = record;
  return rest as Readonly<Record<K, V>>;
}
