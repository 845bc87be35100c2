import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  DiffPlanRequest,
  DiffPlanResponseSchema,
  ExplainPlanRequest,
  ExplainPlanResponseSchema,
  GetPlanRequest,
  GetPlanResponseSchema,
  PlanDifferenceSchema,
  ServicePlanViewSchema,
} from "../../proto/gen/weir/v1/plan_pb.ts";
import type { Split } from "../model/destination.ts";
import { keyOf } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import type { ClusterId, RouteSetHash } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { Observed } from "../model/observed.ts";
import type { Refusal } from "../model/refusal.ts";
import { ok } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import { findCluster, releasedOf } from "./cluster-view.ts";
import { toSequence } from "./position.ts";
import { toReason } from "./reason.ts";
import { toRouteSet } from "./route-set.ts";
import { selectServices } from "./service.ts";
import { defaultSplit } from "./shift.ts";
import { sorted } from "./split.ts";

/** The plans in force. Refuses UNKNOWN_SERVICE. */
export function getPlan(
  { service }: Pick<GetPlanRequest, "service">,
  state: FleetState,
): Result<MessageInitShape<typeof GetPlanResponseSchema>, Refusal> {
  const services = selectServices(state, service);
  if (!services.ok) return services;
  const plans = services.value.map((found) => toServicePlan(state, found));
  return ok({ plans, sequence: toSequence(state.sequence) });
}

function toServicePlan(state: FleetState, service: ServiceState): MessageInitShape<typeof ServicePlanViewSchema> {
  const { rollout, spec } = service;
  const released = releasedOf(state, service).map(toRouteSet);
  if (rollout === undefined) return { service: spec.service, released, isSettled: true };
  return {
    service: spec.service,
    released,
    urgency: rollout.plan.urgency,
    wave: rollout.waveIndex + 1,
    waves: rollout.plan.waves.length,
    isSettled: rollout.isSettled,
    waitsFor: rollout.waitsFor,
  };
}

/**
 * Where target, released and applied differ, cluster by cluster. Refuses UNKNOWN_SERVICE.
 *
 * @param observed - what agents say they applied.
 */
export function diffPlan(
  { service }: Pick<DiffPlanRequest, "service">,
  state: FleetState,
  observed: Observed,
): Result<MessageInitShape<typeof DiffPlanResponseSchema>, Refusal> {
  const services = selectServices(state, service);
  if (!services.ok) return services;
  const differences = services.value.flatMap((found) => differencesOf(found, { state, observed }));
  return ok({ differences, sequence: toSequence(state.sequence) });
}

interface Seen {
  readonly state: FleetState;
  readonly observed: Observed;
}

function differencesOf(service: ServiceState, seen: Seen): MessageInitShape<typeof PlanDifferenceSchema>[] {
  const targets = service.rollout?.plan.routeSets ?? {};
  const clusters = new Set([...Object.keys(service.released), ...Object.keys(targets)] as ClusterId[]);
  return [...clusters].toSorted(compareNames).flatMap((cluster) => {
    const released = service.released[cluster] ?? "";
    const applied = seen.observed.clusters[cluster]?.appliedHashes[service.spec.service] ?? "";
    const target = targets[cluster] ?? released;
    if (released === applied && target === released) return [];
    const detail = detailOf({ released, applied, target }, seen.state);
    return [
      {
        service: service.spec.service,
        cluster,
        releasedHash: released,
        appliedHash: applied,
        targetHash: target,
        detail,
      },
    ];
  });
}

interface Hashes {
  readonly released: string;
  readonly applied: string;
  readonly target: string;
}

function detailOf({ released, applied, target }: Hashes, state: FleetState): string {
  const words = (hash: string): string => (hash === "" ? "nothing" : splitWords(state, hash));
  const held = released === applied ? [] : [`applied ${words(applied)}, told ${words(released)}`];
  const coming = target === released ? [] : [`next ${words(target)}`];
  return [...held, ...coming].join("; ");
}

function splitWords(state: FleetState, hash: string): string {
  const routeSet = state.routeSets.get(hash as RouteSetHash);
  if (routeSet === undefined) return "a plan that is no longer kept";
  const split = defaultSplit(routeSet);
  return split.length === 0 ? "no routes" : wordsOf(split);
}

/** A split in words: `eu-west/v1 50%, us-east/v1 50%`. */
export function wordsOf(split: Split): string {
  return sorted(split)
    .map(({ destination, weight }) => `${keyOf(destination)} ${weight / 100}%`)
    .join(", ");
}

/** Every reason behind the weights of one service. Refuses UNKNOWN_SERVICE, UNKNOWN_CLUSTER. */
export function explainPlan(
  { service, cluster }: Pick<ExplainPlanRequest, "service" | "cluster">,
  state: FleetState,
): Result<MessageInitShape<typeof ExplainPlanResponseSchema>, Refusal> {
  const services = selectServices(state, service);
  if (!services.ok) return services;
  const source = cluster === "" ? undefined : findCluster(state, cluster);
  if (source?.ok === false) return source;
  const all = services.value.flatMap((found) => found.rollout?.plan.reasons ?? []);
  const reasons = all.filter((reason) => cluster === "" || reason.cluster === cluster).map(toReason);
  return ok({ reasons, sequence: toSequence(state.sequence) });
}
