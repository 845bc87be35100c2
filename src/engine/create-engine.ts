import type { Settings } from "../model/settings.ts";
import type { Decider } from "./decider.ts";
import type { Clock, Codec, Engine, EngineLog, Log, PlanRunner, Randomness, ReplicaBus, Snapshots } from "./ports.ts";
import { Replica } from "./replica.ts";
import { DEFAULT_TIMING } from "./timing.ts";
import type { EngineTiming } from "./timing.ts";

/** Everything an engine runs on. */
export interface EngineParts {
  /** Name of this replica: a DNS-1123 label, unique among the replicas. */
  readonly replica: string;
  readonly log: Log;
  readonly snapshots: Snapshots;
  readonly bus: ReplicaBus;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly codec: Codec;
  readonly runner: PlanRunner;
  readonly decider: Decider;
  readonly settings: Settings;
  readonly logger: EngineLog;
  /** Event kinds this build can fold: `EVENT_KINDS`. */
  readonly knows: readonly string[];
  /** Where operators reach this replica, for messages. */
  readonly operatorAddress: string;
  readonly timing?: Partial<EngineTiming>;
}

/** An engine with its life in its owner's hands. */
export interface RunningEngine extends Engine {
  /**
   * Reads snapshot and tail, then follows, votes and leads. Resolves once everything that was in the log is folded, or
   * this replica is halted. Throws when the store does not answer at all.
   */
  start(signal: AbortSignal): Promise<void>;
  /** Answers what is queued, hands the lead over, and ends. Nothing runs any more once it resolves. */
  stop(): Promise<void>;
}

/** Makes an engine; nothing happens before `start`. */
export function createEngine(parts: EngineParts): RunningEngine {
  return new Replica({ ...parts, timing: { ...DEFAULT_TIMING, ...parts.timing } });
}
