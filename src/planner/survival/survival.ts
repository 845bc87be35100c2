import type { FleetState, ServiceState } from "../../model/fleet.ts";
import type { ClusterId } from "../../model/ids.ts";
import { compareNames } from "../../model/ids.ts";
import type { ServicePolicy } from "../../model/fleet-document.ts";
import type { Settings } from "../../model/settings.ts";
import type { ClusterLoss, Survival } from "../../model/survival.ts";
import { policyOf } from "../policy.ts";
import { sceneOf, takesAny } from "./askers.ts";
import type { Scene } from "./askers.ts";
import { partiesWithout } from "./parties.ts";
import { shortage } from "./shortage.ts";

/**
 * Whether a service outlives each cluster that serves it: whether the others have room for everybody, within the share of
 * their capacities that planning fills, the ceilings that hold now, and its policy. The lost cluster's own callers still ask,
 * since they may be alive; those of a cluster that is dead already do not. It is what could be planned anew, best of all
 * divisions (maximum flow); room is all that it is about, no latency, no price.
 */
export function survivalOf(state: FleetState, service: ServiceState, settings: Settings): Survival {
  const steps = survivalSteps(state, service, settings);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** As `survivalOf`, one loss after the other, for who has something else to do in between. */
export function* survivalSteps(
  state: FleetState,
  service: ServiceState,
  settings: Settings,
): Generator<undefined, Survival, undefined> {
  const scene = sceneOf(state, service);
  const policy = policyOf(service.spec);
  const roomRps = scene.places.capacitiesRps.map((capacityRps) => capacityRps * settings.utilisationMax);
  const { shortRps } = shortage(partiesWithout(undefined, scene), roomRps);
  const losses: ClusterLoss[] = [];
  for (const cluster of servingClusters(scene, state)) {
    yield;
    const found = shortage(partiesWithout(cluster, scene), roomRps);
    losses.push({ cluster, ...found, isRequired: isNamed(cluster, policy) });
  }
  return { shortRps, losses };
}

/** Whether a policy asks that the loss of a cluster be survived. */
export function isNamed(cluster: ClusterId, { surviveLossOf }: Pick<ServicePolicy, "surviveLossOf">): boolean {
  return surviveLossOf === "any" || (surviveLossOf !== "none" && surviveLossOf.includes(cluster));
}

/** Clusters that may be sent something of the service, or are. */
function servingClusters({ service, askers, sentTo }: Scene, { clusters }: FleetState): readonly ClusterId[] {
  const open = new Set<ClusterId>();
  for (const offers of new Set(askers.map((asker) => asker.offers)))
    for (const offer of offers) if (takesAny(offer)) open.add(offer.destination.cluster);
  const deployed = new Set(service.spec.deployments.map(({ cluster }) => cluster));
  return [...deployed]
    .filter((cluster) => {
      const found = clusters.get(cluster);
      const isLiving = found?.membership === "active" && found.verdict !== "dead";
      return isLiving && (open.has(cluster) || sentTo.has(cluster));
    })
    .toSorted(compareNames);
}
