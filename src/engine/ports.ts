import type { Actor, ClusterId, RouteSetHash, ServiceId } from "../model/ids.ts";
import type { Committed, ForwardedCommand, Proposal } from "../model/command.ts";
import type { FleetState } from "../model/fleet.ts";
import type { ReplicaHeartbeat } from "../model/heartbeat.ts";
import type { LogRecord } from "../model/event.ts";
import type { Observed } from "../model/observed.ts";
import type { Incarnation, Position } from "../model/position.ts";
import type { Refusal } from "../model/refusal.ts";
import type { ClusterReport } from "../model/report.ts";
import type { Result } from "../model/result.ts";
import type { RouteSet } from "../model/plan.ts";

/** What became of one append. `ambiguous`: no answer came; only reading on can tell. */
export type AppendOutcome =
  | { readonly kind: "appended"; readonly sequence: number }
  | { readonly kind: "conflict" }
  | { readonly kind: "ambiguous"; readonly cause: unknown }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** How one append is to be made. */
export interface AppendOptions {
  readonly expectedSequence: number;
  readonly messageId: string;
  readonly signal: AbortSignal;
}

/** One entry as it lies in the log. */
export interface LogEntry {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** First and last sequence of the log. Empty: `last` is `first - 1`. */
export interface LogBounds {
  readonly first: number;
  readonly last: number;
}

/** The one log. Sequences start at 1 and have no holes except below the trimmed head. */
export interface Log {
  /**
   * Appends if the log's last sequence is `expectedSequence`, and durably: an answer `appended` survives power loss.
   * A repeat of the same append, with the same `messageId` and `expectedSequence`, is never stored twice: it answers
   * `appended` with the first one's place, or `conflict`. Never throws: what cannot be told is `ambiguous`.
   */
  append(bytes: Uint8Array, options: AppendOptions): Promise<AppendOutcome>;
  /**
   * Entries after `sequence`, in order, without end; ends only on `signal`. Mends its own connection. Throws
   * `StoreFault` when an entry that was due is gone.
   */
  follow(sequence: number, signal: AbortSignal): AsyncIterable<LogEntry>;
  /** First and last sequence now, read through the stream's leader. Throws when the store does not answer. */
  bounds(signal: AbortSignal): Promise<LogBounds>;
  /** Which life of the log this is, as its metadata says; undefined when nobody wrote it there. */
  incarnation(signal: AbortSignal): Promise<Incarnation | undefined>;
  /** Writes the incarnation into the log's metadata. */
  markIncarnation(incarnation: Incarnation, signal: AbortSignal): Promise<void>;
  /**
   * Why this store must not be used, if so: `NATS_TOO_OLD`, `STORE_CONFIG`, `STORE_CORRUPT` (a hole). Throws when it
   * does not answer.
   */
  check(signal: AbortSignal): Promise<Refusal | undefined>;
  /** Drops entries before `sequence`. The planner's one purge right. */
  trim(sequence: number, signal: AbortSignal): Promise<void>;
}

/** The store failed in a way that no retry mends; `refusal` says which (`STORE_CORRUPT`, `STORE_CONFIG`, …). */
export class StoreFault extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal, options?: ErrorOptions) {
    super(`${refusal.code}${refusal.field === "" ? "" : ` ${refusal.field}`}: ${refusal.message}`, options);
    this.refusal = refusal;
  }
}

/** One folded state that is kept. */
export interface SnapshotMark {
  /** Log sequence of the last record folded in. */
  readonly sequence: number;
  /** Time of that record, ms since 1970. */
  readonly atMs: number;
  /** Life of the log it was folded from; a snapshot of another life is of no use. */
  readonly incarnation: Incarnation;
}

/** Folded states by sequence, so that a start need not read the whole log. */
export interface Snapshots {
  /** Keeps a state; readers see all of it or nothing. */
  save(mark: SnapshotMark, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Every complete snapshot, oldest first. */
  list(signal: AbortSignal): Promise<readonly SnapshotMark[]>;
  /** Undefined when it is gone or its bytes are not those that were saved. */
  load(sequence: number, signal: AbortSignal): Promise<Uint8Array | undefined>;
  drop(sequence: number, signal: AbortSignal): Promise<void>;
}

/** Talk between replicas, planner accounts only. */
export interface ReplicaBus {
  publishHeartbeat(heartbeat: ReplicaHeartbeat): void;
  /**
   * Calls back for every heartbeat of another process: another replica, or one that goes by this one's name. Returns how
   * to stop.
   */
  onHeartbeat(listener: (heartbeat: ReplicaHeartbeat) => void): () => void;
  /**
   * Sends a command to the leader and returns its answer. Refuses `NO_LEADER` when it surely did not arrive; throws
   * when no answer came, so that nobody knows.
   */
  forward(leader: string, command: ForwardedCommand, signal: AbortSignal): Promise<Result<Committed, Refusal>>;
  /** Answers forwarded commands. Returns how to stop. */
  onForward(replica: string, answer: (command: ForwardedCommand) => Promise<Result<Committed, Refusal>>): () => void;
}

/** Time. Only rates of the monotonic clock decide anything. */
export interface Clock {
  /** Wall clock, ms since 1970: for records and certificates, never for order. */
  nowMs(): number;
  /** Monotonic, ms from an arbitrary start. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once (without throwing) when `signal` aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** Randomness. */
export interface Randomness {
  /** A new unique id, URL-safe. */
  id(): string;
  /** Uniform in [0, 1). */
  fraction(): number;
}

/** Bytes of records, route sets and snapshots. Implemented in `wire`; deterministic. */
export interface Codec {
  encodeRecord(record: Omit<LogRecord, "sequence">): Uint8Array;
  /** Refuses `STORE_CORRUPT` on undecodable bytes or an unknown event kind. */
  decodeRecord(entry: LogEntry): Result<LogRecord, Refusal>;
  encodeRouteSet(routeSet: RouteSet): { readonly hash: RouteSetHash; readonly bytes: Uint8Array };
  encodeSnapshot(state: FleetState): Uint8Array;
  /** The same bytes in steps of a few milliseconds: a whole fleet at once would hold up everything else. */
  encodeSnapshotInSteps(state: FleetState): Generator<undefined, Uint8Array, undefined>;
  decodeSnapshot(bytes: Uint8Array): Result<FleetState, Refusal>;
}

/** Computes proposals beside the writer loop. May take long; holds nothing up. */
export interface PlanRunner {
  /**
   * Plans the named services on an immutable snapshot; by what needs no search where that failed or took too long. Throws when
   * that failed too.
   */
  plan(state: FleetState, services: readonly ServiceId[], observed: Observed): Promise<PlanRun>;
  close(): Promise<void>;
}

/** What a run of the planning worker brings back. */
export interface PlanRun {
  readonly proposals: readonly Proposal[];
  /** Values of every route set that a proposal names. */
  readonly routeSets: Readonly<Record<RouteSetHash, RouteSet>>;
  /** Bytes of each; undefined: nobody counted. */
  readonly sizes?: Readonly<Record<RouteSetHash, number>>;
  /** Why there was no search for the optimum; undefined: there was. */
  readonly withoutSearch?: string;
}

/** Where the engine's events go: a fixed phrase, data in fields. Pino fits. */
export interface EngineLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Who leads, as one replica knows it. */
export interface Leader {
  readonly replica: string;
  readonly epoch: number;
  readonly isSelf: boolean;
  /** Whether its heartbeats are fresh, on this replica's monotonic clock. Oneself is always alive. */
  readonly isAlive: boolean;
  /** Address operators can dial, as its heartbeat says; empty when none was heard. */
  readonly operatorAddress: string;
}

/** What the rest of the planner process sees of the engine. */
export interface Engine {
  readonly replica: string;
  /** Newest committed state at this replica. */
  state(): FleetState;
  /** Who leads, as far as this replica knows; undefined before the first term. */
  leader(): Leader | undefined;
  /**
   * Why this replica publishes nothing (`STORE_ROLLED_BACK`, `STORE_CORRUPT`, `STORE_CONFIG`, `NATS_TOO_OLD`,
   * `REPLICA_NAME_TAKEN`), if so.
   * Whoever pushes plans to agents asks before every push.
   */
  halted(): Refusal | undefined;
  /**
   * Calls back whenever `halted` answers something else, with what it answers now. No commit need follow a lifted halt:
   * who owes somebody what came meanwhile pays then. Returns how to stop.
   */
  onHaltChange(listener: (halted: Refusal | undefined) => void): () => void;
  /**
   * Decides and commits, here or at the leader; resolves once this replica has folded the record. Throws the signal's
   * reason when it aborts first: the command may then still be committed, and only a repeat with the same request id
   * is safe.
   */
  submit(command: ForwardedCommand, signal: AbortSignal): Promise<Result<Committed, Refusal>>;
  /** The same decision without appending: the state it would lead to. */
  preview(command: ForwardedCommand): Result<FleetState, Refusal>;
  /** Newest reports folded into what decisions see. */
  observed(): Observed;
  /** Newest report of each cluster at this replica. */
  reports(): ReadonlyMap<ClusterId, ClusterReport>;
  /**
   * What the next record would carry as its time, ms since 1970. Deadlines that travel in commands (a token's end, a
   * drain's deadline) are counted from this and not from the wall clock, which may be hours off.
   */
  logTimeMs(): number;
  /** Calls back after each folded record, in order. Returns how to stop. */
  onCommit(listener: (state: FleetState, record: LogRecord) => void): () => void;
  /**
   * Takes in the newest merged report of one cluster. Its times of arrival are readings of `Clock.monotonicMs`, so that a
   * stepped wall clock makes nobody look silent; `reports` and `observed` show them as log time. A position in it that
   * the log does not reach is looked into, as by `witness`. A report of a cluster that was shut out, or of another
   * instance than the one that joined, is not taken: returns the refusal (REVOKED, IDENTITY_CLONED, IDENTITY_MISMATCH).
   */
  acceptReport(report: ClusterReport): Refusal | undefined;
  /** A plan stream of this cluster opened or closed at this replica. */
  noteStream(cluster: ClusterId, stream: "open" | "closed"): void;
  /** Positions beyond the log that agents said they hold, by cluster; empty unless the log was restored or wiped. */
  witnesses(): ReadonlyMap<ClusterId, Position>;
  /**
   * An agent says which position it holds (hello or report). Resolves to why nothing may be published to it:
   * `STORE_ROLLED_BACK` when the log ends before that position, which halts this replica until `recover`.
   */
  witness(cluster: ClusterId, position: Position, signal: AbortSignal): Promise<Refusal | undefined>;
}

/** Who acts when the planner itself does. */
export const PLANNER_ACTOR = "planner" as Actor;
