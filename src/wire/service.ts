import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  ApplyServiceRequest,
  DeleteServiceRequest,
  Deployment as DeploymentMessage,
  PacePolicy as PacePolicyMessage,
  ServiceSchema,
  ServiceSpec as ServiceSpecMessage,
  ServiceSpecSchema,
} from "../../proto/gen/weir/v1/traffic_pb.ts";
import type { Command } from "../model/command.ts";
import { compareDestinations, keyOf } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import type { ClusterId, ServiceId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { Refusal } from "../model/refusal.ts";
import { ok, refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import { DEFAULT_PACE_POLICY, OPEN_POLICY } from "../model/service.ts";
import type { Deployment, PacePolicy, ServiceSpec } from "../model/service.ts";
import { Checks } from "./checks.ts";
import { bakeOf, stepOf } from "./cluster.ts";
import { sortedFields } from "./cluster-view.ts";
import { objectiveOf, queueCurveOf, toObjective, toQueueCurve } from "./objective.ts";
import { toSequence } from "./position.ts";
import { quote } from "./quote.ts";
import { expectedVersionOf } from "./request.ts";
import { releaseOf, toRelease } from "./release.ts";
import { requestPolicyOf, toRequestPolicy } from "./request-policy.ts";
import { servicePolicyOf, toServicePolicy } from "./service-policy.ts";
import { destinationOf, repeated, toDestination } from "./split.ts";
import { FORCE_WORDS, PROTOCOLS, PROTOCOL_WORDS } from "./words.ts";

type CommandOf<K extends Command["kind"]> = Extract<Command, { kind: K }>;

/** More places than one service runs in anywhere. */
const DEPLOYMENTS_MAX = 2_000;

/** A terabyte: more is a slip of the unit. */
const BYTES_PER_REQUEST_MAX = 1e12;

/** A service's declaration as a command. Refuses EMPTY_PLAN, BAD_NAME, FIELD_*, DUPLICATE_KEY, UNKNOWN_ENUM. */
export function applyService(request: ApplyServiceRequest): Result<CommandOf<"apply-service">, Refusal> {
  const checks = new Checks();
  const { spec } = request;
  if (spec === undefined || (spec.name === "" && spec.deployments.length === 0))
    return refuse({ code: "EMPTY_PLAN", field: "spec", message: "declares nothing; name a service and where it runs" });
  const version = expectedVersionOf(checks, request.expectedResourceVersion);
  return checks.result({ kind: "apply-service", spec: serviceSpecOf(checks, "spec", spec), ...version });
}

/** Reads what a service team declares. */
export function serviceSpecOf(checks: Checks, field: string, message: ServiceSpecMessage): ServiceSpec {
  const deployments = deploymentsOf(checks, `${field}.deployments`, message.deployments);
  const stableVersion = checks.label<ServiceSpec["stableVersion"]>(`${field}.stable_version`, message.stableVersion);
  if (deployments.length > 0 && deployments.every(({ version }) => version !== stableVersion))
    checks.refuse("FIELD_INVALID", `${field}.stable_version`, `${quote(stableVersion)} is deployed nowhere`);
  return {
    service: checks.service<ServiceId>(`${field}.name`, message.name),
    protocol: checks.choice(`${field}.protocol`, { value: message.protocol, ...PROTOCOL_WORDS }),
    port: checks.integer(`${field}.port`, message.port, { min: 1, max: 65_535 }),
    stableVersion,
    deployments,
    demandRps: demandOf(checks, `${field}.demand_rps`, message.demandRps),
    request: requestPolicyOf(checks, `${field}.request`, message.request),
    pace: paceOf(checks, `${field}.pace`, message.pace),
    ...planningOf(checks, field, message),
    ...releasedBy(checks, `${field}.release`, { message, stableVersion, deployments }),
  };
}

function releasedBy(
  checks: Checks,
  field: string,
  {
    message,
    stableVersion,
    deployments,
  }: Pick<ServiceSpec, "stableVersion" | "deployments"> & { readonly message: ServiceSpecMessage },
): Pick<ServiceSpec, "release"> {
  const versions = [...new Set(deployments.map(({ version }) => version))].toSorted(compareNames);
  const release = releaseOf(checks, field, message.release, { stableVersion, versions });
  return release === undefined ? {} : { release };
}

type Planned = Pick<ServiceSpec, "bytesPerRequest" | "objective" | "policy">;

/** What is at its default has no field, as in records that are older than these fields. */
function planningOf(checks: Checks, field: string, message: ServiceSpecMessage): Planned {
  const bytesPerRequest = checks.limited(`${field}.bytes_per_request`, message.bytesPerRequest, BYTES_PER_REQUEST_MAX);
  const objective = objectiveOf(checks, `${field}.objective`, message.objective);
  const policy = servicePolicyOf(checks, `${field}.policy`, message.policy);
  return {
    ...(bytesPerRequest === 0 ? {} : { bytesPerRequest }),
    ...(objective === undefined ? {} : { objective }),
    ...(policy === undefined ? {} : { policy }),
  };
}

function deploymentsOf(checks: Checks, field: string, messages: readonly DeploymentMessage[]): readonly Deployment[] {
  if (messages.length === 0) checks.refuse("FIELD_REQUIRED", field, "is empty; name at least one cluster and version");
  if (messages.length > DEPLOYMENTS_MAX) {
    checks.refuse("FIELD_INVALID", field, `has ${messages.length} entries; at most ${DEPLOYMENTS_MAX} are allowed`);
    return [];
  }
  const deployments = messages.map((message, index) => deploymentOf(checks, `${field}[${index}]`, message));
  const twice = repeated(deployments.map(keyOf));
  if (twice !== undefined) checks.refuse("DUPLICATE_KEY", field, `names ${twice} more than once`);
  return deployments.toSorted(compareDestinations);
}

function deploymentOf(
  checks: Checks,
  field: string,
  { destination, capacityRps, curve }: DeploymentMessage,
): Deployment {
  return {
    ...destinationOf(checks, `${field}.destination`, destination),
    ...(capacityRps === undefined ? {} : { capacityRps: checks.amount(`${field}.capacity_rps`, capacityRps) }),
    ...(curve === undefined ? {} : { curve: queueCurveOf(checks, `${field}.curve`, curve) }),
  };
}

function demandOf(checks: Checks, field: string, demands: Readonly<Record<string, number>>): ServiceSpec["demandRps"] {
  const entries = Object.entries(demands).map(([cluster, rps]) => [
    checks.label<ClusterId>(`${field} key`, cluster),
    checks.amount(`${field}[${cluster.slice(0, 63)}]`, rps),
  ]);
  return Object.fromEntries(entries) as ServiceSpec["demandRps"];
}

function paceOf(checks: Checks, field: string, message: PacePolicyMessage | undefined): PacePolicy {
  if (message === undefined) return DEFAULT_PACE_POLICY;
  const step = stepOf(checks, `${field}.max_step_weight`, message.maxStepWeight);
  const bake = bakeOf(checks, `${field}.bake_ms`, message.bakeMs);
  const tolerance = message.toleranceWeight || DEFAULT_PACE_POLICY.toleranceWeight;
  return {
    maxStepWeight: step ?? DEFAULT_PACE_POLICY.maxStepWeight,
    bakeMs: bake ?? DEFAULT_PACE_POLICY.bakeMs,
    toleranceWeight: checks.weight(`${field}.tolerance_weight`, tolerance, 1),
  };
}

/** A service's removal as a command. Refuses BAD_NAME, UNKNOWN_ENUM. */
export function deleteService(request: DeleteServiceRequest): Result<CommandOf<"delete-service">, Refusal> {
  const checks = new Checks();
  const service = checks.service<ServiceId>("service", request.service);
  const force = checks.choice("force", { value: request.force, ...FORCE_WORDS });
  return checks.result({ kind: "delete-service", service, force: force === "yes" ? "still-serving" : "no" });
}

/** One service as the API shows it. */
export function toService({ spec, resourceVersion }: ServiceState): MessageInitShape<typeof ServiceSchema> {
  return { spec: toServiceSpec(spec), resourceVersion: toSequence(resourceVersion) };
}

/** What was declared of a service, in the wire's form. */
export function toServiceSpec(spec: ServiceSpec): MessageInitShape<typeof ServiceSpecSchema> {
  return {
    name: spec.service,
    protocol: PROTOCOLS[spec.protocol],
    port: spec.port,
    stableVersion: spec.stableVersion,
    deployments: spec.deployments.map(({ capacityRps, curve, ...destination }) => ({
      destination: toDestination(destination),
      ...(capacityRps === undefined ? {} : { capacityRps }),
      ...(curve === undefined ? {} : { curve: toQueueCurve(curve) }),
    })),
    demandRps: sortedFields(spec.demandRps),
    request: toRequestPolicy(spec.request),
    pace: { ...spec.pace },
    bytesPerRequest: spec.bytesPerRequest ?? 0,
    objective: toObjective(spec.objective),
    policy: toServicePolicy(spec.policy ?? OPEN_POLICY),
    ...(spec.release === undefined ? {} : { release: toRelease(spec.release) }),
  };
}

/** The services that a read asks for, sorted by name; an empty name asks for all. Refuses UNKNOWN_SERVICE. */
export function selectServices(state: FleetState, name: string): Result<readonly ServiceState[], Refusal> {
  const all = [...state.services.values()].toSorted((a, b) => compareNames(a.spec.service, b.spec.service));
  if (name === "") return ok(all);
  const found = state.services.get(name as ServiceId);
  if (found !== undefined) return ok([found]);
  const known = all.slice(0, 20).map(({ spec }) => spec.service);
  const message = `there is no service ${quote(name)}; known: ${known.join(", ") || "none"}`;
  return refuse({ code: "UNKNOWN_SERVICE", field: "service", message });
}
