import type { ClusterState } from "../model/cluster.ts";
import type { FleetState } from "../model/fleet.ts";
import type { ClusterId, ServiceId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import { runsIn } from "./evolve-membership.ts";

/**
 * Names what a service's plan would be computed from, so that a preview can be pinned: `generation.id.inputsSequence`.
 * Anything that moves the inputs moves the last part, and another life of the log the first two.
 */
export function inputsDigest(state: FleetState, service: ServiceId): string {
  return `${lifeOf(state)}.${state.services.get(service)?.inputsSequence ?? 0}`;
}

/**
 * Names what a cluster's drain would be computed from: `generation.id.inputsSequence.services.clusters`. The sequence is that of
 * the last record that moved the inputs of a service that runs there, beside the number of such services; then comes how the
 * clusters stand in which these services run.
 */
export function drainDigest(state: FleetState, cluster: ClusterId): string {
  const services = [...state.services.values()].filter((service) => runsIn(service, cluster));
  const inputsSequence = Math.max(0, ...services.map((service) => service.inputsSequence));
  const deployments = services.flatMap(({ spec }) => spec.deployments);
  const names = [...new Set([cluster, ...deployments.map((deployment) => deployment.cluster)])].toSorted(compareNames);
  const standings = names.map((name) => `${name} ${standingOf(state.clusters.get(name))}`);
  const frozen = state.freeze === undefined ? "" : "frozen";
  return `${lifeOf(state)}.${inputsSequence}.${services.length}.${fingerprint([frozen, ...standings].join("\n"))}`;
}

function lifeOf({ incarnation: { generation, id } }: FleetState): string {
  return `${generation}.${id}`;
}

/** What of a cluster a plan depends on; not its certificates, nor when it was last seen. */
function standingOf(cluster: ClusterState | undefined): string {
  if (cluster === undefined) return "";
  const { membership, verdict, isCordoned, isQuarantined, drain, ramp } = cluster;
  return [
    membership,
    verdict,
    isCordoned,
    isQuarantined,
    drain?.phase,
    drain?.maxStepWeight,
    ramp?.ceilingWeight,
  ].join();
}

/** FNV-1a of 64 bits over UTF-16 code units, hex: it tells texts apart, and hides nothing (http://www.isthe.com/chongo/tech/comp/fnv). */
function fingerprint(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const unit of text.split("")) hash = BigInt.asUintN(64, (hash ^ BigInt(unit.charCodeAt(0))) * 0x100000001b3n);
  return hash.toString(16).padStart(16, "0");
}
