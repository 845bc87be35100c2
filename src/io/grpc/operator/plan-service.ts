import type { PlanService } from "../../../../proto/gen/weir/v1/plan_pb.ts";
import type { StatusService } from "../../../../proto/gen/weir/v1/traffic_pb.ts";
import { knownCapacities } from "../../../planner/learn/known.ts";
import { diffPlan, explainPlan, getPlan } from "../../../wire/plan-view.ts";
import { selectServices } from "../../../wire/service.ts";
import { statusOf } from "../../../wire/status.ts";
import type { Implementation } from "../bind.ts";
import type { OperatorParts } from "./parts.ts";

/** Plans as they are, as they differ, and why they are so. */
export function planService({ engine }: OperatorParts): Implementation<typeof PlanService> {
  return {
    getPlan: async (request) => getPlan(request, engine.state()),
    diffPlan: async (request) => diffPlan(request, engine.state(), engine.observed()),
    explainPlan: async (request) => explainPlan(request, engine.state()),
  };
}

/** The fleet at a glance. */
export function statusService({ engine, replicas, survivals }: OperatorParts): Implementation<typeof StatusService> {
  return {
    getStatus: async (request, { signal }) => {
      const state = engine.state();
      const services = selectServices(state, request.service);
      if (!services.ok) return services;
      const found = await survivals.of(state, services.value, signal);
      return statusOf(request, {
        state,
        observed: engine.observed(),
        replicas: replicas(),
        survivals: found,
        capacities: services.value.flatMap(knownCapacities),
      });
    },
  };
}
