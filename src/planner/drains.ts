import type { Command, DrainRequest } from "../model/command.ts";
import { WEIGHT_TOTAL } from "../model/destination.ts";
import type { Destination } from "../model/destination.ts";
import type { FleetEvent } from "../model/event.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";
import { OPEN_POLICY } from "../model/service.ts";
import { ok } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import type { Refusal } from "../model/refusal.ts";
import type { ClusterState } from "../model/cluster.ts";
import type { Settings } from "../model/settings.ts";
import { checkVersion, decided, firstObjection, PASSED, reject } from "./decision.ts";
import type { Check, Decision } from "./decision.ts";
import { runsIn } from "./evolve-membership.ts";
import { drainDigest } from "./inputs-digest.ts";
import { findCluster } from "./membership.ts";
import { ruleAgainst } from "./policy.ts";
import { firstCeiling } from "./ramp.ts";
import { demandingSources, demandOf, isEmptied, isServing, roomOf } from "./room.ts";
import { sendersTo } from "./released.ts";

type Of<K extends Command["kind"]> = Extract<Command, { kind: K }>;

/** From now on nothing may raise the cluster's share. */
export function cordonCluster(state: FleetState, command: Of<"cordon-cluster">): Decision {
  const found = changeable(state, command);
  if (!found.ok) return found;
  return found.value.isCordoned ? decided() : decided({ kind: "cluster-cordoned", cluster: command.cluster });
}

/** Ends a cordon, and a drain: the share that was taken away returns in a ramp. */
export function uncordonCluster(state: FleetState, command: Of<"uncordon-cluster">, settings: Settings): Decision {
  const found = changeable(state, command);
  if (!found.ok) return found;
  const { isCordoned, drain } = found.value;
  if (!isCordoned && drain === undefined) return decided();
  const uncordoned: FleetEvent = { kind: "cluster-uncordoned", cluster: command.cluster };
  const ceilingWeight = drain === undefined ? undefined : firstCeiling(settings);
  if (ceilingWeight === undefined) return decided(uncordoned);
  return decided(uncordoned, { kind: "ramp-changed", cluster: command.cluster, ceilingWeight });
}

/** Starts moving the cluster's share away. Asked again with other numbers, it goes on with those. */
export function drainCluster(state: FleetState, command: Of<"drain-cluster">, context: DrainContext): Decision {
  const found = changeable(state, command);
  if (!found.ok) return found;
  const { membership, drain } = found.value;
  if (membership !== "active") {
    const message = `cluster ${command.cluster} is ${membership}: it has no share that could be moved away`;
    return reject("CLUSTER_STATE", "cluster", message);
  }
  const objection = firstObjection(
    () => checkDrain(command.drain, context.atMs),
    () => checkPinned(state, command),
    () => (command.drain.force === "no" ? checkSurvivors(state, command.cluster, context.settings) : PASSED),
  );
  if (!objection.ok) return objection;
  if (drain !== undefined && (drain.phase === "done" || sameDrain(drain, command.drain))) return decided();
  return decided({ kind: "drain-started", cluster: command.cluster, drain: command.drain });
}

/** What a drain is judged by besides the state. */
export interface DrainContext {
  readonly atMs: number;
  readonly settings: Settings;
}

function changeable(
  state: FleetState,
  { cluster, expectedResourceVersion }: { readonly cluster: ClusterId; readonly expectedResourceVersion?: number },
): Result<ClusterState, Refusal> {
  const found = findCluster(state, cluster);
  if (!found.ok) return found;
  const version = checkVersion(`cluster ${cluster}`, found.value.resourceVersion, expectedResourceVersion);
  if (!version.ok) return version;
  if (found.value.membership !== "revoked") return ok(found.value);
  return reject("CLUSTER_STATE", "cluster", `cluster ${cluster} is revoked; it can only be unregistered`);
}

function checkPinned(state: FleetState, { cluster, pinnedDigest }: Of<"drain-cluster">): Check {
  if (pinnedDigest === undefined || pinnedDigest === "" || pinnedDigest === drainDigest(state, cluster)) return PASSED;
  const message = `what the preview of draining ${cluster} was computed from has moved since; preview again and pin the new digest`;
  return reject("INPUTS_MOVED", "pinned_digest", message);
}

function checkDrain({ maxStepWeight, bakeMs, deadlineAtMs }: DrainRequest, atMs: number): Check {
  return firstObjection(
    () => checkStep(maxStepWeight),
    () => checkBake(bakeMs),
    () => {
      if (deadlineAtMs === undefined || deadlineAtMs > atMs) return PASSED;
      return reject("FIELD_INVALID", "deadline_at_unix_ms", "the deadline has passed; give a later one, or 0 for none");
    },
  );
}

/** Refuses a step that is no share of a source's traffic. */
export function checkStep(maxStepWeight: number, field = "max_step_weight"): Check {
  if (Number.isInteger(maxStepWeight) && maxStepWeight >= 1 && maxStepWeight <= WEIGHT_TOTAL) return PASSED;
  return reject("FIELD_INVALID", field, `${maxStepWeight} is no step; it must be 1 to ${WEIGHT_TOTAL} basis points`);
}

/** A day: who wants to watch a step for longer asks for the next one then. */
const BAKE_MAX_MS = 86_400_000;

/** Refuses a time of watching that is negative, endless or no whole number of ms. */
export function checkBake(bakeMs: number, field = "bake_ms"): Check {
  if (Number.isInteger(bakeMs) && bakeMs >= 0 && bakeMs <= BAKE_MAX_MS) return PASSED;
  return reject("FIELD_INVALID", field, `${bakeMs} ms is no bake; it must be 0 to ${BAKE_MAX_MS} ms`);
}

function sameDrain(running: DrainNumbers, asked: DrainNumbers): boolean {
  return (
    running.maxStepWeight === asked.maxStepWeight &&
    running.bakeMs === asked.bakeMs &&
    running.deadlineAtMs === asked.deadlineAtMs
  );
}

type DrainNumbers = Pick<DrainRequest, "maxStepWeight" | "bakeMs" | "deadlineAtMs">;

/**
 * Refuses a drain after which a service would have nowhere to go (NO_SERVING_TARGET) or more to serve than the survivors
 * take (OVER_CAPACITY). A survivor whose capacity nobody knows is taken at its owner's word.
 */
function checkSurvivors(state: FleetState, cluster: ClusterId, settings: Settings): Check {
  const services = [...state.services].toSorted(([a], [b]) => compareNames(a, b)).map(([, service]) => service);
  for (const service of services.filter((found) => runsIn(found, cluster))) {
    const survivors = survivorsOf(state, service, { leaving: cluster });
    const objection = firstObjection(
      () => stranded(state, service, cluster),
      () => (survivors.length === 0 ? PASSED : tight(service, survivors, settings)),
    );
    if (!objection.ok) return objection;
  }
  return PASSED;
}

/** Whom a drain leaves with what. */
export interface Leaving {
  readonly leaving: ClusterId;
  /** Whose requests are to go elsewhere; undefined: anybody's. */
  readonly source?: ClusterId;
}

/** Destinations elsewhere that serve what everybody gets who is not told otherwise, and that the policy lets the source use. */
export function survivorsOf(
  state: FleetState,
  service: ServiceState,
  { leaving, source }: Leaving,
): readonly Destination[] {
  return service.spec.deployments.filter(
    (deployment) =>
      deployment.cluster !== leaving &&
      deployment.version === service.spec.stableVersion &&
      isServing(state, deployment.cluster) &&
      !isEmptied(service, deployment) &&
      // Nobody's isolation keeps a cluster from its own callers.
      ruleAgainst({ source: source ?? deployment.cluster, destination: deployment.cluster }, service.spec, state) ===
        undefined,
  );
}

/** Refuses a drain that leaves a source of the service nowhere to go. */
function stranded(state: FleetState, service: ServiceState, leaving: ClusterId): Check {
  const { spec } = service;
  const found = sendersTo(state, leaving).find(
    (sender) =>
      sender.service.spec.service === spec.service &&
      survivorsOf(state, service, { leaving, source: sender.source }).length === 0,
  );
  if (found === undefined) return PASSED;
  const isBound = survivorsOf(state, { ...service, spec: { ...spec, policy: OPEN_POLICY } }, { leaving }).length > 0;
  const message = isBound
    ? `the policy of ${spec.service} lets ${found.source} go nowhere but to ${leaving}; widen the policy, or force the drain and leave it there`
    : `${spec.service} (${spec.stableVersion}) is served nowhere but in ${leaving}; deploy it elsewhere, or force the drain and leave it there`;
  return reject("NO_SERVING_TARGET", "cluster", message);
}

function tight(service: ServiceState, survivors: readonly Destination[], settings: Settings): Check {
  const rooms = survivors.map((destination) => roomOf(service, destination, settings));
  if (rooms.includes(undefined)) return PASSED;
  const roomRps = rooms.reduce<number>((sum, room) => sum + (room ?? 0), 0);
  const demandRps = demandingSources(service).reduce((sum, source) => sum + demandOf(service, source), 0);
  if (demandRps <= roomRps) return PASSED;
  const names = survivors.map(({ cluster }) => cluster).toSorted(compareNames);
  const message =
    `${service.spec.service} gets ${rps(demandRps)}, but ${names.join(", ")} take at most ${rps(roomRps)} ` +
    `(${Math.round(settings.utilisationMax * 100)} % of their capacity); add capacity, or force the drain`;
  return reject("OVER_CAPACITY", "cluster", message);
}

/** Requests per second as people read them. */
export function rps(value: number): string {
  return `${Math.round(value * 10) / 10} rps`;
}
