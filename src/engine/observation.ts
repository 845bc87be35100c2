import type { LogRecord } from "../model/event.ts";
import type { ClusterId } from "../model/ids.ts";
import type { Observed } from "../model/observed.ts";
import type { Refusal } from "../model/refusal.ts";
import type { ClusterReport } from "../model/report.ts";
import type { Settings } from "../model/settings.ts";
import { refuseReporter } from "../planner/reporters.ts";
import type { Decider } from "./decider.ts";
import type { Ledger } from "./ledger.ts";
import type { LogTime } from "./log-time.ts";
import type { Peers } from "./peers.ts";
import type { Clock } from "./ports.ts";
import { Reports } from "./reports.ts";
import type { Witnessing } from "./witnessing.ts";

/** What observing the fleet needs. */
export interface ObservationParts {
  readonly clock: Clock;
  readonly decider: Decider;
  readonly settings: Settings;
  readonly ledger: Ledger;
  readonly logTime: LogTime;
  readonly peers: Peers;
  readonly witnessing: Witnessing;
}

/** Events after which what a cluster reported is worth nothing any more. */
const SHUTS_OUT: ReadonlySet<string> = new Set(["cluster-unregistered", "cluster-revoked", "cluster-quarantined"]);

/** What agents report to this replica and which streams are open, as decisions see it: on log time. */
export class Observation {
  readonly #parts: ObservationParts;
  readonly #reports = new Reports();
  #beganAtMs: number;

  constructor(parts: ObservationParts) {
    this.#parts = parts;
    this.#beganAtMs = parts.clock.monotonicMs();
  }

  /** From now on silence of a cluster means something. */
  begin(): void {
    this.#beganAtMs = this.#parts.clock.monotonicMs();
  }

  /** What the next record would carry as its time, ms since 1970. */
  logTimeMs(): number {
    const { ledger, logTime } = this.#parts;
    return Math.max(ledger.state.atMs, logTime.now());
  }

  /** Takes in a report, as `Engine.acceptReport`. */
  accept(report: ClusterReport, signal: AbortSignal): Refusal | undefined {
    const { ledger, witnessing } = this.#parts;
    const refusal = refuseReporter(ledger.state, report);
    // Another instance of the cluster may be what the log forgot: what it holds counts, what it says does not.
    if (refusal === undefined || refusal.code === "IDENTITY_MISMATCH") witnessing.heed(report, signal);
    if (refusal === undefined) this.#reports.accept(report);
    else this.#reports.forget(report.cluster);
    return refusal;
  }

  /** Forgets what clusters said that a record shuts out. */
  forgetShutOut({ events }: LogRecord): void {
    for (const event of events) {
      if (SHUTS_OUT.has(event.kind) && "cluster" in event) this.#reports.forget(event.cluster);
    }
  }

  noteStream(cluster: ClusterId, stream: "open" | "closed"): void {
    this.#reports.noteStream(cluster, stream);
  }

  /** Clusters with a stream open here. */
  openStreams(): readonly ClusterId[] {
    return this.#reports.openStreams();
  }

  /** Newest report of each cluster. */
  reports(): ReadonlyMap<ClusterId, ClusterReport> {
    return this.#reports.onLogTime(this.#parts.logTime.offsetMs(), this.#streams());
  }

  /** The reports folded into what decisions see. */
  observed(): Observed {
    const { decider, clock, settings, logTime } = this.#parts;
    const streams = this.#streams();
    const collectingForMs = clock.monotonicMs() - this.#beganAtMs;
    const offsetMs = logTime.offsetMs();
    const context = { atMs: this.logTimeMs(), collectingForMs, streams, freshForMs: settings.unknownAfterMs };
    return decider.observe(this.#reports.onLogTime(offsetMs, streams), context);
  }

  #streams(): ReadonlySet<ClusterId> {
    return new Set([...this.#reports.openStreams(), ...this.#parts.peers.streams()]);
  }
}
