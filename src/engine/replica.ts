import type { Committed, ForwardedCommand } from "../model/command.ts";
import type { ReplicaHeartbeat } from "../model/heartbeat.ts";
import type { ClusterId } from "../model/ids.ts";
import type { LogRecord } from "../model/event.ts";
import type { FleetState } from "../model/fleet.ts";
import { EMPTY_FLEET } from "../model/fleet.ts";
import type { Observed } from "../model/observed.ts";
import type { Position } from "../model/position.ts";
import { sameIncarnation } from "../model/position.ts";
import type { Refusal } from "../model/refusal.ts";
import { ok, refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import type { ClusterReport } from "../model/report.ts";
import { refuseReporter } from "../planner/reporters.ts";
import type { EngineParts, RunningEngine } from "./create-engine.ts";
import { expiring, within } from "./deadline.ts";
import { Election } from "./election.ts";
import { follow } from "./follower.ts";
import { Halts } from "./halts.ts";
import { Ledger } from "./ledger.ts";
import { LogTime } from "./log-time.ts";
import { Peers } from "./peers.ts";
import { PLANNER_ACTOR } from "./ports.ts";
import type { Leader } from "./ports.ts";
import { recall } from "./recall.ts";
import { recordOf } from "./record.ts";
import { Reports } from "./reports.ts";
import { route } from "./router.ts";
import { SnapshotKeeper } from "./snapshot-keeper.ts";
import { watchStore } from "./store-watch.ts";
import { Ticker } from "./ticker.ts";
import { Twin } from "./twin.ts";
import type { EngineTiming } from "./timing.ts";
import { Witnesses, isAhead } from "./witnesses.ts";
import { Writer, noLeader } from "./writer.ts";

/** Events after which what a cluster reported is worth nothing any more. */
const SHUTS_OUT: ReadonlySet<string> = new Set(["cluster-unregistered", "cluster-revoked", "cluster-quarantined"]);

/** One planner replica: the parts of the engine, wired, and its loops. */
export class Replica implements RunningEngine {
  readonly replica: string;
  readonly #parts: EngineParts & { readonly timing: EngineTiming };
  readonly #life = new AbortController();
  readonly #logTime: LogTime;
  readonly #ledger = new Ledger(EMPTY_FLEET);
  readonly #halts: Halts;
  readonly #peers: Peers;
  readonly #reports = new Reports();
  readonly #witnesses = new Witnesses();
  readonly #writer: Writer;
  readonly #election: Election;
  readonly #ticker: Ticker;
  readonly #keeper: SnapshotKeeper;
  readonly #bootId: string;
  readonly #twin: Twin;
  readonly #loops: Promise<void>[] = [];
  readonly #unsubscribe: (() => void)[] = [];
  #startedAtMs = 0;
  #incarnationId = "";
  #isCaughtUp = false;
  #isLeaving = false;
  #wakeTick: () => void = () => undefined;

  constructor(parts: EngineParts & { readonly timing: EngineTiming }) {
    const { clock, logger, timing } = parts;
    this.replica = parts.replica;
    this.#parts = parts;
    this.#logTime = new LogTime(clock);
    this.#peers = new Peers(clock, timing.leaderTimeoutMs);
    this.#halts = new Halts((cause, refusal) => {
      if (refusal === undefined) logger.warn({ cause }, "halt lifted");
      else logger.error({ cause, refusal }, "halted: nothing is published");
      this.#writer.refuseWaiting();
    });
    const ledger = this.#ledger;
    const halts = this.#halts;
    const witnesses = this.#witnesses;
    const inner = { ...parts, ledger, halts, logTime: this.#logTime, storeTimeoutMs: timing.storeTimeoutMs };
    this.#writer = new Writer(
      {
        ...inner,
        knownEverywhere: () => this.#peers.knownEverywhere(parts.knows),
        witnessedGeneration: () => witnesses.highestGeneration(),
      },
      this.#life.signal,
    );
    const writer = this.#writer;
    this.#election = new Election({
      ...inner,
      writer,
      witnessedEpoch: () => witnesses.highestEpoch(),
      incarnationId: () => this.#incarnationId,
    });
    this.#ticker = new Ticker({
      ...inner,
      writer,
      observed: () => this.observed(),
      reports: () => this.reports(),
    });
    this.#keeper = new SnapshotKeeper(parts);
    this.#bootId = parts.randomness.id();
    this.#twin = new Twin({ ...parts, bootId: this.#bootId, halts, goneAfterMs: timing.leaderTimeoutMs });
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
    const { decider, settings } = this.#parts;
    const { state } = this.#ledger;
    const envelope = { ...command, atMs: this.logTimeMs() };
    const decided = decider.decide(state, envelope, settings);
    if (!decided.ok) return decided;
    const record = recordOf(state, { envelope, events: decided.value }, { writer: state.holder, nonce: "preview" });
    return ok(decider.evolve(state, { ...record, sequence: state.sequence + 1 }));
  }

  logTimeMs(): number {
    return Math.max(this.#ledger.state.atMs, this.#logTime.now());
  }

  observed(): Observed {
    const { decider, clock } = this.#parts;
    const streams = this.#streams();
    const collectingForMs = clock.monotonicMs() - this.#startedAtMs;
    const offsetMs = this.#logTime.offsetMs();
    const atMs = this.logTimeMs();
    const freshForMs = this.#parts.settings.unknownAfterMs;
    const context = { atMs, collectingForMs, streams, freshForMs };
    return decider.observe(this.#reports.onLogTime(offsetMs, streams), context);
  }

  reports(): ReadonlyMap<ClusterId, ClusterReport> {
    return this.#reports.onLogTime(this.#logTime.offsetMs(), this.#streams());
  }

  acceptReport(report: ClusterReport): Refusal | undefined {
    const refusal = refuseReporter(this.state(), report);
    // Another instance of the cluster may be what the log forgot: what it holds counts, what it says does not.
    if (refusal === undefined || refusal.code === "IDENTITY_MISMATCH") this.#heed(report);
    if (refusal === undefined) this.#reports.accept(report);
    else this.#reports.forget(report.cluster);
    return refusal;
  }

  #heed({ cluster, applied }: ClusterReport): void {
    if (applied === undefined) return;
    if (!isAhead(applied, this.state())) return this.#witnesses.trust(applied);
    // Its outcome is the halt; a store that does not answer now is asked again with the next report.
    void this.witness(cluster, applied, this.#life.signal).catch(() => undefined);
  }

  witnesses(): ReadonlyMap<ClusterId, Position> {
    return this.#witnesses.ahead();
  }

  noteStream(cluster: ClusterId, stream: "open" | "closed"): void {
    this.#reports.noteStream(cluster, stream);
  }

  async witness(cluster: ClusterId, position: Position, signal: AbortSignal): Promise<Refusal | undefined> {
    if (isAhead(position, this.state())) await this.#verifyAhead(cluster, position, signal);
    else this.#witnesses.trust(position);
    return this.halted();
  }

  /** This replica may only be late: the log's end tells. */
  async #verifyAhead(cluster: ClusterId, position: Position, signal: AbortSignal): Promise<void> {
    const { clock, log, timing } = this.#parts;
    const bounded = { clock, ms: timing.storeTimeoutMs, signal, what: "reading the log's end" };
    const { last } = await within(bounded, async (inner) => await log.bounds(inner));
    if (this.#halts.reason() === undefined) await this.#ledger.reached(last, signal);
    if (!isAhead(position, this.state())) return this.#witnesses.trust(position);
    this.#witnesses.suspect(cluster, position);
    this.#judgeWitnesses();
  }

  #judgeWitnesses(): void {
    this.#halts.set("rolled-back", this.#witnesses.judge(this.state()));
  }

  async start(signal: AbortSignal): Promise<void> {
    const { bus, clock, logger } = this.#parts;
    this.#startedAtMs = clock.monotonicMs();
    const caughtUpAt = await this.#recall(signal);
    this.#unsubscribe.push(this.onCommit((_state, record) => this.#afterFold(record)));
    this.#loops.push(follow({ ...this.#parts, ledger: this.#ledger, halts: this.#halts }, this.#life.signal));
    await this.#catchUp(caughtUpAt, signal);
    this.#unsubscribe.push(bus.onHeartbeat((heartbeat) => this.#hear(heartbeat)));
    this.#unsubscribe.push(bus.onForward(this.replica, async (command) => await this.#answerForwarded(command)));
    this.#election.heardLeader();
    this.#loops.push(this.#beat(), this.#tick(), this.#watch());
    const { sequence, epoch } = this.state();
    logger.info({ replica: this.replica, sequence, epoch }, "engine started");
  }

  async stop(): Promise<void> {
    this.#isLeaving = true;
    const { bus, clock, runner, timing, logger } = this.#parts;
    const patience = { clock, ms: timing.storeTimeoutMs, signal: this.#life.signal, what: "answering what is queued" };
    await within(patience, async () => await this.#writer.idle()).catch((error: unknown) => {
      logger.warn({ cause: String(error) }, "left commands unanswered");
    });
    // The last word: whoever hears it takes the lead at once.
    bus.publishHeartbeat(this.#heartbeat());
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    this.#life.abort(new Error("the engine stops"));
    this.#wakeTick();
    await Promise.all(this.#loops);
    await runner.close();
  }

  async #recall(signal: AbortSignal): Promise<number> {
    const { log, timing, clock } = this.#parts;
    const stores = { log, snapshots: this.#parts.snapshots, clock, timeoutMs: timing.storeTimeoutMs };
    await watchStore({ ...stores, ledger: this.#ledger, halts: this.#halts, logger: this.#parts.logger }, signal);
    const recalled = await recall(this.#parts, signal);
    this.#ledger.reset(recalled.state);
    this.#keeper.startedFrom(recalled.state);
    this.#incarnationId = (await log.incarnation(signal))?.id ?? this.#parts.randomness.id();
    if (recalled.corrupt !== undefined) this.#halts.set("corrupt", recalled.corrupt);
    if (recalled.ahead !== undefined) this.#witnesses.suspectSnapshot(recalled.ahead, recalled.bounds.last);
    return recalled.bounds.last;
  }

  /** Waits until the tail is folded, or something in it halts this replica. */
  async #catchUp(sequence: number, signal: AbortSignal): Promise<void> {
    while (this.state().sequence < sequence && this.halted()?.code !== "STORE_CORRUPT") {
      signal.throwIfAborted();
      await Promise.race([this.#ledger.reached(sequence, signal), this.#parts.clock.sleep(50, signal)]);
    }
    this.#isCaughtUp = true;
    this.#judgeWitnesses();
  }

  #afterFold(record: LogRecord): void {
    if (record.writer !== this.replica && this.#isCaughtUp) {
      // What is read at start is old: only live records show what the leader's clock says now.
      this.#logTime.adopt(record.atMs);
      this.#election.heardLeader();
    }
    this.#judgeWitnesses();
    for (const event of record.events) {
      if (SHUTS_OUT.has(event.kind) && "cluster" in event) this.#reports.forget(event.cluster);
    }
    // What somebody asked for is planned at once, not with the next tick.
    if (record.actor !== PLANNER_ACTOR) this.#wakeTick();
  }

  #hear(heartbeat: ReplicaHeartbeat): void {
    if (this.#twin.hear(heartbeat)) return;
    if (!this.#peers.hear(heartbeat)) return;
    const { holder, epoch } = this.state();
    if (heartbeat.replica !== holder || heartbeat.epoch < epoch) return;
    if (!heartbeat.isLeading) return void this.#election.leaderLeft(this.#life.signal);
    this.#election.heardLeader();
    this.#logTime.adopt(heartbeat.logTimeMs);
  }

  async #answerForwarded(command: ForwardedCommand): Promise<Result<Committed, Refusal>> {
    // What is meant for the twin is the twin's to answer; the sender takes silence for no answer, and asks again.
    if (this.#halts.isTwin()) throw new Error("another process has this replica's name");
    if (this.#isLeaving || !this.#writer.isLeading()) return refuse(noLeader(`${this.replica} does not lead`));
    const { clock, timing } = this.#parts;
    const bounded = { clock, ms: timing.forwardTimeoutMs, signal: this.#life.signal, what: "a forwarded command" };
    return await expiring(bounded, async (signal) => await this.#writer.submit(command, signal));
  }

  #heartbeat(): ReplicaHeartbeat {
    const { knows, operatorAddress } = this.#parts;
    const { epoch, sequence } = this.state();
    return {
      replica: this.replica,
      epoch,
      isLeading: this.#writer.isLeading() && !this.#isLeaving,
      sequence,
      knows,
      streams: this.#reports.openStreams(),
      operatorAddress,
      logTimeMs: this.logTimeMs(),
      bootId: this.#bootId,
      upForMs: this.#twin.upForMs(),
      halted: haltWords(this.halted()),
    };
  }

  #streams(): ReadonlySet<ClusterId> {
    return new Set([...this.#reports.openStreams(), ...this.#peers.streams()]);
  }

  async #beat(): Promise<void> {
    const { bus, timing } = this.#parts;
    await this.#every(timing.heartbeatMs, async (signal) => {
      bus.publishHeartbeat(this.#heartbeat());
      this.#twin.look();
      await this.#election.look(signal);
    });
  }

  async #tick(): Promise<void> {
    const { clock, timing } = this.#parts;
    const life = this.#life.signal;
    while (!life.aborted) {
      const nap = new AbortController();
      this.#wakeTick = () => nap.abort();
      await this.#guarded(async (signal) => await this.#tickOnce(signal));
      await clock.sleep(timing.tickMs, nap.signal);
    }
  }

  async #tickOnce(signal: AbortSignal): Promise<void> {
    if (!this.#writer.isLeading() || this.halted() !== undefined || this.#isLeaving) return;
    await this.#ticker.tick(signal);
  }

  async #watch(): Promise<void> {
    const { log, snapshots, clock, logger, timing } = this.#parts;
    const stores = { log, snapshots, clock, logger, timeoutMs: timing.storeTimeoutMs };
    await this.#every(timing.storeCheckMs, async (signal) => {
      await watchStore({ ...stores, ledger: this.#ledger, halts: this.#halts }, signal);
      if (this.#writer.isLeading() && this.halted() === undefined) await this.#keep(signal);
    });
  }

  /** The leader's housekeeping. After a recovery: first a snapshot of the new life, then the mark that makes it count. */
  async #keep(signal: AbortSignal): Promise<void> {
    const { log, clock, timing, logger } = this.#parts;
    const state = this.state();
    const bounded = { clock, ms: timing.storeTimeoutMs, signal, what: "keeping a snapshot" };
    try {
      const marked = await within(bounded, async (inner) => await log.incarnation(inner));
      const isMarked = marked !== undefined && sameIncarnation(marked, state.incarnation);
      if (!isMarked || this.#keeper.isDue(state)) await within(bounded, (inner) => this.#keeper.keep(state, inner));
      if (!isMarked) await within(bounded, (inner) => log.markIncarnation(state.incarnation, inner));
    } catch (error) {
      if (!signal.aborted) logger.warn({ cause: String(error) }, "snapshot could not be kept");
    }
  }

  /** Runs `work` again and again with a pause. */
  async #every(ms: number, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this.#life;
    while (!signal.aborted) {
      await this.#guarded(work);
      await this.#parts.clock.sleep(ms, signal);
    }
  }

  /** What a turn throws is logged: one bad turn must not end its loop. */
  async #guarded(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this.#life;
    try {
      await work(signal);
    } catch (error) {
      if (!signal.aborted) this.#parts.logger.error({ err: error }, "engine loop failed");
    }
  }
}

function haltWords(refusal: Refusal | undefined): string {
  return refusal === undefined ? "" : `${refusal.code}: ${refusal.message}`;
}
