import { connect, credsAuthenticator } from "nats";
import type { NatsConnection } from "nats";
import type { ClusterId } from "../../src/model/ids.ts";
import { fullJitterMs, pause } from "./clock.ts";
import { messageOf } from "./durable-file.ts";
import type { AgentLog } from "./log.ts";

/** Credentials for the report bus, as the planner hands them out on the stream. */
export interface BusAccess {
  /** Contents of a NATS credentials file. */
  readonly credentials: string;
  readonly urls: readonly string[];
}

/** How the reporter reaches the bus. */
export interface ReporterParts {
  readonly cluster: ClusterId;
  readonly log: AgentLog;
  /** PEM of the authorities to trust for tls:// URLs. */
  readonly caPem: () => string;
  /** Longest pause between tries to connect, in ms. */
  readonly backOffMsMax: number;
}

/** Two missed pings of 2 s: the library's own two minutes would leave a cluster silent for as long. */
const PING_INTERVAL_MS = 2_000;
const PINGS_MISSED_MAX = 2;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Publishes reports on the bus, and never holds anything up: without a connection a report is lost, and the next one says
 * more than it would have. Connects when the first credentials come, with the newest ones at every further try.
 */
export class BusReporter {
  readonly #parts: ReporterParts;
  readonly #stop = new AbortController();
  #access: BusAccess | undefined;
  #connection: NatsConnection | undefined;
  #running: Promise<void> | undefined;
  #wake = new AbortController();

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  /** Takes new credentials. A connection on older ones moves over at once: they may end, or have been revoked. */
  use(access: BusAccess): void {
    const isSame = access.credentials === this.#access?.credentials && access.urls.join() === this.#access.urls.join();
    this.#access = access;
    if (isSame) return;
    void this.#connection?.close();
    this.#wake.abort();
    this.#running ??= this.#run();
  }

  /** Whether a report would be sent now. */
  isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** Sends, or drops when there is no connection. */
  publish(kind: "heartbeat" | "window", bytes: Uint8Array): void {
    try {
      this.#connection?.publish(`weir.v1.report.${this.#parts.cluster}.${kind}`, bytes);
    } catch (cause) {
      // Closed between two events: the next report goes by the next connection.
      this.#parts.log.warn({ cause: messageOf(cause) }, "a report could not be sent");
    }
  }

  /** Stops for good; what is in flight gets a moment to leave. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    const flushed = this.#connection?.flush().catch(() => undefined);
    await Promise.race([flushed, pause(500, new AbortController().signal)]);
    await this.#connection?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      const wasUp = await this.#stay();
      failures = wasUp ? 0 : failures + 1;
      if (this.#wake.signal.aborted) {
        this.#wake = new AbortController();
        continue;
      }
      const capMs = this.#parts.backOffMsMax;
      const waitMs = fullJitterMs(failures, { baseMs: 250, capMs, fraction: Math.random() });
      await pause(waitMs, AbortSignal.any([this.#stop.signal, this.#wake.signal]));
    }
  }

  /** Stays on one connection until it ends. Never throws. Returns whether it was up. */
  async #stay(): Promise<boolean> {
    const { log, cluster } = this.#parts;
    try {
      const connection = await connect(this.#options());
      if (this.#stop.signal.aborted) {
        await connection.close();
        return true;
      }
      this.#connection = connection;
      log.info({ server: connection.getServer() }, "reports go to the bus");
      void this.#watch(connection);
      const ended = await connection.closed();
      log.warn(
        { cluster, why: ended === undefined ? "closed" : messageOf(ended) },
        "the bus is gone; reports are dropped",
      );
      return true;
    } catch (cause) {
      log.warn({ cluster, why: messageOf(cause) }, "cannot reach the bus; reports are dropped");
      return false;
    } finally {
      this.#connection = undefined;
    }
  }

  /** A refusal of the server is said once, where people look. */
  async #watch(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === "error") this.#parts.log.warn({ why: messageOf(status.error) }, "the bus refuses something");
    }
  }

  #options(): Parameters<typeof connect>[0] {
    const { cluster, caPem } = this.#parts;
    const { credentials = "", urls = [] } = this.#access ?? {};
    const isTls = urls.some((url) => url.startsWith("tls://"));
    return {
      servers: [...urls],
      name: `agent ${cluster}`,
      authenticator: credsAuthenticator(new TextEncoder().encode(credentials)),
      // Its own, as its permissions have it: no cluster can listen to another's answers.
      inboxPrefix: `_INBOX.${cluster}`,
      // Reconnecting is ours: the library would keep reports of the past to send them first, and old credentials.
      reconnect: false,
      timeout: CONNECT_TIMEOUT_MS,
      pingInterval: PING_INTERVAL_MS,
      maxPingOut: PINGS_MISSED_MAX,
      noAsyncTraces: true,
      ...(isTls ? { tls: { ca: caPem() } } : {}),
    };
  }
}
