import { serversFor } from "../../model/fleet-document.ts";
import type { FleetState, Reported } from "../../model/fleet.ts";
import type { ClusterId } from "../../model/ids.ts";
import type { CapacityOrigin, LearnedCapacity, LearnedDestination } from "../../model/learned.ts";
import type { QueueCurve } from "../../model/service.ts";

/**
 * Beyond this multiple of what callers were seen to be served well, nothing that a cluster says of itself attracts traffic.
 * A destination filled to 0.9 of what it has may so be taken for 1.44 times as large after a round, and no larger.
 */
export const PROOF_FACTOR = 1.6;

/**
 * Most that a destination is taken to be able to serve on its cluster's word, requests per second: what the cluster said at
 * first, or `PROOF_FACTOR` times what callers proved, whichever is more. Infinity while it has said nothing.
 */
export function ceilingOf({ anchorRps, provenRps = 0 }: LearnedDestination): number {
  return anchorRps === undefined ? Infinity : Math.max(anchorRps, PROOF_FACTOR * provenRps);
}

/** A capacity that nobody declared, and where it comes from. */
export interface TrustedCapacity {
  readonly rps: number;
  readonly origin: CapacityOrigin;
}

/** What is taken for a destination's capacity where nobody declared it; undefined: nobody knows anything. */
export function trustedCapacity(
  learned: LearnedDestination | undefined,
  reported: Reported | undefined,
): TrustedCapacity | undefined {
  const own = learnedCapacity(learned, reported) ?? reported?.capacityRps ?? learned?.anchorRps;
  if (own === undefined) return undefined;
  const ceiling = learned === undefined ? Infinity : ceilingOf(learned);
  if (own > ceiling) return { rps: ceiling, origin: "bounded" };
  return { rps: own, origin: learned?.capacity === undefined ? "reported" : "learned" };
}

/** What was learned, moved with the cluster's word or its endpoints: fewer endpoints serve less at once. */
function learnedCapacity(learned: LearnedDestination | undefined, reported: Reported | undefined): number | undefined {
  const capacity = learned?.capacity;
  if (capacity === undefined || reported === undefined) return capacity?.rps;
  const growth = growthOf(capacity, reported);
  // Whose word was refuted once grows by what is learned alone.
  return capacity.rps * (learned?.doubt === undefined ? growth : Math.min(1, growth));
}

function growthOf({ claimedRps = 0, readyEndpoints }: LearnedCapacity, reported: Reported): number {
  if (claimedRps > 0 && reported.capacityRps !== undefined) return reported.capacityRps / claimedRps;
  // Without a ready endpoint it is not used at all, unless that is not believed: then it is what it was.
  if (readyEndpoints === 0 || reported.readyEndpoints === 0) return 1;
  return reported.readyEndpoints / readyEndpoints;
}

/** The load-latency curve of a destination whose work was learned; undefined: it was not, or nobody knows its capacity. */
export function learnedCurve(
  learned: LearnedDestination | undefined,
  capacityRps: number | undefined,
): QueueCurve | undefined {
  if (learned?.work === undefined || capacityRps === undefined) return undefined;
  const { meanWorkMs, squaredVariation } = learned.work;
  return { kind: "queue", servers: serversFor(capacityRps, meanWorkMs), meanWorkMs, squaredVariation };
}

/** Round trip that was learned between two clusters, ms; undefined: nothing was. The pair is kept at the smaller name. */
export function learnedRoundTrip({ clusters }: FleetState, a: ClusterId, b: ClusterId): number | undefined {
  const [first, second] = a < b ? [a, b] : [b, a];
  return clusters.get(first)?.learnedRttMs?.[second];
}
