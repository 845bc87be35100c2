import { compareDestinations, keyOf } from "../../model/destination.ts";
import type { ServiceState } from "../../model/fleet.ts";
import type { KnownCapacity } from "../../model/learned.ts";
import { declaredCapacity } from "../../model/service.ts";
import { trustedCapacity } from "./trust.ts";

/** What the planner takes a service's destinations for whose capacity nobody declared, by destination; unknown ones are missing. */
export function knownCapacities({ spec, reported, learned }: ServiceState): readonly KnownCapacity[] {
  return spec.deployments.toSorted(compareDestinations).flatMap((deployment) => {
    const key = keyOf(deployment);
    const trusted = trustedCapacity(learned?.[key], reported[key]);
    if (trusted === undefined || declaredCapacity(deployment) !== undefined) return [];
    const { cluster, version } = deployment;
    const work = learned?.[key]?.work;
    return [
      {
        service: spec.service,
        destination: { cluster, version },
        capacityRps: trusted.rps,
        origin: trusted.origin,
        ...(work !== undefined && { work }),
      },
    ];
  });
}
