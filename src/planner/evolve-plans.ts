import type { Rollout, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId, RouteSetHash, ServiceId } from "../model/ids.ts";
import type { RouteSet, ServicePlan } from "../model/plan.ts";
import type { Draft } from "./draft.ts";
import type { EventOf, Folds } from "./folds.ts";

type PlanKind =
  | "route-sets-stored"
  | "route-sets-dropped"
  | "plan-committed"
  | "route-set-released"
  | "route-set-removed"
  | "rollout-waits"
  | "rollout-settled";

/** Folds route sets, the steps committed, and what of them was released to whom. */
export const PLAN_FOLDS: Folds<PlanKind> = {
  "route-sets-stored": (draft, { routeSets }) => store(draft, routeSets),
  "route-sets-dropped": drop,
  "plan-committed": commit,
  "route-set-released": release,
  "route-set-removed": remove,
  "rollout-waits": (draft, { service, waitsFor }) => changeRollout(draft, service, { waitsFor }),
  "rollout-settled": (draft, { service }) => changeRollout(draft, service, { isSettled: true, waitsFor: "" }),
};

function store(draft: Draft, routeSets: Readonly<Record<RouteSetHash, RouteSet>>): void {
  const all = draft.write("routeSets");
  for (const [hash, routeSet] of Object.entries(routeSets)) all.set(hash as RouteSetHash, routeSet);
}

function drop(draft: Draft, { hashes }: EventOf<"route-sets-dropped">): void {
  const all = draft.write("routeSets");
  for (const hash of hashes) all.delete(hash);
}

function commit(draft: Draft, { plan, basedOn }: EventOf<"plan-committed">): void {
  draft.changeService(plan.service, ({ inputsCause, ...before }) => ({
    ...before,
    plannedSequence: Math.max(before.plannedSequence, basedOn),
    rollout: {
      plan,
      changes: pendingChanges(plan, before),
      committedAtMs: draft.atMs,
      waveIndex: 0,
      waveReleasedAtMs: draft.atMs,
      isSettled: false,
      waitsFor: "",
    },
    // What moved after the plan was computed still waits to be planned.
    ...(basedOn >= before.inputsSequence || inputsCause === undefined ? {} : { inputsCause }),
  }));
}

/** What the step before changed and nobody has seen do well yet is carried over: a newer step vouches for it too. */
function pendingChanges(plan: ServicePlan, { released, rollout }: ServiceState): readonly ClusterId[] {
  const carried = rollout === undefined || rollout.isSettled ? [] : rollout.changes;
  const changes = new Set([...changesOf(plan, released), ...carried.filter((cluster) => cluster in plan.routeSets)]);
  return [...changes].toSorted(compareNames);
}

/** Clusters that a plan tells something else than they were told last, sorted. */
export function changesOf({ routeSets }: ServicePlan, released: ServiceState["released"]): readonly ClusterId[] {
  const clusters = Object.keys(routeSets) as ClusterId[];
  return clusters.filter((cluster) => routeSets[cluster] !== released[cluster]).toSorted(compareNames);
}

function release(draft: Draft, { service, cluster, hash, waveIndex }: EventOf<"route-set-released">): void {
  draft.release(service, cluster, hash);
  changeRollout(draft, service, { waveIndex, waveReleasedAtMs: draft.atMs, waitsFor: "" });
  draft.write("revisions").set(cluster, draft.sequence);
}

function remove(draft: Draft, { service, cluster }: EventOf<"route-set-removed">): void {
  draft.changeService(service, (before) => ({ ...before, released: withoutCluster(before, cluster) }));
  draft.write("revisions").set(cluster, draft.sequence);
}

function withoutCluster(service: ServiceState, cluster: ClusterId): ServiceState["released"] {
  const { [cluster]: _left, ...rest } = service.released;
  return rest;
}

function changeRollout(draft: Draft, service: ServiceId, change: Partial<Rollout>): void {
  draft.changeService(service, (before) =>
    before.rollout === undefined ? before : { ...before, rollout: { ...before.rollout, ...change } },
  );
}
