/** What one replica tells the others each second. Liveness only; never trusted for correctness. */
export interface ReplicaHeartbeat {
  readonly replica: string;
  readonly epoch: number;
  readonly isLeading: boolean;
  readonly sequence: number;
  /** Event kinds this replica can fold. */
  readonly knows: readonly string[];
  /** Clusters whose plan stream ends at this replica. */
  readonly streams: readonly string[];
  /** Address operators can dial, for messages. */
  readonly operatorAddress: string;
  /** What this replica's next record would carry as its time, ms since 1970. */
  readonly logTimeMs: number;
  /** New at every start: tells two processes of one name apart. Empty: of an older version. */
  readonly bootId: string;
  /** How long the process has been running, in ms. */
  readonly upForMs: number;
  /** Why it publishes nothing; empty when it does. */
  readonly halted: string;
}
