import { PLANNER_ACTOR } from "./ports.ts";
import type { Clock, EngineLog, Randomness } from "./ports.ts";
import type { Halts } from "./halts.ts";
import type { Ledger } from "./ledger.ts";
import type { EngineTiming } from "./timing.ts";
import type { Writer } from "./writer.ts";

/** What a candidate needs. */
export interface ElectionParts {
  readonly replica: string;
  readonly ledger: Ledger;
  readonly writer: Writer;
  readonly halts: Halts;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly timing: EngineTiming;
  readonly logger: EngineLog;
  /** Highest epoch that any agent reported. */
  readonly witnessedEpoch: () => number;
  /** Id of the log's life, for the first term of all. */
  readonly incarnationId: () => string;
}

/** A loop turn that took this many heartbeats longer means that this replica slept, not that the leader did. */
const OVERSLEPT_HEARTBEATS = 3;

/** A timer may be a moment early; a heartbeat is one period away at most. */
const LISTENED_HEARTBEATS = 0.9;

/**
 * Decides when this replica wants the lead: when the leader's heartbeats stop, when it says that it leaves, or when there
 * is none. Heartbeats are for liveness alone; whoever's `term-started` lands leads, and the log sees to it that a leader
 * who slept through that changes nothing any more.
 */
export class Election {
  readonly #parts: ElectionParts;
  #heardAtMs: number;
  #lookedAtMs: number;
  #leftInEpoch: number | undefined;
  #firstLookAtMs: number | undefined;
  #isCandidate = false;

  constructor(parts: ElectionParts) {
    this.#parts = parts;
    this.#heardAtMs = parts.clock.monotonicMs();
    this.#lookedAtMs = this.#heardAtMs;
  }

  /** The holder of the newest term gave a sign of life. */
  heardLeader(): void {
    this.#heardAtMs = this.#parts.clock.monotonicMs();
  }

  /** The holder of the newest term says that it leads no more: no timeout to wait for. */
  async leaderLeft(signal: AbortSignal): Promise<void> {
    this.#leftInEpoch = this.#parts.ledger.state.epoch;
    await this.look(signal);
  }

  /** Looks whether the lead is to be had, and takes it after a random moment. Call it once per heartbeat. */
  async look(signal: AbortSignal): Promise<void> {
    this.#noteOwnSleep();
    this.#firstLookAtMs ??= this.#lookedAtMs;
    if (this.#isCandidate || !this.#isWanted()) return;
    this.#isCandidate = true;
    try {
      const { clock, randomness, timing } = this.#parts;
      await clock.sleep(randomness.fraction() * timing.electionSpreadMs, signal);
      if (!signal.aborted && this.#isWanted()) await this.#takeLead(signal);
    } finally {
      this.#isCandidate = false;
    }
  }

  /** A replica that was stopped wakes up with an old memory of the leader, whose heartbeats still wait to be read. */
  #noteOwnSleep(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    const { heartbeatMs, electionSpreadMs } = this.#parts.timing;
    if (nowMs - this.#lookedAtMs > OVERSLEPT_HEARTBEATS * heartbeatMs + electionSpreadMs) this.#heardAtMs = nowMs;
    this.#lookedAtMs = nowMs;
  }

  #isWanted(): boolean {
    const { writer, halts, ledger, replica, clock, timing } = this.#parts;
    if (writer.isLeading() || halts.forbidsLead()) return false;
    const { epoch, holder } = ledger.state;
    if (epoch === 0 || this.#leftInEpoch === epoch) return true;
    // The holder was this replica in an earlier life, unless another process by its name is still heard.
    if (holder === replica) return this.#hasListened();
    return clock.monotonicMs() - this.#heardAtMs > timing.leaderTimeoutMs;
  }

  /** Whether every live replica must have been heard once since this one began to listen. */
  #hasListened(): boolean {
    const { clock, timing } = this.#parts;
    const since = this.#firstLookAtMs ?? Infinity;
    return clock.monotonicMs() - since >= LISTENED_HEARTBEATS * timing.heartbeatMs;
  }

  async #takeLead(signal: AbortSignal): Promise<void> {
    const { writer, ledger, replica, logger, witnessedEpoch, incarnationId } = this.#parts;
    const silentForMs = Math.round(this.#parts.clock.monotonicMs() - this.#heardAtMs);
    const before = { epoch: ledger.state.epoch, holder: ledger.state.holder, silentForMs };
    const command = {
      kind: "begin-term",
      holder: replica,
      witnessedEpoch: witnessedEpoch(),
      incarnationId: incarnationId(),
    } as const;
    try {
      const answer = await writer.submit({ command, actor: PLANNER_ACTOR, requestId: "", requestDigest: "" }, signal);
      if (answer.ok) logger.info({ ...before, newEpoch: ledger.state.epoch }, "took the lead");
      else logger.info({ ...before, refusal: answer.refusal }, "did not take the lead");
    } catch (error) {
      if (!signal.aborted) logger.warn({ ...before, cause: String(error) }, "could not take the lead");
    }
  }
}
