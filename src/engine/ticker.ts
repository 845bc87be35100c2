import type { Command, Measured } from "../model/command.ts";
import type { ClusterId } from "../model/ids.ts";
import type { Observed } from "../model/observed.ts";
import type { ClusterReport } from "../model/report.ts";
import type { Settings } from "../model/settings.ts";
import { Learner } from "../planner/learn/learner.ts";
import type { Decider } from "./decider.ts";
import type { Ledger } from "./ledger.ts";
import { planDue } from "./plan-due.ts";
import { PLANNER_ACTOR } from "./ports.ts";
import type { Clock, Codec, EngineLog, PlanRunner } from "./ports.ts";
import type { Writer } from "./writer.ts";

/** What the leader's loop needs. */
export interface TickerParts {
  readonly decider: Decider;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly codec: Codec;
  readonly runner: PlanRunner;
  readonly ledger: Ledger;
  readonly writer: Writer;
  readonly logger: EngineLog;
  readonly observed: () => Observed;
  readonly reports: () => ReadonlyMap<ClusterId, ClusterReport>;
}

/** Fits of a destination's work in one turn, about a millisecond each: commands wait for no more. */
const FITS_PER_TURN = 12;

const NOTHING_MEASURED: Measured = { demandRps: {}, reported: {} };

/**
 * What the leader does without being asked: folds reports into what is recorded, lets what is in flight take its next
 * step, and plans what is due, in a worker beside the loop, one run at a time.
 */
export class Ticker {
  readonly #parts: TickerParts;
  readonly #learner = new Learner();
  #isPlanning = false;

  constructor(parts: TickerParts) {
    this.#parts = parts;
  }

  /** One turn. Decisions that decide nothing append nothing. */
  async tick(signal: AbortSignal): Promise<void> {
    const { decider, settings, ledger } = this.#parts;
    const learner = this.#learner;
    // Verdicts may change because nothing comes any more, so that every turn looks, even without a new report.
    const measured =
      decider.measured(ledger.state, this.#parts.reports(), { settings, learner, fitsMax: FITS_PER_TURN }) ??
      NOTHING_MEASURED;
    await this.#submit({ kind: "observe", observed: this.#parts.observed(), measured }, signal);
    await this.#submit({ kind: "tick", observed: this.#parts.observed() }, signal);
    if (!this.#isPlanning) void this.#planDue(signal);
  }

  async #planDue(signal: AbortSignal): Promise<void> {
    this.#isPlanning = true;
    try {
      const submit = async (command: Command): Promise<void> => await this.#submit(command, signal);
      await planDue({ ...this.#parts, submit }, signal);
    } catch (error) {
      // Nothing is lost: what is due stays due until a proposal is committed.
      if (!signal.aborted) this.#parts.logger.warn({ cause: String(error) }, "planning run failed");
    } finally {
      this.#isPlanning = false;
    }
  }

  async #submit(command: Command, signal: AbortSignal): Promise<void> {
    const forwarded = { command, actor: PLANNER_ACTOR, requestId: "", requestDigest: "" };
    const answer = await this.#parts.writer.submit(forwarded, signal);
    if (answer.ok || answer.refusal.code === "NO_LEADER") return;
    this.#parts.logger.warn({ kind: command.kind, refusal: answer.refusal }, "own command refused");
  }
}
