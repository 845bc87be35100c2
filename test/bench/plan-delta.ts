import { create } from "@bufbuild/protobuf";
import { DeltaBase, PlanDeltaSchema } from "../../proto/gen/weir/v1/agent_pb.ts";
import type { PlanDelta } from "../../proto/gen/weir/v1/agent_pb.ts";
import type { ServiceId } from "../../src/model/ids.ts";
import type { RouteSet } from "../../src/model/plan.ts";
import { planDigest } from "../../src/wire/digest.ts";
import { toPosition } from "../../src/wire/position.ts";
import { encodeRouteSet } from "../../src/wire/route-set.ts";

/** A complete plan as a planner sends it to an agent that holds nothing. */
export function wholePlan(routeSets: readonly RouteSet[], revision = 1): PlanDelta {
  const encoded = routeSets.map((routeSet) => ({ service: routeSet.service, ...encodeRouteSet(routeSet) }));
  return create(PlanDeltaSchema, {
    position: toPosition({ incarnation: { generation: 1, id: "bench" }, epoch: 1, revision }),
    base: DeltaBase.NOTHING,
    routeSets: encoded.map(({ bytes }) => bytes),
    digest: planDigest(new Map<ServiceId, string>(encoded.map(({ service, hash }) => [service, hash]))),
  });
}
