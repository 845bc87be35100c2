import type { Actor, RouteSetHash, ServiceId } from "../model/ids.ts";
import type { Envelope, Proposal } from "../model/command.ts";
import type { FleetState } from "../model/fleet.ts";
import type { LogRecord } from "../model/event.ts";
import type { Observed } from "../model/observed.ts";
import type { Refusal } from "../model/refusal.ts";
import type { Result } from "../model/result.ts";
import type { RouteSet } from "../model/plan.ts";

/** What became of one append. `ambiguous`: no answer came; only reading on can tell. */
export type AppendOutcome =
  | { readonly kind: "appended"; readonly sequence: number }
  | { readonly kind: "conflict"; readonly lastSequence: number }
  | { readonly kind: "ambiguous"; readonly cause: unknown }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** One entry as it lies in the log. */
export interface LogEntry {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** The one log. Sequences start at 1 and have no holes except below the trimmed head. */
export interface Log {
  /**
   * Appends if the log's last sequence is `expectedSequence`, and durably: an answer `appended` survives power loss.
   * `messageId` makes a repeat of the same append harmless.
   */
  append(
    bytes: Uint8Array,
    options: { readonly expectedSequence: number; readonly messageId: string; readonly signal: AbortSignal },
  ): Promise<AppendOutcome>;
  /** Entries after `sequence`, in order, without end; ends only on `signal`. Throws `StoreFault` on a hole or purge. */
  follow(sequence: number, signal: AbortSignal): AsyncIterable<LogEntry>;
  /** First and last sequence now, read through the stream's leader. */
  bounds(signal: AbortSignal): Promise<{ readonly first: number; readonly last: number }>;
  /** Drops entries before `sequence`. The planner's one purge right. */
  trim(sequence: number, signal: AbortSignal): Promise<void>;
}

/** The store failed in a way that no retry mends; `refusal` says which (`STORE_CORRUPT`, `STORE_CONFIG`, …). */
export class StoreFault extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal, options?: ErrorOptions) {
    super(`${refusal.code}: ${refusal.message}`, options);
    this.refusal = refusal;
  }
}

/** Folded states by sequence, so that a start need not read the whole log. */
export interface Snapshots {
  save(sequence: number, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  newest(signal: AbortSignal): Promise<{ readonly sequence: number; readonly bytes: Uint8Array } | undefined>;
}

/** What one replica tells the others each second. Liveness only; never trusted for correctness. */
export interface ReplicaHeartbeat {
  readonly replica: string;
  readonly epoch: number;
  readonly isLeading: boolean;
  readonly sequence: number;
  /** Event kinds this replica can fold. */
  readonly knows: readonly string[];
  /** Clusters whose plan stream ends at this replica. */
  readonly streams: readonly string[];
  /** Address operators can dial, for messages. */
  readonly operatorAddress: string;
}

/** Talk between replicas, planner accounts only. */
export interface ReplicaBus {
  publishHeartbeat(heartbeat: ReplicaHeartbeat): void;
  /** Calls back for every heartbeat of *another* replica. Returns how to stop. */
  onHeartbeat(listener: (heartbeat: ReplicaHeartbeat) => void): () => void;
  /** Sends a command to the leader and returns its answer. Throws on timeout. */
  forward(leader: string, envelope: ForwardedCommand, signal: AbortSignal): Promise<Result<Committed, Refusal>>;
  /** Answers forwarded commands. Returns how to stop. */
  onForward(replica: string, answer: (envelope: ForwardedCommand) => Promise<Result<Committed, Refusal>>): () => void;
}

/** A command on its way to the leader; the leader adds the time. */
export type ForwardedCommand = Omit<Envelope, "atMs">;

/** What a committed command answers. */
export interface Committed {
  readonly sequence: number;
  /** Name of what was made or changed. */
  readonly subject: string;
}

/** Time. Only rates of the monotonic clock decide anything. */
export interface Clock {
  /** Wall clock, ms since 1970: for records and certificates, never for order. */
  nowMs(): number;
  /** Monotonic, ms from an arbitrary start. */
  monotonicMs(): number;
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
  decodeSnapshot(bytes: Uint8Array): Result<FleetState, Refusal>;
}

/** Computes proposals beside the writer loop. May take long; holds nothing up. */
export interface PlanRunner {
  /** Plans the named services on an immutable snapshot. */
  plan(state: FleetState, services: readonly ServiceId[], observed: Observed): Promise<PlanRun>;
  close(): Promise<void>;
}

/** What a run of the planning worker brings back. */
export interface PlanRun {
  readonly proposals: readonly Proposal[];
  /** Values of every route set that a proposal names. */
  readonly routeSets: Readonly<Record<RouteSetHash, RouteSet>>;
}

/** What the rest of the planner process sees of the engine. */
export interface Engine {
  readonly replica: string;
  /** Newest committed state at this replica. */
  state(): FleetState;
  /** Who leads, as far as this replica knows. */
  leader(): { readonly replica: string; readonly epoch: number; readonly isSelf: boolean } | undefined;
  /** Why this replica publishes nothing (`STORE_ROLLED_BACK`, `STORE_CORRUPT`, …), if so. */
  halted(): Refusal | undefined;
  /** Decides and commits, here or at the leader; resolves once this replica has folded the record. */
  submit(command: ForwardedCommand, signal: AbortSignal): Promise<Result<Committed, Refusal>>;
  /** The same decision without appending: the state it would lead to. */
  preview(command: ForwardedCommand): Result<FleetState, Refusal>;
  /** Newest reports folded into what decisions see. */
  observed(): Observed;
  /** Calls back after each folded record, in order. Returns how to stop. */
  onCommit(listener: (state: FleetState, record: LogRecord) => void): () => void;
}

/** Who acts when the planner itself does. */
export const PLANNER_ACTOR = "planner" as Actor;
