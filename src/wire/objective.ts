import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  Objective as ObjectiveMessage,
  ObjectiveSchema,
  QueueCurve as QueueCurveMessage,
  QueueCurveSchema,
} from "../../proto/gen/weir/v1/traffic_pb.ts";
import { DEFAULT_DOLLARS_PER_REQUEST_MS } from "../model/fleet-document.ts";
import type { DeclaredObjective, QueueCurve } from "../model/service.ts";
import { unreachable } from "../model/result.ts";
import type { Checks } from "./checks.ts";

/** A thousand dollars a second of one request: more is a slip of the unit. */
const DOLLARS_PER_REQUEST_MS_MAX = 1e6;

/** More servers than one destination has. */
const SERVERS_MAX = 1_000_000;

/** A day: what works longer on one request is no service. */
const WORK_MS_MAX = 86_400_000;

/** Work times far more uneven than any that were measured. */
const VARIATION_MAX = 10_000;

/** Reads what a service's plan is to minimise. Undefined when that is the default. */
export function objectiveOf(
  checks: Checks,
  field: string,
  message: ObjectiveMessage | undefined,
): DeclaredObjective | undefined {
  const objective = message?.objective;
  switch (objective?.case) {
    case "latency":
    case "price":
      return objective.case;
    case "dollarsPerRequestMs": {
      const at = `${field}.dollars_per_request_ms`;
      const dollarsPerRequestMs = checks.positive(at, objective.value, DOLLARS_PER_REQUEST_MS_MAX);
      return dollarsPerRequestMs === DEFAULT_DOLLARS_PER_REQUEST_MS ? undefined : { dollarsPerRequestMs };
    }
    case undefined:
      return undefined;
    default:
      return unreachable(objective);
  }
}

/** An objective in the wire's form; the default is said in full. */
export function toObjective(objective: DeclaredObjective | undefined): MessageInitShape<typeof ObjectiveSchema> {
  if (objective === "latency" || objective === "price") return { objective: { case: objective, value: {} } };
  const value = objective?.dollarsPerRequestMs ?? DEFAULT_DOLLARS_PER_REQUEST_MS;
  return { objective: { case: "dollarsPerRequestMs", value } };
}

/** Reads how a deployment's latency grows with its load. */
export function queueCurveOf(checks: Checks, field: string, message: QueueCurveMessage): QueueCurve {
  return {
    kind: "queue",
    servers: checks.integer(`${field}.servers`, message.servers, { min: 1, max: SERVERS_MAX }),
    meanWorkMs: checks.positive(`${field}.mean_work_ms`, message.meanWorkMs, WORK_MS_MAX),
    squaredVariation: checks.limited(`${field}.squared_variation`, message.squaredVariation ?? 1, VARIATION_MAX),
  };
}

/** A load curve in the wire's form. */
export function toQueueCurve({
  servers,
  meanWorkMs,
  squaredVariation,
}: QueueCurve): MessageInitShape<typeof QueueCurveSchema> {
  return { servers, meanWorkMs, squaredVariation };
}
