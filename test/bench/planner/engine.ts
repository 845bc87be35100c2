import { randomUUID } from "node:crypto";
import type { Engine } from "../../../src/engine/ports.ts";
import type { Committed, ForwardedCommand } from "../../../src/model/command.ts";
import type { FleetEvent, LogRecord } from "../../../src/model/event.ts";
import type { Actor } from "../../../src/model/ids.ts";
import { EMPTY_FLEET } from "../../../src/model/fleet.ts";
import type { FleetState } from "../../../src/model/fleet.ts";
import { ok } from "../../../src/model/result.ts";
import { DEFAULT_SETTINGS } from "../../../src/model/settings.ts";
import { decide } from "../../../src/planner/decide.ts";
import { evolve } from "../../../src/planner/evolve.ts";

/** An engine without a log: the same decider and the same fold, and the bench says what is committed when. */
export interface BenchEngine extends Engine {
  /** Commits these events as one record: folds them, and tells all who follow. */
  commit(events: readonly FleetEvent[]): void;
}

const REPLICA = "bench";
const INCARNATION = { generation: 1, id: "bench" };

/** Makes an engine that leads an empty fleet. */
export function createBenchEngine(): BenchEngine {
  const listeners = new Set<(state: FleetState, record: LogRecord) => void>();
  let state = EMPTY_FLEET;

  function commit(events: readonly FleetEvent[]): void {
    const record = recordOf(events, state);
    state = evolve(state, record);
    for (const listener of listeners) listener(state, record);
  }

  commit([{ kind: "term-started", epoch: 1, holder: REPLICA, incarnation: INCARNATION }]);
  return {
    replica: REPLICA,
    commit,
    state: () => state,
    leader: () => ({ replica: REPLICA, epoch: 1, isSelf: true, isAlive: true, operatorAddress: "" }),
    halted: () => undefined,
    onHaltChange: () => () => undefined,
    submit: async (command) => {
      const decided = decide(state, envelopeOf(command), DEFAULT_SETTINGS);
      if (!decided.ok) return decided;
      if (decided.value.length > 0) commit(decided.value);
      return ok({ sequence: state.sequence, subject: "" } satisfies Committed);
    },
    logTimeMs: () => state.atMs,
    preview: () => ok(state),
    observed: () => ({ atMs: state.atMs, collectingForMs: 0, clusters: {} }),
    reports: () => new Map(),
    onCommit: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    acceptReport: () => undefined,
    witnesses: () => new Map(),
    noteStream: () => undefined,
    witness: async () => undefined,
  };
}

function envelopeOf(command: ForwardedCommand) {
  return { ...command, atMs: Date.now() };
}

function recordOf(events: readonly FleetEvent[], { sequence }: FleetState): LogRecord {
  return {
    sequence: sequence + 1,
    incarnation: INCARNATION,
    epoch: 1,
    writer: REPLICA,
    nonce: randomUUID(),
    atMs: Date.now(),
    actor: "planner" as Actor,
    command: undefined,
    events,
  };
}
