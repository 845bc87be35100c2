import type { Engine, Leader } from "../../../src/engine/ports.ts";
import type { Command, Committed, ForwardedCommand } from "../../../src/model/command.ts";
import type { FleetEvent, LogRecord } from "../../../src/model/event.ts";
import { EMPTY_FLEET } from "../../../src/model/fleet.ts";
import type { FleetState } from "../../../src/model/fleet.ts";
import type { Actor, ClusterId, ServiceId } from "../../../src/model/ids.ts";
import type { Position } from "../../../src/model/position.ts";
import type { Observed } from "../../../src/model/observed.ts";
import type { RouteSet } from "../../../src/model/plan.ts";
import type { Refusal } from "../../../src/model/refusal.ts";
import type { ClusterReport } from "../../../src/model/report.ts";
import { ok, refuse } from "../../../src/model/result.ts";
import type { Result } from "../../../src/model/result.ts";
import { DEFAULT_REQUEST_POLICY } from "../../../src/model/service.ts";
import { DEFAULT_SETTINGS } from "../../../src/model/settings.ts";
import { decide } from "../../../src/planner/decide.ts";
import { evolve } from "../../../src/planner/evolve.ts";
import { subjectOf } from "../../../src/planner/subject.ts";
import { encodeRouteSet } from "../../../src/wire/route-set.ts";

const ACTOR = "test" as Actor;
const INCARNATION = { generation: 1, id: "life-1" };

/** An engine on one machine and in one process: the planner's own decisions, folded at once. Starts in its first term. */
export class SmallEngine implements Engine {
  readonly replica = "p1";
  /** What reads see as newest reports. */
  readonly reportsHere = new Map<ClusterId, ClusterReport>();
  /** Clusters whose stream was noted as open. */
  readonly streams = new Set<ClusterId>();
  /** What reads and pushes see as observed. */
  seen: Observed = { atMs: 0, collectingForMs: 0, clusters: {} };
  readonly #listeners = new Set<(state: FleetState, record: LogRecord) => void>();
  readonly #haltListeners = new Set<(halted: Refusal | undefined) => void>();
  #state: FleetState = EMPTY_FLEET;
  #halted: Refusal | undefined;
  #hasLeader = true;

  constructor() {
    this.fold({ kind: "term-started", epoch: 1, holder: "p1", incarnation: INCARNATION });
  }

  state(): FleetState {
    return this.#state;
  }

  leader(): Leader {
    return { replica: "p1", epoch: 1, isSelf: true, isAlive: this.#hasLeader, operatorAddress: "" };
  }

  halted(): Refusal | undefined {
    return this.#halted;
  }

  onHaltChange(listener: (halted: Refusal | undefined) => void): () => void {
    this.#haltListeners.add(listener);
    return () => this.#haltListeners.delete(listener);
  }

  async submit(command: ForwardedCommand): Promise<Result<Committed, Refusal>> {
    // A turn of the loop, as a real log takes one.
    await new Promise((resolve) => setImmediate(resolve));
    if (!this.#hasLeader) return refuse({ code: "NO_LEADER", field: "", message: "nobody leads" });
    return this.#commit(command);
  }

  logTimeMs(): number {
    return Math.max(this.#state.atMs, Date.now());
  }

  preview(): Result<FleetState, Refusal> {
    return ok(this.#state);
  }

  observed(): Observed {
    return this.seen;
  }

  reports(): ReadonlyMap<ClusterId, ClusterReport> {
    return this.reportsHere;
  }

  onCommit(listener: (state: FleetState, record: LogRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  acceptReport(): undefined {
    // Tests put reports where they are read.
  }

  noteStream(cluster: ClusterId, stream: "open" | "closed"): void {
    if (stream === "open") this.streams.add(cluster);
    else this.streams.delete(cluster);
  }

  witnesses(): ReadonlyMap<ClusterId, Position> {
    return new Map();
  }

  async witness(): Promise<Refusal | undefined> {
    return this.#halted;
  }

  /** Folds events as a record of its own. */
  fold(...events: readonly FleetEvent[]): void {
    this.#append(events, undefined, ACTOR);
  }

  /** Releases one route set of one service to a cluster; another `port`, another hash. */
  release(cluster: string, service: string, port: number): void {
    const routeSet = routeSetOf(cluster as ClusterId, service as ServiceId, port);
    const { hash } = encodeRouteSet(routeSet);
    this.fold(
      { kind: "route-sets-stored", routeSets: { [hash]: routeSet } },
      { kind: "route-set-released", service: routeSet.service, cluster: routeSet.cluster, hash, waveIndex: 0 },
    );
  }

  /** From now on nothing is published; undefined: everything again. */
  halt(refusal: Refusal | undefined): void {
    this.#halted = refusal;
    for (const listener of this.#haltListeners) listener(refusal);
  }

  /** Makes every write fail as if nobody led. */
  loseLeader(): void {
    this.#hasLeader = false;
  }

  #commit({ command, actor, requestId, requestDigest }: ForwardedCommand): Result<Committed, Refusal> {
    const envelope = { command, actor, requestId, requestDigest, atMs: Date.now() };
    const decided = decide(this.#state, envelope, DEFAULT_SETTINGS);
    if (!decided.ok) return decided;
    const answered = this.#state.answered.find((found) => requestId !== "" && found.requestId === requestId);
    if (answered !== undefined) return ok({ sequence: answered.sequence, subject: answered.subject });
    const subject = subjectOf(this.#state, command);
    if (decided.value.length > 0) this.#append(decided.value, command, actor);
    return ok({ sequence: this.#state.sequence, subject });
  }

  #append(events: readonly FleetEvent[], command: unknown, actor: Actor): void {
    const sequence = this.#state.sequence + 1;
    const by = { incarnation: INCARNATION, epoch: 1, writer: "p1", nonce: String(sequence), actor };
    const record = { ...by, sequence, atMs: Date.now(), command, events };
    this.#state = evolve(this.#state, record);
    for (const listener of this.#listeners) listener(this.#state, record);
  }
}

/** Decides and folds a command; throws when it is refused. */
export async function must(engine: SmallEngine, command: Command): Promise<Committed> {
  const committed = await engine.submit({ command, actor: ACTOR, requestId: "", requestDigest: "" });
  if (!committed.ok) throw new Error(`${committed.refusal.code}: ${committed.refusal.message}`);
  return committed.value;
}

function routeSetOf(cluster: ClusterId, service: ServiceId, port: number): RouteSet {
  const destination = { cluster, version: "v1" as RouteSet["serves"][number] };
  return {
    service,
    cluster,
    protocol: "http",
    port,
    rules: [{ match: { headers: {} }, routes: [{ destination, weight: 10_000, fallback: [] }] }],
    reaches: [{ destination, rttMs: 0 }],
    serves: [destination.version],
    request: DEFAULT_REQUEST_POLICY,
  };
}
