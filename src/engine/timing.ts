/** Numbers the engine runs by. Decisions have theirs in `Settings`. */
export interface EngineTiming {
  /** Time between two ticks of the leader, in ms. */
  readonly tickMs: number;
  /** Time between two heartbeats to the other replicas, in ms. */
  readonly heartbeatMs: number;
  /** Silence of the leader, on a follower's own monotonic clock, after which it wants the lead, in ms. */
  readonly leaderTimeoutMs: number;
  /** A follower waits a random part of this before it takes the lead, so that two seldom try at once, in ms. */
  readonly electionSpreadMs: number;
  /** Time a store operation other than an append may take, in ms. */
  readonly storeTimeoutMs: number;
  /** Time one attempt to forward a command may take before the leader is looked for again, in ms. */
  readonly forwardTimeoutMs: number;
  /** Time between two looks at the store's settings and bounds, in ms. */
  readonly storeCheckMs: number;
  /** Records after which the leader keeps a snapshot. */
  readonly snapshotEveryRecords: number;
  /** Time after which it does so anyway, in ms. */
  readonly snapshotEveryMs: number;
  /** Records younger than this are never trimmed, in ms. */
  readonly keepRecordsMs: number;
}

/** Defaults: leader timeout and trimming from the design; the rest keeps the store quiet. */
export const DEFAULT_TIMING: EngineTiming = {
  tickMs: 1_000,
  heartbeatMs: 1_000,
  leaderTimeoutMs: 5_000,
  electionSpreadMs: 500,
  storeTimeoutMs: 5_000,
  forwardTimeoutMs: 5_000,
  storeCheckMs: 5_000,
  snapshotEveryRecords: 1_000,
  snapshotEveryMs: 24 * 3_600_000,
  keepRecordsMs: 7 * 24 * 3_600_000,
};
