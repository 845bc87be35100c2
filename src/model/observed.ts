import type { ClusterId, ServiceId } from "./ids.ts";
import type { DestinationKey } from "./destination.ts";
import type { Position } from "./position.ts";
import type { RouteRefusal } from "./report.ts";

/** What one source was seen to send of one service in its newest window. */
export interface ObservedTraffic {
  readonly requests: number;
  readonly failures: number;
  /** Share of requests per destination, 0 to 1. */
  readonly shares: Readonly<Record<DestinationKey, number>>;
  readonly rps: number;
  /** When the window that was counted began, on the receiving replica's clock. */
  readonly windowStartedAtMs: number;
}

/** One cluster as its newest reports show it. */
export interface ObservedCluster {
  readonly silentForMs: number;
  readonly isStreamOpen: boolean;
  /** How many other clusters with fresh reports see this one's gateway, and how many see it fail. */
  readonly peersReaching: number;
  readonly peersFailing: number;
  readonly applied?: Position;
  readonly appliedHashes: Readonly<Record<ServiceId, string>>;
  readonly refusals: readonly RouteRefusal[];
  readonly hasFallback: boolean;
  /** Alarms of its newest report, for people: no decision reads them. */
  readonly alarms?: readonly string[];
  readonly traffic: Readonly<Record<ServiceId, ObservedTraffic>>;
}

/** The fleet as reports show it at one moment: the only thing decisions know of the outside. */
export interface Observed {
  readonly atMs: number;
  /** How long this leader has been collecting reports: a cold planner trusts silence only after a while. */
  readonly collectingForMs: number;
  readonly clusters: Readonly<Record<ClusterId, ObservedCluster>>;
}
