import { createEngine } from "../../../src/engine/create-engine.ts";
import type { RunningEngine } from "../../../src/engine/create-engine.ts";
import { PLANNER_DECIDER } from "../../../src/engine/decider.ts";
import type { Log } from "../../../src/engine/ports.ts";
import { SYSTEM_CLOCK } from "../../../src/io/clock.ts";
import { openStore } from "../../../src/io/nats/store.ts";
import { startPlanRunner } from "../../../src/io/plan-worker-runner.ts";
import { SYSTEM_RANDOMNESS } from "../../../src/io/randomness.ts";
import { EVENT_KINDS } from "../../../src/model/event.ts";
import type { FleetEvent } from "../../../src/model/event.ts";
import type { Incarnation } from "../../../src/model/position.ts";
import type { ClusterId, ServiceId } from "../../../src/model/ids.ts";
import type { ClusterReport } from "../../../src/model/report.ts";
import type { Settings } from "../../../src/model/settings.ts";
import { codec } from "../../../src/wire/codec.ts";
import { SILENT } from "../agent-parts.ts";
import { recordOf, uidOf } from "./live-fleet.ts";

/** What the engine of a bench starts from. */
export interface RealEngineOptions {
  readonly url: string;
  readonly creds: string;
  /** What lies in the log when it starts. */
  readonly events: (incarnation: Incarnation) => readonly FleetEvent[];
  /** Who reports, once a second. */
  readonly clusters: readonly ClusterId[];
  readonly settings: Settings;
}

/** The whole engine on the real store, with its planning worker, as the planner's process starts it. */
export interface RealEngine {
  readonly engine: RunningEngine;
  close(): Promise<void>;
}

/** Most events of one record: declarations are small, and a message holds a mebibyte. */
const EVENTS_AT_ONCE = 100;

/** Longer than any plan takes here. */
const PLAN_TIMEOUT_MS = 120_000;

/** Fills the log, starts the only replica on it and waits until it leads and every cluster has reported. */
export async function startRealEngine(options: RealEngineOptions): Promise<RealEngine> {
  const { url, creds, clusters, settings } = options;
  const signal = AbortSignal.timeout(60_000);
  const parts = { clock: SYSTEM_CLOCK, randomness: SYSTEM_RANDOMNESS, logger: SILENT, replica: "bench" };
  const store = await openStore({ ...parts, urls: [url], creds, caCertificate: "", streamReplicas: 1 }, signal);
  await fill(store.log, options.events, signal);
  const engine = createEngine({
    ...parts,
    log: store.log,
    snapshots: store.snapshots,
    bus: store.bus,
    codec,
    runner: startPlanRunner({ settings, timeoutMs: PLAN_TIMEOUT_MS }),
    decider: PLANNER_DECIDER,
    settings,
    knows: EVENT_KINDS,
    operatorAddress: "",
    timing: { leaderTimeoutMs: 200, electionSpreadMs: 50 },
  });
  const stopReporting = reportEverySecond(engine, clusters);
  await engine.start(signal);
  while (engine.leader()?.isSelf !== true) {
    signal.throwIfAborted();
    await SYSTEM_CLOCK.sleep(20, signal);
  }
  return {
    engine,
    async close() {
      stopReporting();
      await engine.stop();
      await store.connection.close();
    },
  };
}

async function fill(log: Log, eventsOf: RealEngineOptions["events"], signal: AbortSignal): Promise<void> {
  const incarnation = await log.incarnation(signal);
  if (incarnation === undefined) throw new Error("a log that was opened has an incarnation");
  const events = eventsOf(incarnation);
  let sequence = 0;
  for (let at = 0; at < events.length; at += EVENTS_AT_ONCE) {
    const record = recordOf({ sequence }, events.slice(at, at + EVENTS_AT_ONCE), incarnation);
    const bytes = codec.encodeRecord(record);
    // The log is written in its order.
    const outcome = await log.append(bytes, { expectedSequence: sequence, messageId: record.nonce, signal });
    if (outcome.kind !== "appended") throw new Error(`the log answers ${JSON.stringify(outcome)}`);
    sequence = outcome.sequence;
  }
}

/** Agents that apply at once what is released to them, and say so every second. */
function reportEverySecond(engine: RunningEngine, clusters: readonly ClusterId[]): () => void {
  const applied = new Map<ClusterId, Record<ServiceId, string>>(clusters.map((cluster) => [cluster, {}]));
  const stop = engine.onCommit((_state, { events }) => {
    for (const event of events) {
      const hashes = event.kind === "route-set-released" ? applied.get(event.cluster) : undefined;
      if (hashes !== undefined && event.kind === "route-set-released") hashes[event.service] = event.hash;
    }
  });
  let sequence = 0;
  const report = (): void => {
    sequence += 1;
    for (const cluster of clusters) engine.acceptReport(reportOf(cluster, sequence, applied.get(cluster) ?? {}));
  };
  report();
  const timer = setInterval(report, 1_000);
  return () => {
    clearInterval(timer);
    stop();
  };
}

function reportOf(cluster: ClusterId, sequence: number, appliedHashes: ClusterReport["appliedHashes"]): ClusterReport {
  return {
    cluster,
    uid: uidOf(cluster),
    bootId: "bench",
    sequence,
    receivedAtMs: SYSTEM_CLOCK.monotonicMs(),
    appliedHashes,
    refusals: [],
    traffic: [],
    windowMs: 1_000,
    workloads: [],
    peers: [],
    isStreamOpen: true,
  };
}
