import { ApplyServiceRequestSchema, DeleteServiceRequestSchema } from "../../../../proto/gen/weir/v1/traffic_pb.ts";
import type { ServiceService } from "../../../../proto/gen/weir/v1/traffic_pb.ts";
import type { FleetState } from "../../../model/fleet.ts";
import { compareNames } from "../../../model/ids.ts";
import type { Refusal } from "../../../model/refusal.ts";
import { ok, refuse } from "../../../model/result.ts";
import { toSequence } from "../../../wire/position.ts";
import { applyService, deleteService, selectServices, toService } from "../../../wire/service.ts";
import type { Implementation } from "../bind.ts";
import type { OperatorParts } from "./parts.ts";
import { mapped, write } from "./write.ts";

/** Services: what teams declare of them. */
export function serviceService({ engine }: OperatorParts): Implementation<typeof ServiceService> {
  const one = (state: FleetState, { sequence, subject }: { sequence: number; subject: string }) => {
    const [service] = found(state, subject);
    return service === undefined
      ? refuse(unknown(subject))
      : ok({ service: toService(service), sequence: toSequence(sequence) });
  };
  return {
    applyService: async (request, call) =>
      write(engine, { schema: ApplyServiceRequestSchema, request, command: applyService(request), call, answer: one }),
    listServices: async () => {
      const state = engine.state();
      return ok({ services: found(state, "").map(toService), sequence: toSequence(state.sequence) });
    },
    getService: async ({ service }) => {
      const state = engine.state();
      if (service === "") return refuse(unknown(service));
      return mapped(selectServices(state, service), ([first]) => ({
        ...(first === undefined ? {} : { service: toService(first) }),
        sequence: toSequence(state.sequence),
      }));
    },
    deleteService: async (request, call) =>
      write(engine, {
        schema: DeleteServiceRequestSchema,
        request,
        command: deleteService(request),
        call,
        answer: (_state, { sequence }) => ok({ sequence: toSequence(sequence) }),
      }),
  };
}

function found(state: FleetState, name: string) {
  const services = selectServices(state, name);
  if (!services.ok) return [];
  return services.value.toSorted((a, b) => compareNames(a.spec.service, b.spec.service));
}

function unknown(name: string): Refusal {
  const message = name === "" ? "name one as namespace/name" : `there is no service ${JSON.stringify(name)} any more`;
  return { code: "UNKNOWN_SERVICE", field: "service", message };
}
