import type { ClusterId } from "./ids.ts";

/** Address at which a cluster's gateway takes requests from other clusters. */
export interface GatewayAddress {
  readonly address: string;
  readonly port: number;
}

/** What a mesh can express; admission refuses what a source's mesh lacks. */
export type Feature = "weighted-split" | "rendered-fallback" | "header-match" | "mirror" | "proxyless";

/** Declared by the platform team when the cluster is registered. */
export interface ClusterSpec {
  readonly cluster: ClusterId;
  readonly region: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined until the agent says it in its hello; a declared value wins. */
  readonly gateway?: GatewayAddress;
  /** Declared round trip to other clusters, in ms. A missing pair counts as `DEFAULT_RTT_MS`. */
  readonly rttMs: Readonly<Record<ClusterId, number>>;
  /** Declared price of a gigabyte (1e9 bytes) to other clusters, in dollars; undefined: nothing is. A missing pair costs 0. */
  readonly egressDollarsPerGb?: Readonly<Record<ClusterId, number>>;
  /** UID that the joining cluster must have; undefined takes the first that comes. */
  readonly expectedUid?: string;
  /** Most destinations that one route of its mesh may have; undefined until the agent says it in its hello; declared wins. */
  readonly maxDestinations?: number;
}

/** Round trip assumed between clusters that nobody declared or measured, in ms. */
export const DEFAULT_RTT_MS = 100;

/**
 * Where a cluster stands in its life. `registered`: a token waits. `pending`: it holds a certificate and waits to be
 * accepted. `accepted`: it may connect. `active`: its agent has connected and may carry traffic. `revoked`: cut off.
 */
export type Membership = "registered" | "pending" | "accepted" | "active" | "revoked";

/** One join token: stored hashed, for one key. */
export interface JoinToken {
  /** SHA-256 of the token's secret, hex. */
  readonly secretHash: string;
  readonly expiresAtMs: number;
  readonly redeemedAtMs?: number;
  /** SHA-256 of the public key that it was redeemed for, hex. */
  readonly redeemedForKey?: string;
}

/** Judgement over a cluster's health (features C8). Unknown is not dead, and unknown moves nothing. */
export type Verdict = "healthy" | "degraded" | "unknown" | "dead";

/** How a drain goes. `done` holds from the moment that no source sends the cluster anything. */
export interface Drain {
  readonly startedAtMs: number;
  readonly deadlineAtMs?: number;
  readonly maxStepWeight: number;
  readonly bakeMs: number;
  readonly phase: "draining" | "done";
}

/** A cluster's return after it was dead or drained: its ceiling of share grows in steps. */
export interface Ramp {
  readonly startedAtMs: number;
  /** Most basis points any one source may send it now. */
  readonly ceilingWeight: number;
  readonly changedAtMs: number;
}

/** Everything the planner remembers about one cluster. */
export interface ClusterState {
  readonly spec: ClusterSpec;
  readonly membership: Membership;
  /** Counts changes of this object, for conditional updates. */
  readonly resourceVersion: number;
  readonly token?: JoinToken;
  /** UID the cluster joined with. */
  readonly uid?: string;
  /** Serial numbers (hex) of certificates that must not be served any more. */
  readonly revokedSerials: readonly string[];
  /** Serial of the newest certificate issued, hex. */
  readonly certificateSerial?: string;
  /** The newest serials issued under this registration, hex: certificates of an earlier one open nothing. */
  readonly issuedSerials?: readonly string[];
  readonly gateway?: GatewayAddress;
  readonly features: readonly Feature[];
  /** Most destinations that one route of its mesh may have, as its agent says; undefined: without end. */
  readonly maxDestinations?: number;
  readonly isCordoned: boolean;
  readonly isQuarantined: boolean;
  readonly drain?: Drain;
  readonly ramp?: Ramp;
  readonly verdict: Verdict;
  readonly verdictSinceMs: number;
  /** When it was first judged healthy. Before that it is new: not in trouble, and no place to send anything. */
  readonly firstHealthyAtMs?: number;
  /** Since when a dead cluster looks well again; undefined while it does not. */
  readonly wellSinceMs?: number;
  /** Round trips to clusters of a greater name, ms, as callers of both sides showed; what is declared wins. */
  readonly learnedRttMs?: Readonly<Record<ClusterId, number>>;
}
