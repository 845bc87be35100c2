import { WEIGHT_TOTAL } from "../../../src/model/destination.ts";
import type { FleetDocument } from "../../../src/model/fleet-document.ts";
import type { ComputedService } from "../../../src/planner/compute/computed.ts";
import { computeFleet } from "../../../src/planner/compute/fleet.ts";
import type { Division, Instance } from "./instance.ts";

/** What the planner makes of each service of a document, in the document's order. */
export function weirServices(document: FleetDocument): readonly ComputedService[] {
  return computeFleet(document).services;
}

/** The planner's integer weights as the requests per second that they lead to. */
export function weirDivision(instance: Instance, service: ComputedService): Division {
  return instance.clusters.map((cluster, source) => {
    const weights = service.sources.find((one) => one.cluster === cluster)?.weights ?? [];
    return instance.backends.map((backend) => {
      const found = weights.find(
        ({ destination }) =>
          destination.cluster === instance.clusters[backend.cluster] && destination.version === backend.version,
      );
      return ((instance.demandRps[source] ?? 0) * (found?.weight ?? 0)) / WEIGHT_TOTAL;
    });
  });
}
