import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "nats";
import { createEngine } from "../../../src/engine/create-engine.ts";
import type { RunningEngine } from "../../../src/engine/create-engine.ts";
import { PLANNER_DECIDER } from "../../../src/engine/decider.ts";
import type { Decider } from "../../../src/engine/decider.ts";
import { planRunOf } from "../../../src/engine/plan-run.ts";
import type { EngineLog, PlanRunner } from "../../../src/engine/ports.ts";
import type { EngineTiming } from "../../../src/engine/timing.ts";
import { SYSTEM_CLOCK } from "../../../src/io/clock.ts";
import { createBus } from "../../../src/io/nats/bus.ts";
import { connectPlanner, disconnect } from "../../../src/io/nats/connect.ts";
import { openLog } from "../../../src/io/nats/log.ts";
import { openSnapshots } from "../../../src/io/nats/snapshots.ts";
import { LOG_STREAM, SNAPSHOT_STREAM } from "../../../src/io/nats/subjects.ts";
import { SYSTEM_RANDOMNESS } from "../../../src/io/randomness.ts";
import type { Command, ForwardedCommand } from "../../../src/model/command.ts";
import { EVENT_KINDS } from "../../../src/model/event.ts";
import type { Actor, ClusterId } from "../../../src/model/ids.ts";
import { DEFAULT_SETTINGS } from "../../../src/model/settings.ts";
import type { Settings } from "../../../src/model/settings.ts";
import { planServices } from "../../../src/planner/plan.ts";
import { codec } from "../../../src/wire/codec.ts";

/** Short waits, so that a test of leadership takes a second and not a minute. Nothing else differs. */
export const TEST_TIMING: Partial<EngineTiming> = {
  tickMs: 50,
  heartbeatMs: 100,
  leaderTimeoutMs: 800,
  electionSpreadMs: 100,
  storeTimeoutMs: 3_000,
  forwardTimeoutMs: 1_500,
  storeCheckMs: 150,
};

/** One replica with a connection of its own. */
export interface TestReplica {
  readonly engine: RunningEngine;
  readonly connection: NatsConnection;
  /** Ends it in good order. */
  stop(): Promise<void>;
}

/** What a test may want otherwise. */
export interface TestReplicaOptions {
  readonly url: string;
  readonly replica: string;
  readonly timing?: Partial<EngineTiming>;
  readonly decider?: Partial<Decider>;
  readonly knows?: readonly string[];
  readonly settings?: Partial<Settings>;
  /** Default: plans on the calling thread. */
  readonly runner?: PlanRunner;
  readonly logger?: EngineLog;
}

const SILENT: EngineLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Plans on the calling thread: what the worker does, without the thread. */
export const INLINE_RUNNER: PlanRunner = {
  plan: async (state, services) =>
    await Promise.resolve(planRunOf(planServices(state, services, DEFAULT_SETTINGS), codec)),
  close: async () => await Promise.resolve(),
};

/** Starts a replica on a real NATS server. */
export async function startReplica(options: TestReplicaOptions): Promise<TestReplica> {
  const { url, replica, logger = SILENT } = options;
  const signal = AbortSignal.timeout(20_000);
  const connection = await connectPlanner({ servers: [url], name: replica });
  const log = await openLog(connection, { replicas: 1, newIncarnationId: SYSTEM_RANDOMNESS.id() }, signal);
  const engine = createEngine({
    replica,
    log,
    snapshots: await openSnapshots(connection, { replicas: 1 }, signal),
    bus: createBus(connection, replica, logger),
    clock: SYSTEM_CLOCK,
    randomness: SYSTEM_RANDOMNESS,
    codec,
    runner: options.runner ?? INLINE_RUNNER,
    decider: { ...PLANNER_DECIDER, ...options.decider },
    settings: { ...DEFAULT_SETTINGS, ...options.settings },
    logger,
    knows: options.knows ?? EVENT_KINDS,
    operatorAddress: `${replica}.test:7443`,
    timing: { ...TEST_TIMING, ...options.timing },
  });
  await engine.start(signal);
  return {
    engine,
    connection,
    async stop() {
      await engine.stop();
      await disconnect(connection);
    },
  };
}

/** An operator's request to register a cluster: the smallest command that changes something. */
export function registration(cluster: string, requestId = ""): ForwardedCommand {
  const spec = { cluster: cluster as ClusterId, region: "test", labels: {}, rttMs: {} };
  const command: Command = {
    kind: "register-cluster",
    spec,
    secretHash: cluster
      .padEnd(64, "0")
      .slice(0, 64)
      .replaceAll(/[^0-9a-f]/g, "a"),
    expiresAtMs: Date.now() + 3_000_000,
  };
  return { command, actor: "operator:test" as Actor, requestId, requestDigest: requestId === "" ? "" : cluster };
}

/** Waits until something holds; fails with what was expected. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`in ${ms} ms it did not come about that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Removes what a test left in the store, so that the next one begins with nothing. */
export async function sweep(url: string): Promise<void> {
  const connection = await connectPlanner({ servers: [url], name: "sweeper" });
  const manager = await jetstreamManager(connection);
  for (const stream of [LOG_STREAM, SNAPSHOT_STREAM]) {
    await manager.streams.delete(stream).catch(() => false);
  }
  await connection.close();
}
