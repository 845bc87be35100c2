import type { ClusterId } from "../model/ids.ts";
import type { Position } from "../model/position.ts";
import type { Refusal } from "../model/refusal.ts";
import type { ClusterReport } from "../model/report.ts";
import { within } from "./deadline.ts";
import type { Halts } from "./halts.ts";
import type { Ledger } from "./ledger.ts";
import type { Clock, Log, SnapshotMark } from "./ports.ts";
import { Witnesses, isAhead } from "./witnesses.ts";

/** What hearing witnesses needs. */
export interface WitnessingParts {
  readonly log: Log;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly halts: Halts;
  readonly storeTimeoutMs: number;
}

/** Holds what agents and snapshots say of the log against the log itself, and halts this replica when it falls short. */
export class Witnessing {
  readonly #parts: WitnessingParts;
  readonly #witnesses = new Witnesses();

  constructor(parts: WitnessingParts) {
    this.#parts = parts;
  }

  /** Positions beyond the log, by cluster. */
  ahead(): ReadonlyMap<ClusterId, Position> {
    return this.#witnesses.ahead();
  }

  /** Highest epoch that any agent of this log reported. */
  highestEpoch(): number {
    return this.#witnesses.highestEpoch();
  }

  /** Highest generation of any witness. */
  highestGeneration(): number {
    return this.#witnesses.highestGeneration();
  }

  /** Notes a snapshot beyond the log's end; it halts nothing before the next `judge`. */
  suspectSnapshot(mark: SnapshotMark, last: number): void {
    this.#witnesses.suspectSnapshot(mark, last);
  }

  /** Takes a position that an agent says it holds. Resolves to why nothing may be published to it, if so. */
  async hear(cluster: ClusterId, position: Position, signal: AbortSignal): Promise<Refusal | undefined> {
    const { ledger, halts } = this.#parts;
    if (isAhead(position, ledger.state)) await this.#verifyAhead(cluster, position, signal);
    else this.#witnesses.trust(position);
    return halts.reason();
  }

  /** Takes the position in a report, which asks for no answer. */
  heed({ cluster, applied }: ClusterReport, signal: AbortSignal): void {
    if (applied === undefined) return;
    if (!isAhead(applied, this.#parts.ledger.state)) return this.#witnesses.trust(applied);
    // Its outcome is the halt; a store that does not answer now is asked again with the next report.
    void this.hear(cluster, applied, signal).catch(() => undefined);
  }

  /** Halts, or lifts the halt, by what the witnesses say of the state that is newest now. */
  judge(): void {
    const { ledger, halts } = this.#parts;
    halts.set("rolled-back", this.#witnesses.judge(ledger.state));
  }

  /** This replica may only be late: the log's end tells. */
  async #verifyAhead(cluster: ClusterId, position: Position, signal: AbortSignal): Promise<void> {
    const { clock, log, ledger, halts, storeTimeoutMs: ms } = this.#parts;
    const bounded = { clock, ms, signal, what: "reading the log's end" };
    const { last } = await within(bounded, async (inner) => await log.bounds(inner));
    if (halts.reason() === undefined) await ledger.reached(last, signal);
    if (!isAhead(position, ledger.state)) return this.#witnesses.trust(position);
    this.#witnesses.suspect(cluster, position);
    this.judge();
  }
}
