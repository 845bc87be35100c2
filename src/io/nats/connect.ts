import { connect, credsAuthenticator } from "nats";
import type { ConnectionOptions, NatsConnection } from "nats";
import { PLANNER_INBOX_PREFIX } from "./subjects.ts";

/** How a planner replica reaches the bus. */
export interface NatsAddress {
  readonly servers: readonly string[];
  /** Contents of a credentials file; undefined only where the server asks for none. */
  readonly creds?: Uint8Array;
  /** PEM of the CA that signed the servers' certificates; undefined: no TLS, which belongs on loopback alone. */
  readonly caPem?: string;
  /** Shown in the server's connection list. */
  readonly name: string;
}

/** A dead connection shows after two missed pings of 2 s; the library's own two minutes would outlast a term. */
const PING_INTERVAL_MS = 2_000;
const PINGS_MISSED_MAX = 2;
/** Replicas come back within the leader's timeout of 5 s: short waits, still spread. */
const RECONNECT_WAIT_MS = 100;
const RECONNECT_JITTER_MS = 250;
const CONNECT_TIMEOUT_MS = 2_000;

/**
 * Connects a planner replica to NATS and stays connected: it reconnects for ever. A first connection that cannot be
 * made, or an identity that the server refuses, throws.
 */
export async function connectPlanner(address: NatsAddress): Promise<NatsConnection> {
  return await connect(optionsOf(address));
}

/** How long the last messages may take on their way out. */
const LAST_WORDS_MS = 1_000;

/**
 * Ends a connection with its last messages sent: drained, as closing alone may drop the goodbye to the other replicas. A
 * server that is gone is not waited for.
 */
export async function disconnect(connection: NatsConnection): Promise<void> {
  const drained = connection.drain().catch(() => undefined);
  const patience = new Promise<void>((resolve) => setTimeout(resolve, LAST_WORDS_MS).unref());
  await Promise.race([drained, patience]);
  await connection.close();
}

function optionsOf(address: NatsAddress): ConnectionOptions {
  return {
    servers: [...address.servers],
    name: address.name,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: PINGS_MISSED_MAX,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    reconnectJitter: RECONNECT_JITTER_MS,
    reconnectJitterTLS: RECONNECT_JITTER_MS,
    maxReconnectAttempts: -1,
    timeout: CONNECT_TIMEOUT_MS,
    inboxPrefix: PLANNER_INBOX_PREFIX,
    // Traces of every request's call site cost memory and are asked for by nobody.
    noAsyncTraces: true,
    ...(address.creds === undefined ? {} : { authenticator: credsAuthenticator(address.creds) }),
    ...(address.caPem === undefined ? {} : { tls: { ca: address.caPem } }),
  };
}
