import type { MessageInitShape } from "@bufbuild/protobuf";
import { Protocol, RetryScope } from "../../../proto/gen/weir/v1/plan_pb.ts";
import type { RequestPolicy, RequestPolicySchema } from "../../../proto/gen/weir/v1/plan_pb.ts";
import type {
  Deployment,
  DeploymentSchema,
  PacePolicy,
  PacePolicySchema,
  Service,
  ServiceSpecSchema,
} from "../../../proto/gen/weir/v1/traffic_pb.ts";
import type { Fields } from "../../io/yaml/fields.ts";
import { PROTOCOLS, RETRY_SCOPES } from "../../wire/words.ts";
import { DURATION, SHARE, percent } from "../notation.ts";
import { curveOf, objectiveOf, policyOf, releaseOf, toCurve, toPlanning } from "./planning.ts";

/** A service as a file declares it. */
export interface ServiceDocument {
  readonly spec: MessageInitShape<typeof ServiceSpecSchema>;
  /** 0: whatever stands there is replaced. */
  readonly expectedResourceVersion: bigint;
}

/** Reads a document of the kind Service. */
export function serviceOf(fields: Fields): ServiceDocument {
  const [request, pace] = [fields.optionalFields("request"), fields.optionalFields("pace")];
  const protocol = fields.optionalChoice("protocol", PROTOCOLS);
  const [objective, policy] = [objectiveOf(fields), fields.optionalFields("policy")];
  const release = fields.optionalFields("release");
  return {
    spec: {
      name: fields.text("name"),
      protocol: protocol ?? Protocol.HTTP,
      port: fields.integer("port"),
      stableVersion: fields.text("stableVersion"),
      deployments: fields.list("deployments").map(deploymentOf),
      demandRps: { ...fields.amounts("demandRps") },
      ...(request === undefined ? {} : { request: requestOf(request) }),
      ...(pace === undefined ? {} : { pace: paceOf(pace) }),
      bytesPerRequest: fields.optionalAmount("bytesPerRequest") ?? 0,
      ...(objective === undefined ? {} : { objective }),
      ...(policy === undefined ? {} : { policy: policyOf(policy) }),
      ...(release === undefined ? {} : { release: releaseOf(release) }),
    },
    expectedResourceVersion: BigInt(fields.optionalInteger("resourceVersion") ?? 0),
  };
}

function deploymentOf(fields: Fields): MessageInitShape<typeof DeploymentSchema> {
  const destination = { cluster: fields.text("cluster"), version: fields.text("version") };
  const capacityRps = fields.optionalAmount("capacityRps");
  const curve = curveOf(fields);
  fields.done();
  return {
    destination,
    ...(capacityRps === undefined ? {} : { capacityRps }),
    ...(curve === undefined ? {} : { curve }),
  };
}

function requestOf(fields: Fields): MessageInitShape<typeof RequestPolicySchema> {
  const retries = fields.optionalInteger("retries");
  const policy = {
    connectTimeoutMs: fields.optionalParsed("connectTimeout", DURATION) ?? 0,
    perTryTimeoutMs: fields.optionalParsed("perTryTimeout", DURATION) ?? 0,
    requestTimeoutMs: fields.optionalParsed("timeout", DURATION) ?? 0,
    ...(retries === undefined ? {} : { retries }),
    retryScope: fields.optionalChoice("retryScope", RETRY_SCOPES) ?? RetryScope.UNSPECIFIED,
  };
  fields.done();
  return policy;
}

function paceOf(fields: Fields): MessageInitShape<typeof PacePolicySchema> {
  const bakeMs = fields.optionalParsed("bake", DURATION);
  const policy = {
    maxStepWeight: fields.optionalParsed("maxStep", SHARE) ?? 0,
    ...(bakeMs === undefined ? {} : { bakeMs }),
    toleranceWeight: fields.optionalParsed("tolerance", SHARE) ?? 0,
  };
  fields.done();
  return policy;
}

/** A service in the form of a file, so that what is shown can be changed and applied. */
export function toDocument({ spec, resourceVersion }: Service): Readonly<Record<string, unknown>> {
  return {
    kind: "Service",
    name: spec?.name,
    protocol: protocolWord({ spec }),
    port: spec?.port,
    stableVersion: spec?.stableVersion,
    deployments: spec?.deployments.map(toDeployment),
    ...(Object.keys(spec?.demandRps ?? {}).length === 0 ? {} : { demandRps: spec?.demandRps }),
    ...(spec?.request === undefined ? {} : { request: toRequest(spec.request) }),
    ...(spec?.pace === undefined ? {} : { pace: toPace(spec.pace) }),
    ...(spec === undefined ? {} : toPlanning(spec)),
    resourceVersion: Number(resourceVersion),
  };
}

/** How a service is spoken to, in a word. */
export function protocolWord({ spec }: Pick<Service, "spec">): string {
  return wordOf(PROTOCOLS, spec?.protocol) ?? `protocol ${spec?.protocol ?? ""}`;
}

function toDeployment(deployment: Deployment): Readonly<Record<string, unknown>> {
  const { destination, capacityRps } = deployment;
  return {
    cluster: destination?.cluster,
    version: destination?.version,
    ...(capacityRps === undefined ? {} : { capacityRps }),
    ...toCurve(deployment),
  };
}

function toRequest(policy: RequestPolicy): Readonly<Record<string, unknown>> {
  return {
    connectTimeout: exactTime(policy.connectTimeoutMs),
    perTryTimeout: exactTime(policy.perTryTimeoutMs),
    timeout: exactTime(policy.requestTimeoutMs),
    retries: policy.retries,
    retryScope: wordOf(RETRY_SCOPES, policy.retryScope),
  };
}

function toPace(policy: PacePolicy): Readonly<Record<string, unknown>> {
  return {
    maxStep: percent(policy.maxStepWeight),
    bake: exactTime(policy.bakeMs ?? 0),
    tolerance: percent(policy.toleranceWeight),
  };
}

/** A time in the largest unit that loses nothing. */
function exactTime(ms: number): string {
  if (ms % 60_000 === 0 && ms > 0) return `${ms / 60_000}m`;
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
}

function wordOf(words: Readonly<Record<string, number>>, number: number | undefined): string | undefined {
  return Object.entries(words).find(([, value]) => value === number)?.[0];
}
