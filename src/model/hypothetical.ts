import type { Command, DrainRequest } from "./command.ts";
import type { ClusterId, ServiceId, Version } from "./ids.ts";

/**
 * What might happen, or be done, to see what would come of it. Everything that is named holds at once: first demand and
 * capacities change, then clusters are lost, then operators act.
 */
export interface Hypothetical {
  readonly demands: readonly DemandChange[];
  readonly capacities: readonly CapacityChange[];
  /** Clusters that die; their callers ask for nothing any more. */
  readonly lost: readonly ClusterId[];
  readonly cordons: readonly ClusterId[];
  readonly drains: readonly { readonly cluster: ClusterId; readonly drain: DrainRequest }[];
  readonly shifts: readonly Extract<Command, { readonly kind: "request-shift" }>[];
}

/** Demand that is multiplied: of one service or all, of one source or all. */
export interface DemandChange {
  readonly service?: ServiceId;
  readonly source?: ClusterId;
  readonly factor: number;
}

/** Capacity that is multiplied, or set per destination: of one service or all, in one cluster or all, of one version or all. */
export interface CapacityChange {
  readonly service?: ServiceId;
  readonly cluster?: ClusterId;
  readonly version?: Version;
  readonly change:
    | { readonly kind: "factor"; readonly factor: number }
    | { readonly kind: "value"; readonly capacityRps: number };
}
