import type { DestinationKey, Weighted } from "../model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import type { ServiceState } from "../model/fleet.ts";
import type { ClusterId } from "../model/ids.ts";
import type { Deployment } from "../model/service.ts";
import type { Checked } from "./checked.ts";
import type { Judged } from "./check-standing.ts";

/** One source's move, as the checker reads it. */
export interface Moved {
  readonly cluster: ClusterId;
  readonly held: readonly Weighted[] | undefined;
  readonly next: readonly Weighted[];
  readonly judged: readonly Judged[];
}

/** Declared by itself or by a curve, else reported. */
export function capacityOf(deployment: Deployment, { reported }: ServiceState): number | undefined {
  const { capacityRps, curve } = deployment;
  const fullRps = curve === undefined ? undefined : (curve.servers / curve.meanWorkMs) * 1_000;
  return capacityRps ?? fullRps ?? reported[keyOf(deployment)]?.capacityRps;
}

/** Requests per second that a cluster's callers ask for; a dead one's count as none. */
export function demand(cluster: ClusterId, { state, service }: Checked): number {
  if (state.clusters.get(cluster)?.verdict === "dead") return 0;
  return service.spec.demandRps[cluster] ?? service.demandRps[cluster] ?? 0;
}

/** Requests per second on each destination by some reading of the moves. */
export function loads(
  moved: readonly Moved[],
  listOf: (move: Moved) => readonly Weighted[],
  checked: Checked,
): ReadonlyMap<DestinationKey, number> {
  const sums = new Map<DestinationKey, number>();
  for (const move of moved) {
    for (const { destination, weight } of listOf(move)) {
      const key = keyOf(destination);
      sums.set(key, (sums.get(key) ?? 0) + (weight / WEIGHT_TOTAL) * demand(move.cluster, checked));
    }
  }
  return sums;
}
