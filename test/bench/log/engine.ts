import { createEngine } from "../../../src/engine/create-engine.ts";
import { PLANNER_DECIDER } from "../../../src/engine/decider.ts";
import type { Log } from "../../../src/engine/ports.ts";
import { SYSTEM_CLOCK } from "../../../src/io/clock.ts";
import { openStore } from "../../../src/io/nats/store.ts";
import { SYSTEM_RANDOMNESS } from "../../../src/io/randomness.ts";
import { EVENT_KINDS } from "../../../src/model/event.ts";
import type { Actor, ClusterId } from "../../../src/model/ids.ts";
import { DEFAULT_SETTINGS } from "../../../src/model/settings.ts";
import { codec } from "../../../src/wire/codec.ts";
import { SILENT } from "../agent-parts.ts";

/** A whole engine that leads, on the real store. */
export interface LeadingEngine {
  /** Decides and commits one command; returns how many bytes its record had. */
  command(): Promise<number>;
  close(): Promise<void>;
}

const REPLICA = "bench";

/** A token's life, as long as it may be. */
const TOKEN_MS = 3_600_000;

/** Starts the only replica and waits until it leads. */
export async function startEngine(url: string, creds: string): Promise<LeadingEngine> {
  const signal = AbortSignal.timeout(30_000);
  const parts = { clock: SYSTEM_CLOCK, randomness: SYSTEM_RANDOMNESS, logger: SILENT, replica: REPLICA };
  const store = await openStore({ ...parts, urls: [url], creds, caCertificate: "", streamReplicas: 1 }, signal);
  const sizes: number[] = [];
  const engine = createEngine({
    ...parts,
    log: noting(store.log, sizes),
    snapshots: store.snapshots,
    bus: store.bus,
    codec,
    // There is no service, so that there is nothing to plan.
    runner: { plan: async () => ({ proposals: [], routeSets: {} }), close: async () => undefined },
    decider: PLANNER_DECIDER,
    settings: DEFAULT_SETTINGS,
    knows: EVENT_KINDS,
    operatorAddress: "",
    timing: { leaderTimeoutMs: 200, electionSpreadMs: 50 },
  });
  await engine.start(signal);
  while (engine.leader()?.isSelf !== true) {
    signal.throwIfAborted();
    await SYSTEM_CLOCK.sleep(20, signal);
  }
  return {
    async command() {
      await register(engine);
      return sizes.at(-1) ?? 0;
    },
    async close() {
      await engine.stop();
      await store.connection.close();
    },
  };
}

/** An operator registers a cluster: a small decision with a record of some hundred bytes. */
async function register(engine: Pick<ReturnType<typeof createEngine>, "submit">): Promise<void> {
  const name = `c${SYSTEM_RANDOMNESS.id()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, "0")}`;
  const spec = { cluster: name as ClusterId, region: "bench", labels: {}, rttMs: {} };
  const expiresAtMs = SYSTEM_CLOCK.nowMs() + TOKEN_MS;
  const command = { kind: "register-cluster", spec, secretHash: "0".repeat(64), expiresAtMs } as const;
  const envelope = { command, actor: "operator:bench" as Actor, requestId: name, requestDigest: name };
  const committed = await engine.submit(envelope, AbortSignal.timeout(10_000));
  if (!committed.ok) throw new Error(`${committed.refusal.code}: ${committed.refusal.message}`);
}

function noting(log: Log, sizes: number[]): Log {
  return {
    append: async (bytes, options) => {
      sizes.push(bytes.length);
      return await log.append(bytes, options);
    },
    follow: (sequence, signal) => log.follow(sequence, signal),
    bounds: async (signal) => await log.bounds(signal),
    incarnation: async (signal) => await log.incarnation(signal),
    markIncarnation: async (incarnation, signal) => await log.markIncarnation(incarnation, signal),
    check: async (signal) => await log.check(signal),
    trim: async (sequence, signal) => await log.trim(sequence, signal),
  };
}
