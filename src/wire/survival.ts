import type { MessageInitShape } from "@bufbuild/protobuf";
import type { SurvivalStatusSchema, SurvivalSummarySchema } from "../../proto/gen/weir/v1/traffic_pb.ts";
import type { ServiceId } from "../model/ids.ts";
import type { ClusterLoss, Survival, Survivals } from "../model/survival.ts";

/** Services that somebody should know about: short of room now or after a loss, or with losses that their policy names. */
export function toSurvivals(survivals: Survivals): MessageInitShape<typeof SurvivalStatusSchema>[] {
  return [...survivals]
    .map(([service, survival]) => toSurvivalStatus(service, survival))
    .filter(({ shortRps, losses }) => shortRps > 0 || losses.length > 0);
}

/** What one service lacks: now, and after losses that it does not outlive or that its policy names. */
export function toSurvivalStatus(service: ServiceId, { shortRps, losses }: Survival) {
  return { service, shortRps, losses: losses.filter((loss) => isShort(loss) || loss.isRequired) };
}

/** The fleet in four numbers. */
export function toSurvivalSummary(survivals: Survivals): MessageInitShape<typeof SurvivalSummarySchema> {
  const count = (is: (survival: Survival) => boolean): number => [...survivals.values()].filter(is).length;
  return {
    services: survivals.size,
    survivingServices: count(({ shortRps, losses }) => shortRps === 0 && !losses.some(isShort)),
    servicesAgainstPolicy: count(({ losses }) => losses.some((loss) => isShort(loss) && loss.isRequired)),
    servicesWithUnknownCapacity: count(({ losses }) => losses.some(({ isCapacityUnknown }) => isCapacityUnknown)),
  };
}

function isShort({ shortRps }: ClusterLoss): boolean {
  return shortRps > 0;
}
