import type { Destination, Split } from "./destination.ts";
import type { ClusterId, ServiceId } from "./ids.ts";
import type { Reason, Urgency } from "./plan.ts";
import type { Survival, Survivals } from "./survival.ts";

/** Splits by source. */
export type Splits = Readonly<Record<ClusterId, Split>>;

/** What splits put on one destination. */
export interface MeasuredLoad {
  readonly destination: Destination;
  readonly loadRps: number;
  /** Undefined: nobody knows. */
  readonly capacityRps?: number;
  /** Beyond the share of the capacity that planning fills, rps. */
  readonly overLimitRps: number;
  /** Beyond the capacity: what can only be shed, rps. */
  readonly overCapacityRps: number;
}

/** What requests spend, and what they do not find, by the planner's own model. */
export interface PreviewCost {
  readonly demandRps: number;
  /** Of an average request: its way, its work and its queue, ms. */
  readonly latencyMs: number;
  /** What all callers spend, ms * requests per second, the price of ways included at the services' exchange rates. */
  readonly spentMsRps: number;
  readonly dollarsPerHour: number;
  readonly overLimitRps: number;
  readonly overCapacityRps: number;
  /** Requests to destinations that do not serve, or of sources that were told nothing yet, rps. */
  readonly lostRps: number;
}

/** What splits come to for a service. */
export interface Measures extends PreviewCost {
  /** Every destination that gets something, sorted. */
  readonly loads: readonly MeasuredLoad[];
  /** The destination that has least of its capacity free, and how much: 0 to 1, below 0 where it is overloaded. */
  readonly tightest?: { readonly destination: Destination; readonly freeShare: number };
}

/** What is free of a service's capacity once the cluster is lost of which that leaves least, its callers still asking. */
export interface FreeWithoutOne {
  readonly cluster: ClusterId;
  /** 0 to 1; below 0 where the others cannot serve everybody. */
  readonly freeShare: number;
}

/** One step, by what it changes and what it comes to. */
export interface SteppedPreview {
  /** Sources that send otherwise after it. */
  readonly changes: Splits;
  readonly urgency: Urgency;
  readonly measures: Measures;
}

/** What a hypothetical makes of one service. */
export interface ServicePreview {
  readonly service: ServiceId;
  /** Splits as released now. */
  readonly splits: Splits;
  readonly before: Measures;
  /** As it would be before anybody plans anew: meshes fall back by themselves. */
  readonly atOnce: Measures;
  readonly steps: readonly SteppedPreview[];
  /** After the last step. */
  readonly after: Measures;
  /** Requests per second that go elsewhere in the end, of those that are there after as before. */
  readonly movedRps: number;
  /** Why the last step's splits are as they are, for sources that send otherwise than now. */
  readonly reasons: readonly Reason[];
  readonly survivalBefore: Survival;
  readonly survivalAfter: Survival;
  readonly freeBefore?: FreeWithoutOne;
  readonly freeAfter?: FreeWithoutOne;
  readonly isComplete: boolean;
}

/** The same of a fleet. */
export interface FleetCost extends PreviewCost {
  /** Services with requests beyond the limits, or lost. */
  readonly overloadedServices: number;
}

/** One cluster, all services together; those that were not looked at as if nobody planned them anew. */
export interface ClusterPreview {
  readonly cluster: ClusterId;
  readonly beforeRps: number;
  readonly afterRps: number;
  /** Of the destinations of which it is known, after. */
  readonly capacityRps: number;
  readonly overLimitRps: number;
}

/** A destination that is fuller than all others in the end. */
export interface Worst {
  readonly service: ServiceId;
  readonly destination: Destination;
  readonly loadRps: number;
  readonly capacityRps: number;
}

/** What a hypothetical makes of a fleet. */
export interface FleetPreview {
  /** Services that were looked at. */
  readonly services: number;
  /** Those of them that send otherwise in the end. */
  readonly movingServices: number;
  readonly movedRps: number;
  /** Steps of the service that takes most. */
  readonly stepsMax: number;
  /** Services whose steps something holds up, or that have too many to be shown. */
  readonly incompleteServices: number;
  readonly before: FleetCost;
  readonly atOnce: FleetCost;
  readonly after: FleetCost;
  readonly clusters: readonly ClusterPreview[];
  readonly worst?: Worst;
  readonly survivalBefore: Survivals;
  readonly survivalAfter: Survivals;
  readonly details: readonly ServicePreview[];
}
