/** What one run of `weir` printed, and how it ended. */
export interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What an agent says of itself on its operator's socket. */
export interface AgentView {
  readonly position?: string;
  readonly isLinked: boolean;
  readonly appliedHashes: Readonly<Record<string, string>>;
  readonly alarms: readonly string[];
  readonly refusals: readonly { readonly code: string }[];
}

/** What `weir status -o json` shows of a replica. */
export interface ReplicaView {
  readonly replica: string;
  readonly isLeading?: boolean;
  readonly epoch?: string;
  readonly halted?: string;
}
