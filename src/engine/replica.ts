import type { Committed, ForwardedCommand } from "../model/command.ts";
import type { LogRecord } from "../model/event.ts";
import { EMPTY_FLEET } from "../model/fleet.ts";
import type { FleetState } from "../model/fleet.ts";
import type { ClusterId } from "../model/ids.ts";
import type { Observed } from "../model/observed.ts";
import type { Position } from "../model/position.ts";
import type { Refusal } from "../model/refusal.ts";
import type { ClusterReport } from "../model/report.ts";
import { refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import { beginFromStore, caughtUp } from "./catch-up.ts";
import type { EngineParts, RunningEngine } from "./create-engine.ts";
import { within } from "./deadline.ts";
import { Election } from "./election.ts";
import { follow } from "./follower.ts";
import { Halts } from "./halts.ts";
import { keepHouse } from "./housekeeping.ts";
import { Ledger } from "./ledger.ts";
import { LogTime } from "./log-time.ts";
import { Loops } from "./loops.ts";
import { Observation } from "./observation.ts";
import { Peers } from "./peers.ts";
import { PLANNER_ACTOR } from "./ports.ts";
import type { Leader } from "./ports.ts";
import { preview } from "./preview.ts";
import { ReplicaTalk } from "./replica-talk.ts";
import { route } from "./router.ts";
import { SnapshotKeeper } from "./snapshot-keeper.ts";
import { watchStore } from "./store-watch.ts";
import { Ticker } from "./ticker.ts";
import type { EngineTiming } from "./timing.ts";
import { Twin } from "./twin.ts";
import { Witnessing } from "./witnessing.ts";
import { Writer, noLeader } from "./writer.ts";

/** One planner replica: the parts of the engine, wired, from its start to its end. */
export class Replica implements RunningEngine {
  readonly replica: string;
  readonly #parts: EngineParts & { readonly timing: EngineTiming };
  readonly #life = new AbortController();
  readonly #ledger = new Ledger(EMPTY_FLEET);
  readonly #logTime: LogTime;
  readonly #halts: Halts;
  readonly #peers: Peers;
  readonly #witnessing: Witnessing;
  readonly #observation: Observation;
  readonly #writer: Writer;
  readonly #election: Election;
  readonly #ticker: Ticker;
  readonly #keeper: SnapshotKeeper;
  readonly #twin: Twin;
  readonly #talk: ReplicaTalk;
  readonly #loops: Loops;
  #incarnationId = "";
  #isCaughtUp = false;
  #isLeaving = false;
  #wakeTick: () => void = () => undefined;

  constructor(parts: EngineParts & { readonly timing: EngineTiming }) {
    const { clock, timing } = parts;
    this.replica = parts.replica;
    this.#parts = parts;
    this.#logTime = new LogTime(clock);
    this.#peers = new Peers(clock, timing.leaderTimeoutMs);
    this.#halts = new Halts((cause, refusal) => this.#noteHalt(cause, refusal));
    const [ledger, halts, logTime, peers] = [this.#ledger, this.#halts, this.#logTime, this.#peers];
    const inner = { ...parts, ledger, halts, logTime, peers, storeTimeoutMs: timing.storeTimeoutMs };
    const witnessing = new Witnessing(inner);
    const observation = new Observation({ ...inner, witnessing });
    const writer = new Writer(
      {
        ...inner,
        knownEverywhere: () => peers.knownEverywhere(parts.knows),
        witnessedGeneration: () => witnessing.highestGeneration(),
      },
      this.#life.signal,
    );
    const election = new Election({
      ...inner,
      writer,
      witnessedEpoch: () => witnessing.highestEpoch(),
      incarnationId: () => this.#incarnationId,
    });
    const bootId = parts.randomness.id();
    const twin = new Twin({ ...parts, bootId, halts, goneAfterMs: timing.leaderTimeoutMs });
    this.#witnessing = witnessing;
    this.#observation = observation;
    this.#writer = writer;
    this.#election = election;
    this.#ticker = new Ticker({
      ...inner,
      writer,
      observed: () => observation.observed(),
      reports: () => observation.reports(),
    });
    this.#keeper = new SnapshotKeeper(parts);
    this.#twin = twin;
    this.#talk = new ReplicaTalk({ ...inner, bootId, twin, writer, election, observation }, this.#life.signal);
    this.#loops = new Loops(parts, this.#life.signal);
  }

  state(): FleetState {
    return this.#ledger.state;
  }

  leader(): Leader | undefined {
    const { holder, epoch } = this.#ledger.state;
    if (epoch === 0) return undefined;
    if (this.#writer.isLeading()) {
      return { replica: holder, epoch, isSelf: true, isAlive: true, operatorAddress: this.#parts.operatorAddress };
    }
    const heartbeat = holder === this.replica ? undefined : this.#peers.alive(holder);
    const isAlive = heartbeat?.isLeading === true;
    return { replica: holder, epoch, isSelf: false, isAlive, operatorAddress: heartbeat?.operatorAddress ?? "" };
  }

  halted(): Refusal | undefined {
    return this.#halts.reason();
  }

  onHaltChange(listener: (halted: Refusal | undefined) => void): () => void {
    return this.#halts.onReason(listener);
  }

  onCommit(listener: (state: FleetState, record: LogRecord) => void): () => void {
    return this.#ledger.onCommit(listener);
  }

  async submit(command: ForwardedCommand, signal: AbortSignal): Promise<Result<Committed, Refusal>> {
    if (this.#isLeaving) return refuse(noLeader("this replica is shutting down"));
    const { bus, clock, timing, logger } = this.#parts;
    const inner = { bus, clock, timing, logger, ledger: this.#ledger, writer: this.#writer, halts: this.#halts };
    return await route({ ...inner, leader: () => this.leader() }, command, signal);
  }

  preview(command: ForwardedCommand): Result<FleetState, Refusal> {
    return preview(this.#parts, this.state(), { ...command, atMs: this.logTimeMs() });
  }

  logTimeMs(): number {
    return this.#observation.logTimeMs();
  }

  observed(): Observed {
    return this.#observation.observed();
  }

  reports(): ReadonlyMap<ClusterId, ClusterReport> {
    return this.#observation.reports();
  }

  acceptReport(report: ClusterReport): Refusal | undefined {
    return this.#observation.accept(report, this.#life.signal);
  }

  noteStream(cluster: ClusterId, stream: "open" | "closed"): void {
    this.#observation.noteStream(cluster, stream);
  }

  witnesses(): ReadonlyMap<ClusterId, Position> {
    return this.#witnessing.ahead();
  }

  async witness(cluster: ClusterId, position: Position, signal: AbortSignal): Promise<Refusal | undefined> {
    return await this.#witnessing.hear(cluster, position, signal);
  }

  async start(signal: AbortSignal): Promise<void> {
    const { logger, timing } = this.#parts;
    const [ledger, halts] = [this.#ledger, this.#halts];
    this.#observation.begin();
    const last = await this.#recall(signal);
    ledger.onCommit((_state, record) => this.#afterFold(record));
    this.#loops.include(follow({ ...this.#parts, ledger, halts }, this.#life.signal));
    await caughtUp({ ...this.#parts, ledger, halts }, last, signal);
    this.#isCaughtUp = true;
    this.#witnessing.judge();
    this.#talk.open();
    this.#election.heardLeader();
    this.#loops.start(timing.heartbeatMs, async (life) => await this.#beat(life));
    this.#wakeTick = this.#loops.start(timing.tickMs, async (life) => await this.#tick(life));
    this.#loops.start(timing.storeCheckMs, async (life) => await this.#lookAfterStore(life));
    const { sequence, epoch } = ledger.state;
    logger.info({ replica: this.replica, sequence, epoch }, "engine started");
  }

  async stop(): Promise<void> {
    this.#isLeaving = true;
    this.#talk.leave();
    const { clock, runner, timing, logger } = this.#parts;
    const patience = { clock, ms: timing.storeTimeoutMs, signal: this.#life.signal, what: "answering what is queued" };
    await within(patience, async () => await this.#writer.idle()).catch((error: unknown) => {
      logger.warn({ cause: String(error) }, "left commands unanswered");
    });
    this.#talk.close();
    this.#life.abort(new Error("the engine stops"));
    await this.#loops.ended();
    await runner.close();
  }

  async #recall(signal: AbortSignal): Promise<number> {
    await this.#watchStore(signal);
    const inner = { ledger: this.#ledger, halts: this.#halts, keeper: this.#keeper, witnessing: this.#witnessing };
    const last = await beginFromStore({ ...this.#parts, ...inner }, signal);
    this.#incarnationId = (await this.#parts.log.incarnation(signal))?.id ?? this.#parts.randomness.id();
    return last;
  }

  #noteHalt(cause: string, refusal: Refusal | undefined): void {
    const { logger } = this.#parts;
    if (refusal === undefined) logger.warn({ cause }, "halt lifted");
    else logger.error({ cause, refusal }, "halted: nothing is published");
    this.#writer.refuseWaiting();
  }

  #afterFold(record: LogRecord): void {
    if (record.writer !== this.replica && this.#isCaughtUp) {
      // What is read at start is old: only live records show what the leader's clock says now.
      this.#logTime.adopt(record.atMs);
      this.#election.heardLeader();
    }
    this.#witnessing.judge();
    this.#observation.forgetShutOut(record);
    // What somebody asked for is planned at once, not with the next tick.
    if (record.actor !== PLANNER_ACTOR) this.#wakeTick();
  }

  async #beat(life: AbortSignal): Promise<void> {
    this.#talk.say();
    this.#twin.look();
    await this.#election.look(life);
  }

  async #tick(life: AbortSignal): Promise<void> {
    if (!this.#writer.isLeading() || this.halted() !== undefined || this.#isLeaving) return;
    await this.#ticker.tick(life);
  }

  async #lookAfterStore(life: AbortSignal): Promise<void> {
    await this.#watchStore(life);
    if (!this.#writer.isLeading() || this.halted() !== undefined) return;
    await keepHouse({ ...this.#parts, keeper: this.#keeper }, this.state(), life);
  }

  async #watchStore(signal: AbortSignal): Promise<void> {
    const { storeTimeoutMs: timeoutMs } = this.#parts.timing;
    await watchStore({ ...this.#parts, ledger: this.#ledger, halts: this.#halts, timeoutMs }, signal);
  }
}
