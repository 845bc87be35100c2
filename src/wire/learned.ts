import type { MessageInitShape } from "@bufbuild/protobuf";
import { CapacityOrigin } from "../../proto/gen/weir/v1/traffic_pb.ts";
import type { CapacityStatusSchema, RoundTripStatusSchema } from "../../proto/gen/weir/v1/traffic_pb.ts";
import type { FleetState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { KnownCapacity } from "../model/learned.ts";
import { toDestination } from "./split.ts";

const ORIGINS: Readonly<Record<KnownCapacity["origin"], CapacityOrigin>> = {
  reported: CapacityOrigin.REPORTED,
  learned: CapacityOrigin.LEARNED,
  bounded: CapacityOrigin.BOUNDED,
};

/** Capacities that nobody declared, as operators see them. */
export function toCapacities(known: readonly KnownCapacity[]): MessageInitShape<typeof CapacityStatusSchema>[] {
  return known.map(({ service, destination, capacityRps, origin, work }) => ({
    service,
    destination: toDestination(destination),
    capacityRps,
    origin: ORIGINS[origin],
    ...work,
  }));
}

/** Round trips that were learned, by names. */
export function toRoundTrips({ clusters }: FleetState): MessageInitShape<typeof RoundTripStatusSchema>[] {
  const names = new Set<string>(clusters.keys());
  return [...clusters]
    .toSorted(([a], [b]) => compareNames(a, b))
    .flatMap(([clusterA, { learnedRttMs = {} }]) =>
      Object.entries<number>(learnedRttMs)
        .filter(([clusterB]) => names.has(clusterB))
        .toSorted(([a], [b]) => compareNames(a, b))
        .map(([clusterB, rttMs]) => ({ clusterA, clusterB, rttMs })),
    );
}
