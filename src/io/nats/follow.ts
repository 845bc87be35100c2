import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import type { NatsConnection } from "nats";
import { StoreFault } from "../../engine/ports.ts";
import type { LogEntry } from "../../engine/ports.ts";
import { abortable } from "./abortable.ts";
import type { Link } from "./link.ts";
import { LOG_STREAM } from "./subjects.ts";

/** What following needs from outside. */
export interface FollowParts {
  readonly connection: NatsConnection;
  readonly link: Link;
  readonly onRetry?: ((cause: unknown) => void) | undefined;
}

/** A silent watch is given up after two of these, so that a dead one shows within seconds. */
const IDLE_HEARTBEAT_MS = 1_000;
/** How long one pull stands at the server before it is made again. */
const PULL_EXPIRES_MS = 10_000;
/** Records on their way at once; a snapshot bounds how much a start has to read. */
const IN_FLIGHT_MAX = 500;
/** How often a watch that brings nothing is checked against the log's end. */
const STALE_CHECK_MS = 3_000;
/** Pause before a watch is rebuilt. */
const REBUILD_PAUSE_MS = 250;
/** How long the server keeps a consumer whose reader is gone. */
const CONSUMER_KEPT_MS = 30_000;

/** What happens to a watch besides messages that makes it worth rebuilding. */
const BROKEN_NOTICES: ReadonlySet<string> = new Set([
  "heartbeats_missed",
  "consumer_not_found",
  "consumer_deleted",
  "stream_not_found",
  "no_responders",
  "reset",
]);

/**
 * Entries of the log after `sequence`, in order and each once, until `signal` aborts. A watch that breaks or falls
 * silent is rebuilt where it stopped, for a watch that looks alive and delivers nothing is the oldest trap of all.
 *
 * @throws StoreFault STORE_CORRUPT when the next entry is not the next sequence.
 */
export async function* followStream(
  parts: FollowParts,
  sequence: number,
  signal: AbortSignal,
): AsyncGenerator<LogEntry> {
  let last = sequence;
  while (!signal.aborted) {
    try {
      for await (const entry of watchOnce(parts, last, signal)) {
        if (entry.sequence <= last) continue;
        if (entry.sequence !== last + 1) throw new StoreFault(hole(last, entry.sequence));
        last = entry.sequence;
        yield entry;
      }
    } catch (error) {
      if (error instanceof StoreFault) throw error;
      if (!signal.aborted) parts.onRetry?.(error);
    }
    await pause(signal);
  }
}

/** One consumer's life: ends when there is any sign of trouble. */
async function* watchOnce(
  { connection, link }: FollowParts,
  sequence: number,
  signal: AbortSignal,
): AsyncGenerator<LogEntry> {
  const thisLink = link.current();
  const consumers = jetstream(connection).consumers;
  const consumer = await abortable(
    consumers.get(LOG_STREAM, { opt_start_seq: sequence + 1, inactive_threshold: CONSUMER_KEPT_MS }),
    signal,
  );
  const messages = await abortable(
    consumer.consume({ max_messages: IN_FLIGHT_MAX, expires: PULL_EXPIRES_MS, idle_heartbeat: IDLE_HEARTBEAT_MS }),
    signal,
  );
  const watch = new Watch(connection, messages, sequence);
  const stop = (): void => messages.stop();
  for (const end of [signal, thisLink]) end.addEventListener("abort", stop, { once: true });
  if (signal.aborted || thisLink.aborted) stop();
  try {
    for await (const message of messages) {
      watch.seen(message.seq);
      yield entryOf(message);
    }
  } finally {
    for (const end of [signal, thisLink]) end.removeEventListener("abort", stop);
    watch.end();
    messages.stop();
    // Courtesy: the server would drop it by itself.
    consumer.delete().catch(() => undefined);
  }
}

/** Stops a consumer's messages at the first sign that they may be incomplete. */
class Watch {
  readonly #connection: NatsConnection;
  readonly #messages: ConsumerMessages;
  readonly #timer: NodeJS.Timeout;
  #seen: number;
  #seenAtLastCheck: number;

  constructor(connection: NatsConnection, messages: ConsumerMessages, sequence: number) {
    this.#connection = connection;
    this.#messages = messages;
    this.#seen = sequence;
    this.#seenAtLastCheck = sequence;
    this.#timer = setInterval(() => void this.#check(), STALE_CHECK_MS);
    void this.#stopWhenBroken();
  }

  seen(sequence: number): void {
    this.#seen = sequence;
  }

  end(): void {
    clearInterval(this.#timer);
  }

  async #stopWhenBroken(): Promise<void> {
    for await (const notice of this.#messages.status()) {
      if (BROKEN_NOTICES.has(notice.type)) this.#messages.stop();
    }
  }

  /** A quiet watch is right only if the log ends where it has read to. */
  async #check(): Promise<void> {
    const isQuiet = this.#seen === this.#seenAtLastCheck;
    this.#seenAtLastCheck = this.#seen;
    if (!isQuiet) return;
    try {
      const manager = await jetstreamManager(this.#connection, { checkAPI: false });
      const { state } = await manager.streams.info(LOG_STREAM);
      if (state.last_seq > this.#seen && this.#seen === this.#seenAtLastCheck) this.#messages.stop();
    } catch {
      // The store does not answer: the watch says so by itself, by missed heartbeats.
    }
  }
}

function entryOf(message: JsMsg): LogEntry {
  return { sequence: message.seq, bytes: message.data };
}

function hole(last: number, next: number): StoreFault["refusal"] {
  return {
    code: "STORE_CORRUPT",
    field: "",
    message:
      `after record ${last} the log goes on with ${next}: ${next - last - 1} records are gone. Agents keep what they ` +
      "have. Restore the stream from a backup, then run `weir recover`.",
  };
}

async function pause(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, REBUILD_PAUSE_MS);
    signal.addEventListener("abort", end, { once: true });
  });
}
