import type { FleetEvent } from "../model/event.ts";
import type { Rollout, ServiceState } from "../model/fleet.ts";
import type { ClusterId, RouteSetHash, ServiceId } from "../model/ids.ts";
import type { RouteSet } from "../model/plan.ts";
import type { Draft } from "./draft.ts";

/** Folds route sets, the steps committed, and what of them was released to whom. */
export function evolvePlans(draft: Draft, event: FleetEvent): void {
  switch (event.kind) {
    case "route-sets-stored":
      return store(draft, event.routeSets);
    case "route-sets-dropped":
      for (const hash of event.hashes) draft.write("routeSets").delete(hash);
      return;
    case "plan-committed":
      return commit(draft, event);
    case "route-set-released":
      return release(draft, event);
    case "route-set-removed":
      return remove(draft, event);
    case "rollout-waits":
      return changeRollout(draft, event.service, { waitsFor: event.waitsFor });
    case "rollout-settled":
      return changeRollout(draft, event.service, { isSettled: true, waitsFor: "" });
  }
}

type Of<K extends FleetEvent["kind"]> = Extract<FleetEvent, { kind: K }>;

function store(draft: Draft, routeSets: Readonly<Record<RouteSetHash, RouteSet>>): void {
  const all = draft.write("routeSets");
  for (const [hash, routeSet] of Object.entries(routeSets)) all.set(hash as RouteSetHash, routeSet);
}

function commit(draft: Draft, { plan, basedOn }: Of<"plan-committed">): void {
  draft.changeService(plan.service, ({ inputsCause, ...before }) => ({
    ...before,
    plannedSequence: Math.max(before.plannedSequence, basedOn),
    rollout: {
      plan,
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

function release(draft: Draft, { service, cluster, hash, waveIndex }: Of<"route-set-released">): void {
  draft.changeService(service, (before) => ({ ...before, released: { ...before.released, [cluster]: hash } }));
  changeRollout(draft, service, { waveIndex, waveReleasedAtMs: draft.atMs, waitsFor: "" });
  draft.write("revisions").set(cluster, draft.sequence);
}

function remove(draft: Draft, { service, cluster }: Of<"route-set-removed">): void {
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
