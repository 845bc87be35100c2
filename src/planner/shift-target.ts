import type { Destination, Split } from "../model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import { badName } from "../model/names.ts";
import type { ClusterId } from "../model/ids.ts";
import type { ShiftTarget } from "../model/shift.ts";
import { destinationsMaxOf } from "./capability.ts";
import { firstObjection, PASSED, reject } from "./decision.ts";
import type { Check } from "./decision.ts";
import { offersTo } from "./eligible.ts";
import { findCluster } from "./membership.ts";
import { policyOf, ruleAgainst, ruleText } from "./policy.ts";
import { doubtsReadiness } from "./readiness.ts";
import { percent, releasedSplit, shareOf } from "./released.ts";
import { isEmptied, isServing } from "./room.ts";

/** What a shift asks for, and where. */
export interface Asked {
  readonly state: FleetState;
  readonly service: ServiceState;
  readonly sources: readonly ClusterId[];
  readonly target: ShiftTarget;
}

const FIELD = "target.split.weights";

/**
 * Refuses a split that is none (WEIGHT_TYPE, WEIGHTS_SUM, DUPLICATE_KEY), names what is not there (UNKNOWN_CLUSTER,
 * UNKNOWN_DESTINATION), leaves nobody who serves (NO_SERVING_TARGET), goes against the service's policy (POLICY_FORBIDS), or raises a cordoned
 * cluster (CLUSTER_STATE).
 */
export function checkTarget(asked: Asked): Check {
  if (asked.target.kind === "automatic") return PASSED;
  const { split } = asked.target;
  return firstObjection(
    () => checkWeights(split),
    () => checkDestinations(asked, split),
    () => checkAllowed(asked, split),
    () => checkServing(asked, split),
    () => checkCordons(asked, split),
  );
}

function checkWeights(split: Split): Check {
  for (const [index, { weight }] of split.entries()) {
    // Object.is tells -0, which is a slip of arithmetic, from 0.
    if (Number.isInteger(weight) && weight >= 0 && weight <= WEIGHT_TOTAL && !Object.is(weight, -0)) continue;
    const message = `${Object.is(weight, -0) ? "-0" : weight} is no weight; weights are whole basis points, 0 to ${WEIGHT_TOTAL}`;
    return reject("WEIGHT_TYPE", `${FIELD}[${index}].weight`, message);
  }
  const sum = split.reduce((total, { weight }) => total + weight, 0);
  if (sum === 0)
    return reject("NO_SERVING_TARGET", FIELD, "no destination has any weight; requests would have nowhere to go");
  if (sum === WEIGHT_TOTAL) return PASSED;
  return reject(
    "WEIGHTS_SUM",
    FIELD,
    `the weights sum to ${sum}; they must sum to exactly ${WEIGHT_TOTAL} basis points`,
  );
}

function checkDestinations({ state, service }: Asked, split: Split): Check {
  const seen = new Set<string>();
  for (const [index, { destination }] of split.entries()) {
    const objection = checkDestination({ state, service }, destination, `${FIELD}[${index}].destination`);
    if (!objection.ok) return objection;
    if (seen.has(keyOf(destination))) {
      return reject("DUPLICATE_KEY", `${FIELD}[${index}]`, `${keyOf(destination)} is named twice`);
    }
    seen.add(keyOf(destination));
  }
  return PASSED;
}

function checkDestination(
  { state, service }: Pick<Asked, "state" | "service">,
  destination: Destination,
  field: string,
): Check {
  for (const part of ["cluster", "version"] as const) {
    const why = badName(destination[part]);
    if (why !== undefined)
      return reject(
        "BAD_NAME",
        `${field}.${part}`,
        `${JSON.stringify(destination[part].slice(0, 80))} is no name: it ${why}`,
      );
  }
  const found = findCluster(state, destination.cluster, `${field}.cluster`);
  if (!found.ok) return found;
  const keys = service.spec.deployments.map(keyOf);
  if (keys.includes(keyOf(destination))) return PASSED;
  const message = `${service.spec.service} is not deployed as ${keyOf(destination)}; there are ${keys.toSorted().join(", ")}`;
  return reject("UNKNOWN_DESTINATION", field, message);
}

/** Isolation `nearest` keeps the planner from leaving home, not an operator: only what is hard is refused. */
function checkAllowed(asked: Asked, split: Split): Check {
  const { state, service, sources } = asked;
  for (const [index, { destination, weight }] of split.entries()) {
    for (const source of weight > 0 ? sources : []) {
      const lane = { source, destination: destination.cluster };
      const rule = ruleAgainst(lane, service.spec, state);
      if (rule === undefined) continue;
      const message = `${destination.cluster} ${ruleText(rule, lane, { spec: service.spec, state })}; send ${source}'s requests elsewhere, or change the policy of ${service.spec.service}`;
      return reject("POLICY_FORBIDS", `${FIELD}[${index}].destination`, message);
    }
  }
  return policyOf(service.spec).maxShare < 1 ? checkMaxShare(asked, split) : PASSED;
}

function checkMaxShare({ state, service, sources }: Asked, split: Split): Check {
  const isDoubted = doubtsReadiness(state, service);
  for (const source of sources) {
    const offers = offersTo({ source, now: releasedSplit(state, service, source), isDoubted }, state, service);
    for (const [index, { destination, weight }] of split.entries()) {
      const offer = offers.find(({ key }) => key === keyOf(destination));
      if (offer?.restriction !== "max-share" || weight <= offer.ceilingWeight) continue;
      const message = `maxShare lets ${keyOf(destination)} have at most ${percent(offer.ceilingWeight)} of ${source}'s requests, and ${percent(weight)} was asked; give it less, or change the policy of ${service.spec.service}`;
      return reject("POLICY_FORBIDS", `${FIELD}[${index}].weight`, message);
    }
  }
  return PASSED;
}

/** Somebody among those who get weight must serve; a dead one beside others is redistributed, as always. */
function checkServing({ state, service }: Asked, split: Split): Check {
  const weighted = split.filter(({ weight }) => weight > 0).map(({ destination }) => destination);
  if (weighted.some((found) => isServing(state, found.cluster) && !isEmptied(service, found))) return PASSED;
  const names = weighted.map((destination) => `${keyOf(destination)} ${standing(state, destination)}`).join(", ");
  return reject("NO_SERVING_TARGET", FIELD, `no destination with weight serves now: ${names}`);
}

function standing(state: FleetState, { cluster }: Destination): string {
  const found = state.clusters.get(cluster);
  if (found === undefined || found.membership !== "active") return `(${found?.membership ?? "unknown"})`;
  if (found.verdict === "dead") return "(dead)";
  if (found.drain !== undefined) return "(draining)";
  return found.isQuarantined ? "(quarantined)" : "(no ready endpoint)";
}

/** A cordoned or draining cluster keeps at most what each source sends it now. */
function checkCordons({ state, service, sources }: Asked, split: Split): Check {
  for (const [index, { destination, weight }] of split.entries()) {
    const found = state.clusters.get(destination.cluster);
    if (weight === 0 || found === undefined || !(found.isCordoned || found.drain !== undefined)) continue;
    const asked = shareOf(split, destination.cluster);
    const raised = sources.find(
      (source) => asked > shareOf(releasedSplit(state, service, source), destination.cluster),
    );
    if (raised === undefined) continue;
    const now = shareOf(releasedSplit(state, service, raised), destination.cluster);
    const what = found.drain === undefined ? "cordoned" : "being drained";
    const message = `${destination.cluster} is ${what}: its share may not rise above the ${percent(now)} that ${raised} sends it now, and ${percent(asked)} was asked; uncordon it first`;
    return reject("CLUSTER_STATE", `${FIELD}[${index}].weight`, message);
  }
  return PASSED;
}

/** Refuses what the mesh of a source cannot express. */
export function checkMesh({ state, service, sources, target }: Asked): Check {
  if (target.kind === "automatic") return PASSED;
  const weighted = target.split.filter(({ weight }) => weight > 0).map(({ destination }) => destination);
  for (const [index, source] of sources.entries()) {
    const cluster = state.clusters.get(source);
    const features = cluster?.features ?? [];
    if (weighted.length > 1 && !features.includes("weighted-split")) {
      const message = `the mesh of ${source} cannot divide requests by weight; give it a single destination`;
      return reject("UNSUPPORTED_BY_MESH", `sources[${index}]`, message);
    }
    const most = destinationsMaxOf(cluster);
    if (weighted.length > most) {
      const message = `a route of ${source}'s mesh takes at most ${most} destinations, and ${weighted.length} have weight; leave the smallest out`;
      return reject("UNSUPPORTED_BY_MESH", `sources[${index}]`, message);
    }
    if (service.spec.protocol !== "grpc" || !features.includes("proxyless")) continue;
    const unnamed = weighted.find((found) => found.cluster !== source && !isFirstServed({ state, service }, found));
    if (unnamed === undefined) continue;
    const message = `proxyless gRPC clients of ${source} cannot name a version in another cluster, and ${keyOf(unnamed)} is not the one that ${unnamed.cluster} serves first`;
    return reject("UNSUPPORTED_BY_MESH", `sources[${index}]`, message);
  }
  return PASSED;
}

/** By what the destination's cluster was told last; before that nothing can be said against it. */
function isFirstServed(
  { state, service }: Pick<Asked, "state" | "service">,
  { cluster, version }: Destination,
): boolean {
  const hash = service.released[cluster];
  const serves = hash === undefined ? undefined : state.routeSets.get(hash)?.serves;
  return serves === undefined || serves[0] === version;
}
