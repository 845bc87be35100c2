import type { Command, Committed, Envelope, ForwardedCommand } from "../model/command.ts";
import type { FleetEvent } from "../model/event.ts";
import type { FleetState } from "../model/fleet.ts";
import type { Refusal } from "../model/refusal.ts";
import { ok, refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import type { Settings } from "../model/settings.ts";
import { subjectOf } from "../planner/subject.ts";
import { answeredBefore } from "./answered.ts";
import { reasonOf } from "./deadline.ts";
import { noncePrefix } from "./chain.ts";
import type { Decider } from "./decider.ts";
import type { Halts } from "./halts.ts";
import { land, RECORD_BYTES_MAX } from "./land.ts";
import type { Landing, LandingParts } from "./land.ts";
import type { LogTime } from "./log-time.ts";
import type { Randomness } from "./ports.ts";
import { recordOf } from "./record.ts";
import type { Decided } from "./record.ts";

/** What the writer needs. */
export interface WriterParts extends LandingParts {
  readonly replica: string;
  readonly decider: Decider;
  readonly settings: Settings;
  readonly halts: Halts;
  readonly logTime: LogTime;
  readonly randomness: Randomness;
  /** Event kinds that every live replica can fold. */
  readonly knownEverywhere: () => ReadonlySet<string>;
  /** What a recovery must rise above: the highest generation that any agent showed. */
  readonly witnessedGeneration: () => number;
}

interface Job {
  readonly command: ForwardedCommand;
  readonly signal: AbortSignal;
  readonly resolve: (answer: Result<Committed, Refusal>) => void;
  readonly reject: (reason: Error) => void;
}

/** Commands that mend a rolled-back log, or take a lying witness away. */
const MENDING: ReadonlySet<Command["kind"]> = new Set(["begin-term", "recover", "revoke-cluster"]);

/**
 * The one writer of this replica: takes commands one at a time, in order, decides on the committed state, appends, and
 * answers once the record is folded. Loses a race: decides anew. Loses the lead: refuses NO_LEADER, with nothing done.
 */
export class Writer {
  readonly #parts: WriterParts;
  readonly #life: AbortSignal;
  readonly #queue: Job[] = [];
  readonly #idlers: (() => void)[] = [];
  #isRunning = false;
  #current: Job | undefined;
  #landingSinceMs: number | undefined;
  #termEpoch: number | undefined;

  constructor(parts: WriterParts, life: AbortSignal) {
    this.#parts = parts;
    this.#life = life;
  }

  /** Whether the newest folded term was started by this process. */
  isLeading(): boolean {
    const { epoch, holder } = this.#parts.ledger.state;
    return this.#termEpoch === epoch && holder === this.#parts.replica;
  }

  /**
   * Queues a command. Refuses at once what a halt forbids, and NO_QUORUM while the log takes no records. If the signal
   * aborts first: refuses NO_QUORUM while the command still waits its turn, and rejects with the signal's reason once it
   * was begun, for then it may yet be committed.
   */
  async submit(command: ForwardedCommand, signal: AbortSignal): Promise<Result<Committed, Refusal>> {
    signal.throwIfAborted();
    const halt = this.#haltFor(command);
    if (halt !== undefined) return refuse(halt);
    if (this.#isStuck()) return refuse(stuck());
    return await new Promise((resolve, reject) => {
      // Only a command that was begun leaves doubt; one that still waits was surely not carried out.
      const abort = (): void => (this.#current === job ? reject(reasonOf(signal)) : resolve(refuse(stuck())));
      const end = (): void => signal.removeEventListener("abort", abort);
      const job: Job = {
        command,
        signal,
        resolve: (answer) => (end(), resolve(answer)),
        reject: (reason) => (end(), reject(reason)),
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#queue.push(job);
      if (!this.#isRunning) void this.#run();
    });
  }

  /** Answers what waits and must not be carried out any more: the command before it may wait for the store for long. */
  refuseWaiting(): void {
    for (const { command, resolve } of this.#queue) {
      const halt = this.#haltFor(command);
      if (halt !== undefined) resolve(refuse(halt));
    }
    const isAllowed = ({ command }: Job): boolean => this.#haltFor(command) === undefined;
    this.#queue.splice(0, this.#queue.length, ...this.#queue.filter(isAllowed));
  }

  /** Resolves once everything queued so far is answered. */
  async idle(): Promise<void> {
    if (this.#isRunning) await new Promise<void>((resolve) => this.#idlers.push(resolve));
  }

  /** Whether the record on its way has been waiting for certainty longer than a store operation may take. */
  #isStuck(): boolean {
    const { clock, storeTimeoutMs } = this.#parts;
    return this.#landingSinceMs !== undefined && clock.monotonicMs() - this.#landingSinceMs > storeTimeoutMs;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let job = this.#queue.shift(); job !== undefined; job = this.#queue.shift()) {
      if (job.signal.aborted) continue;
      this.#current = job;
      // Strictly one after the other: that is what makes it one writer.
      await this.#answer(job);
    }
    this.#current = undefined;
    this.#isRunning = false;
    for (const wake of this.#idlers.splice(0)) wake();
  }

  async #answer(job: Job): Promise<void> {
    try {
      job.resolve(await this.#commit(job.command));
    } catch (error) {
      job.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #commit(command: ForwardedCommand): Promise<Result<Committed, Refusal>> {
    const isTerm = command.command.kind === "begin-term";
    for (;;) {
      const answer = this.#answerWithoutLog(command);
      if (answer !== undefined) return answer;
      const { state } = this.#parts.ledger;
      const envelope = this.#envelopeOf(command, state);
      const decided = this.#parts.decider.decide(state, envelope, this.#parts.settings);
      if (!decided.ok) return decided;
      const events = decided.value;
      if (events.length === 0) return ok({ sequence: state.sequence, subject: subjectOf(state, command.command) });
      const unknown = this.#unknownElsewhere(events);
      if (unknown !== undefined) return refuse(unknown);
      const landing = await this.#land(state, { envelope, events });
      if (landing.kind === "too-large") return refuse(tooLarge(landing.bytes));
      if (landing.kind === "refused") return this.#storeRefuses(landing.refusal);
      if (landing.kind === "committed") {
        return ok({ sequence: landing.sequence, subject: subjectOf(state, command.command) });
      }
      if (isTerm) return refuse(noLeader("another replica took the lead first"));
    }
  }

  #answerWithoutLog(command: ForwardedCommand): Result<Committed, Refusal> | undefined {
    const { halts, ledger } = this.#parts;
    const kind = command.command.kind;
    const halt = this.#haltFor(command);
    if (halt !== undefined) return refuse(halt);
    if (kind !== "begin-term" && !this.isLeading()) return refuse(noLeader("this replica does not lead"));
    if (kind === "recover" && !halts.isRolledBack()) return refuse(NOTHING_TO_RECOVER);
    return answeredBefore(ledger.state, command);
  }

  /** The halt that forbids a command, if one does. */
  #haltFor({ command }: ForwardedCommand): Refusal | undefined {
    const { halts } = this.#parts;
    const mayMend = MENDING.has(command.kind) && !halts.forbidsLead();
    return mayMend ? undefined : halts.reason();
  }

  #envelopeOf(command: ForwardedCommand, state: FleetState): Envelope {
    const atMs = Math.max(state.atMs, this.#parts.logTime.now());
    if (command.command.kind !== "recover") return { ...command, atMs };
    const least = Math.max(state.incarnation.generation, this.#parts.witnessedGeneration()) + 1;
    const generation = Math.max(command.command.generation, least);
    const incarnationId = command.command.incarnationId || this.#parts.randomness.id();
    return { ...command, command: { ...command.command, generation, incarnationId }, atMs };
  }

  #unknownElsewhere(events: readonly FleetEvent[]): Refusal | undefined {
    const known = this.#parts.knownEverywhere();
    const unknown = events.find((event) => !known.has(event.kind));
    if (unknown === undefined) return undefined;
    return {
      code: "UPGRADE_IN_PROGRESS",
      field: "",
      message: `a planner replica of an older version is running and does not know ${unknown.kind}; repeat the request once every replica is upgraded`,
    };
  }

  async #land(state: FleetState, decision: Decided): Promise<Landing> {
    const nonce = `${noncePrefix(state.sequence + 1)}${this.#parts.randomness.id()}`;
    const authorship = { writer: this.#parts.replica, nonce };
    const record = recordOf(state, decision, authorship);
    // Set before the record is folded, so that whoever is told of the new term already sees who leads.
    const term = record.events.find((event) => event.kind === "term-started");
    const termBefore = this.#termEpoch;
    if (term !== undefined) this.#termEpoch = term.epoch;
    this.#landingSinceMs = this.#parts.clock.monotonicMs();
    const landing = await land(this.#parts, record, this.#life);
    this.#landingSinceMs = undefined;
    if (term !== undefined && landing.kind !== "committed") this.#termEpoch = termBefore;
    return landing;
  }

  #storeRefuses(refusal: Refusal): Result<Committed, Refusal> {
    this.#parts.halts.set(refusal.code === "STORE_CONFIG" ? "store" : "corrupt", refusal);
    return refuse(refusal);
  }
}

const NOTHING_TO_RECOVER: Refusal = {
  code: "NOT_RECOVERABLE",
  field: "",
  message: "the log is not behind any agent, so there is nothing to recover; nothing was changed",
};

function tooLarge(bytes: number): Refusal {
  const message = `makes a record of ${bytes} bytes, and the log takes ${RECORD_BYTES_MAX}; ask for it in smaller parts`;
  return { code: "DOC_TOO_LARGE", field: "", message };
}

function stuck(): Refusal {
  const message =
    "the log took no record in time (no quorum of NATS servers, or no connection); nothing was changed, repeat the request";
  return { code: "NO_QUORUM", field: "", message };
}

/** Nobody could take the command; nothing was done. */
export function noLeader(why: string): Refusal {
  return { code: "NO_LEADER", field: "", message: `${why}; nothing was changed, repeat the request` };
}
