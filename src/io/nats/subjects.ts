/** Every subject and stream name Weir uses, in one place, because the broker's permissions are made of them. */

/** Stream that holds the log, and its only subject. */
export const LOG_STREAM = "WEIR_LOG";
export const LOG_SUBJECT = "weir.v1.log";

/** Stream that holds folded states in chunks: `weir.v1.snapshot.<sequence>.<manifest | save.chunk>`. */
export const SNAPSHOT_STREAM = "WEIR_SNAPSHOTS";
export const SNAPSHOT_PREFIX = "weir.v1.snapshot";

/** Talk between replicas. */
export const PLANNER_PREFIX = "weir.v1.planner";
export const HEARTBEAT_SUBJECT = `${PLANNER_PREFIX}.heartbeat`;

/** Where one replica answers forwarded commands. */
export function forwardSubject(replica: string): string {
  return `${PLANNER_PREFIX}.forward.${replica}`;
}

/** Agents' reports: `weir.v1.report.<cluster>.<heartbeat | window>`. */
export const REPORT_PREFIX = "weir.v1.report";
export const REPORT_KINDS = ["heartbeat", "window"] as const;

/** What a report is about; the subject's last token. */
export type ReportKind = (typeof REPORT_KINDS)[number];

/** Subject on which one cluster's agent reports. */
export function reportSubject(cluster: string, kind: ReportKind): string {
  return `${REPORT_PREFIX}.${cluster}.${kind}`;
}

/** Prefix of an agent's inboxes: its own, so that no cluster can listen to another's answers. */
export function agentInboxPrefix(cluster: string): string {
  return `_INBOX.${cluster}`;
}

/** Prefix of the planners' inboxes. */
export const PLANNER_INBOX_PREFIX = "_INBOX.planner";
