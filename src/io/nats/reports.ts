import type { NatsConnection } from "nats";
import type { Clock, EngineLog } from "../../engine/ports.ts";
import type { ClusterId } from "../../model/ids.ts";
import type { Refusal, RefusalCode } from "../../model/refusal.ts";
import type { ClusterReport } from "../../model/report.ts";
import { mergeReport } from "../../wire/merge-report.ts";
import { decodeHeartbeat, decodeWindow } from "../../wire/report.ts";
import { ReportLimit } from "./report-limit.ts";
import { REPORT_PREFIX } from "./subjects.ts";

/** Why a report was not taken: one of the refusals, or the limit. */
export type ReportDropped = RefusalCode | "RATE_LIMITED";

/** What the intake needs. */
export interface ReportIntakeParts {
  readonly connection: NatsConnection;
  readonly clock: Clock;
  readonly logger: EngineLog;
  /**
   * Takes the newest merged report of one cluster; its times are readings of the monotonic clock. Returns why it does not
   * take it, if so.
   */
  readonly accept: (report: ClusterReport) => Refusal | undefined;
  /** Counts, for metrics. */
  readonly onDropped: (cluster: ClusterId, why: ReportDropped) => void;
}

/** How often messages beyond the limit are looked at, in ms. */
const FLUSH_EVERY_MS = 100;
/** A cluster silent for this long is forgotten, in ms: what it says then starts anew. */
const FORGET_AFTER_MS = 3_600_000;

/**
 * Takes in what agents report, from the fleet account's import. Every message is judged by itself: what cannot be read,
 * names another cluster than its subject, or holds impossible numbers is dropped and counted; its cluster grows silent
 * and, after the grace, unknown.
 *
 * @returns how to stop.
 */
export function takeReports(parts: ReportIntakeParts): () => void {
  const intake = new Intake(parts);
  const subscription = parts.connection.subscribe(`${REPORT_PREFIX}.*.*`, {
    callback: (error, { subject, data }) => {
      if (error === null) intake.offer(subject, data);
    },
  });
  const timer = setInterval(() => intake.flush(), FLUSH_EVERY_MS);
  return () => {
    clearInterval(timer);
    if (!subscription.isClosed()) subscription.unsubscribe();
  };
}

class Intake {
  readonly #parts: ReportIntakeParts;
  readonly #limit: ReportLimit;
  readonly #merged = new Map<ClusterId, ClusterReport>();
  /** Clusters whose last report was dropped, so that the log tells of the change and not of every message. */
  readonly #failing = new Map<ClusterId, ReportDropped>();
  /** The clock alarm of each cluster's last report. */
  readonly #skews = new Map<ClusterId, string | undefined>();

  constructor(parts: ReportIntakeParts) {
    this.#parts = parts;
    this.#limit = new ReportLimit(parts.clock);
  }

  offer(subject: string, bytes: Uint8Array): void {
    const admission = this.#limit.admit(subject, bytes);
    if (admission === "taken") this.#take(subject, bytes);
    if (admission === "replaced") this.#parts.onDropped(clusterIn(subject), "RATE_LIMITED");
  }

  flush(): void {
    for (const { subject, bytes } of this.#limit.due()) this.#take(subject, bytes);
    const forgetBefore = this.#parts.clock.monotonicMs() - FORGET_AFTER_MS;
    for (const [cluster, { receivedAtMs }] of this.#merged) {
      if (receivedAtMs >= forgetBefore) continue;
      this.#merged.delete(cluster);
      this.#skews.delete(cluster);
    }
  }

  #take(subject: string, bytes: Uint8Array): void {
    const cluster = clusterIn(subject);
    const part = subject.endsWith(".window") ? decodeWindow(bytes, cluster) : decodeHeartbeat(bytes, cluster);
    if (!part.ok) return this.#drop(cluster, part.refusal);
    const known = this.#merged.get(cluster);
    // Another instance under the same name: nothing of what the one before said is its own.
    const previous = known?.uid === part.value.uid ? known : undefined;
    const { clock, accept, logger } = this.#parts;
    const merged = mergeReport(previous, part.value, clock.monotonicMs());
    if (merged === known) return;
    const skew =
      part.value.kind === "heartbeat" ? clockSkew(part.value.sentAtMs, clock.nowMs()) : this.#skews.get(cluster);
    const refusal = accept(skew === undefined ? merged : { ...merged, alarms: [...(merged.alarms ?? []), skew] });
    if (refusal !== undefined) return this.#drop(cluster, refusal);
    this.#merged.set(cluster, merged);
    if (skew !== undefined && skew !== this.#skews.get(cluster)) logger.warn({ cluster, skew }, "clocks disagree");
    this.#skews.set(cluster, skew);
    if (this.#failing.delete(cluster)) this.#parts.logger.info({ cluster }, "reports are taken again");
  }

  #drop(cluster: ClusterId, refusal: Refusal): void {
    this.#parts.onDropped(cluster, refusal.code);
    if (this.#failing.get(cluster) === refusal.code) return;
    this.#failing.set(cluster, refusal.code);
    this.#parts.logger.warn({ cluster, refusal }, "report dropped");
  }
}

/**
 * Alarm about a sender's clock that is off by more than a minute; undefined when it is not. Nothing is ordered by it, but
 * certificates are judged by such clocks.
 */
function clockSkew(sentAtMs: number, nowMs: number): string | undefined {
  const minutes = Math.trunc((sentAtMs - nowMs) / 60_000);
  if (minutes === 0) return undefined;
  return `CLOCK_SKEW: its clock is ${Math.abs(minutes)} min ${minutes > 0 ? "ahead of" : "behind"} the planner's; set it right`;
}

function clusterIn(subject: string): ClusterId {
  return (subject.split(".")[3] ?? "") as ClusterId;
}
