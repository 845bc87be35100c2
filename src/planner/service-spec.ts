import { keyOf } from "../model/destination.ts";
import type { FleetState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";
import { badServiceName } from "../model/names.ts";
import type { RequestPolicy, ServiceSpec } from "../model/service.ts";
import { checkName, checkPort } from "./cluster-spec.ts";
import { firstObjection, PASSED, reject } from "./decision.ts";
import type { Check } from "./decision.ts";
import { checkBake, checkStep } from "./drains.ts";
import { findCluster } from "./membership.ts";
import { checkCurve, checkPolicy, checkPrice } from "./policy-spec.ts";
import { checkRelease } from "./release-spec.ts";

/** Refuses BAD_NAME, UNKNOWN_CLUSTER, DUPLICATE_KEY, EMPTY_SELECTOR, FIELD_REQUIRED and FIELD_INVALID, naming the field. */
export function checkServiceSpec(state: FleetState, spec: ServiceSpec): Check {
  return firstObjection(
    () => checkServiceName(spec.service),
    () => checkPort(spec.port, "spec.port"),
    () => checkName(spec.stableVersion, "spec.stable_version"),
    () => checkDeployments(state, spec),
    () => checkDemand(state, spec),
    () => checkRequestPolicy(spec.request),
    () => checkStep(spec.pace.maxStepWeight, "spec.pace.max_step_weight"),
    () => checkBake(spec.pace.bakeMs, "spec.pace.bake_ms"),
    () => checkStep(spec.pace.toleranceWeight, "spec.pace.tolerance_weight"),
    () => checkPrice(spec),
    () => checkPolicy(state, spec),
    () => checkRelease(state, spec),
  );
}

function checkServiceName(name: string): Check {
  const why = badServiceName(name);
  if (why === undefined) return PASSED;
  return reject("BAD_NAME", "spec.name", `${JSON.stringify(name.slice(0, 160))} is no service name: it ${why}`);
}

const DEPLOYMENTS_MAX = 2_000;

function checkDeployments(state: FleetState, { deployments, stableVersion }: ServiceSpec): Check {
  const field = "spec.deployments";
  if (deployments.length === 0) return reject("FIELD_REQUIRED", field, "a service has at least one deployment");
  if (deployments.length > DEPLOYMENTS_MAX) {
    return reject("FIELD_INVALID", field, `has ${deployments.length} deployments, at most ${DEPLOYMENTS_MAX}`);
  }
  const seen = new Set<string>();
  for (const [index, deployment] of deployments.entries()) {
    const at = `${field}[${index}]`;
    const objection = firstObjection(
      () => checkName(deployment.cluster, `${at}.destination.cluster`),
      () => checkName(deployment.version, `${at}.destination.version`),
      () => checkKnown(state, deployment.cluster, `${at}.destination.cluster`),
      () => checkRate(deployment.capacityRps ?? 0, `${at}.capacity_rps`),
      () => checkCurve(deployment, at),
    );
    if (!objection.ok) return objection;
    if (seen.has(keyOf(deployment))) return reject("DUPLICATE_KEY", at, `${keyOf(deployment)} is declared twice`);
    seen.add(keyOf(deployment));
  }
  if (deployments.some(({ version }) => version === stableVersion)) return PASSED;
  return reject("FIELD_INVALID", "spec.stable_version", `version ${stableVersion} is deployed nowhere`);
}

function checkKnown(state: FleetState, cluster: ClusterId, field: string): Check {
  const found = findCluster(state, cluster, field);
  return found.ok ? PASSED : found;
}

function checkDemand(state: FleetState, { demandRps }: ServiceSpec): Check {
  for (const source of (Object.keys(demandRps) as ClusterId[]).toSorted(compareNames)) {
    const field = `spec.demand_rps[${source.slice(0, 80)}]`;
    const objection = firstObjection(
      () => checkKnown(state, source, field),
      () => checkRate(demandRps[source] ?? 0, field),
    );
    if (!objection.ok) return objection;
  }
  return PASSED;
}

/** More than any service has; a larger number is a slip of the unit. */
const RATE_MAX_RPS = 1e9;

function checkRate(rateRps: number, field: string): Check {
  if (Number.isFinite(rateRps) && rateRps >= 0 && rateRps <= RATE_MAX_RPS) return PASSED;
  return reject("FIELD_INVALID", field, `${rateRps} rps is no rate; it must be 0 to ${RATE_MAX_RPS}`);
}

const TIMEOUT_MAX_MS = 3_600_000;
const RETRIES_MAX = 10;

function checkRequestPolicy(policy: RequestPolicy): Check {
  return firstObjection(
    () => checkTimeout(policy.connectTimeoutMs, "spec.request.connect_timeout_ms"),
    () => checkTimeout(policy.perTryTimeoutMs, "spec.request.per_try_timeout_ms"),
    () => checkTimeout(policy.requestTimeoutMs, "spec.request.request_timeout_ms"),
    () => {
      if (Number.isInteger(policy.retries) && policy.retries >= 0 && policy.retries <= RETRIES_MAX) return PASSED;
      return reject(
        "FIELD_INVALID",
        "spec.request.retries",
        `${policy.retries} tries more; it must be 0 to ${RETRIES_MAX}`,
      );
    },
  );
}

function checkTimeout(timeoutMs: number, field: string): Check {
  if (Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= TIMEOUT_MAX_MS) return PASSED;
  return reject("FIELD_INVALID", field, `${timeoutMs} ms is no timeout; it must be 1 to ${TIMEOUT_MAX_MS} ms`);
}
