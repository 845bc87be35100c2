import type { NatsConnection } from "nats";
import { readFile } from "node:fs/promises";
import type { Clock, EngineLog, Log, Randomness, ReplicaBus, Snapshots } from "../../engine/ports.ts";
import { StoreFault } from "../../engine/ports.ts";
import { createBus } from "./bus.ts";
import { connectPlanner } from "./connect.ts";
import { openLog } from "./log.ts";
import { openSnapshots } from "./snapshots.ts";

/** What a replica keeps its log in. */
export interface StoreOptions {
  readonly replica: string;
  readonly urls: readonly string[];
  readonly creds: string;
  /** Path of the CA of the servers, PEM; empty: no TLS. */
  readonly caCertificate: string;
  readonly streamReplicas: number;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly logger: EngineLog;
}

/** Everything of a replica that lives in NATS. */
export interface Store {
  readonly connection: NatsConnection;
  readonly log: Log;
  readonly snapshots: Snapshots;
  readonly bus: ReplicaBus;
}

/** How long a replica waits between two attempts to reach a store that is not there yet. */
const RETRY_MS = 500;

/** How long one attempt may take. */
const ATTEMPT_MS = 10_000;

/**
 * Connects to NATS and opens log, snapshots and bus. A server that is not there yet is waited for, for as long as
 * `signal` lets it: planners and NATS may start in any order.
 *
 * @throws StoreFault NATS_TOO_OLD, STORE_CONFIG; the signal's reason.
 */
export async function openStore(options: StoreOptions, signal: AbortSignal): Promise<Store> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      // One after the other: each attempt follows on the failure of the last.
      return await open(options, AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]));
    } catch (error) {
      if (error instanceof StoreFault || signal.aborted) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      options.logger.warn({ attempt, reason, urls: options.urls }, "NATS cannot be used yet");
      await options.clock.sleep(RETRY_MS, signal);
    }
  }
}

async function open(options: StoreOptions, signal: AbortSignal): Promise<Store> {
  const { replica, urls, creds, caCertificate, streamReplicas, randomness, logger } = options;
  const connection = await connectPlanner({
    servers: urls,
    creds: new TextEncoder().encode(creds),
    name: replica,
    ...(caCertificate === "" ? {} : { caPem: await readFile(caCertificate, "utf8") }),
  });
  try {
    const logOptions = {
      replicas: streamReplicas,
      newIncarnationId: randomness.id(),
      onRetry: (cause: unknown) => logger.debug({ cause: String(cause) }, "append retried"),
    };
    const log = await openLog(connection, logOptions, signal);
    const snapshots = await openSnapshots(connection, { replicas: streamReplicas }, signal);
    return { connection, log, snapshots, bus: createBus(connection, replica, logger) };
  } catch (error) {
    await connection.close();
    throw error;
  }
}
