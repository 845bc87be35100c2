import type { ClusterId, ServiceId } from "./ids.ts";

/** What a service lacks once one cluster is gone. */
export interface ClusterLoss {
  readonly cluster: ClusterId;
  /** Requests per second that the others have no room for within their limits; 0: the loss is survived. */
  readonly shortRps: number;
  /** Whether the service's policy `surviveLossOf` names it. */
  readonly isRequired: boolean;
  /** Whether nobody knows what some destination takes that would serve then: it counts as room without end. */
  readonly isCapacityUnknown: boolean;
}

/** Whether a service outlives the loss of any one cluster that serves it. */
export interface Survival {
  /** Requests per second that find no room as things are, with nothing lost. Every loss includes them. */
  readonly shortRps: number;
  /** Every cluster that serves something of it, by name. */
  readonly losses: readonly ClusterLoss[];
}

/** What was found of each service, in the order in which it is to be told. */
export type Survivals = ReadonlyMap<ServiceId, Survival>;
