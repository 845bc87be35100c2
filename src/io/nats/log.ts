import { jetstream, jetstreamManager, JetStreamApiError } from "@nats-io/jetstream";
import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import type { NatsConnection, ServerInfo } from "nats";
import { StoreFault } from "../../engine/ports.ts";
import type { AppendOptions, AppendOutcome, Log } from "../../engine/ports.ts";
import type { Incarnation } from "../../model/position.ts";
import type { Refusal } from "../../model/refusal.ts";
import { abortable } from "./abortable.ts";
import { followStream } from "./follow.ts";
import { Link } from "./link.ts";
import { incarnationMetadata, incarnationOf, logConfig, refuseStream } from "./log-config.ts";
import { refuseSmallMessages } from "./server-limits.ts";
import { refuseOldServer } from "./server-version.ts";
import { LOG_STREAM, LOG_SUBJECT } from "./subjects.ts";

/** How the log is kept. */
export interface LogOptions {
  /** Copies of the stream: 3 in production, 1 in a demo. A stream with fewer is refused STORE_CONFIG. */
  readonly replicas: number;
  /** Id for the first incarnation, used only when the stream does not exist yet. */
  readonly newIncarnationId: string;
  /** Told of every retry, for debugging. */
  readonly onRetry?: (cause: unknown) => void;
}

/** How long one append waits for its acknowledgement before it counts as ambiguous. */
const ACK_TIMEOUT_MS = 2_000;

/** Error codes of JetStream that mean "the log has moved on". */
const WRONG_SEQUENCE_CODES: ReadonlySet<number> = new Set([10071, 10164]);

/** A message with the same id is being stored: ask again later. */
const IN_PROCESS_CODE = 10201;

/** The name is taken by a stream with other settings: somebody else made it first. */
const NAME_IN_USE_CODE = 10058;

/**
 * The log on a JetStream stream; makes the stream if there is none.
 *
 * @throws StoreFault NATS_TOO_OLD or STORE_CONFIG, of a server that cannot hold the log, before anything is touched. A
 *   stream with wrong settings is opened: `check` says so.
 */
export async function openLog(connection: NatsConnection, options: LogOptions, signal: AbortSignal): Promise<Log> {
  const unfit = refuseServer(connection.info);
  if (unfit !== undefined) throw new StoreFault(unfit);
  const manager = await abortable(jetstreamManager(connection), signal);
  const incarnation = { generation: 1, id: options.newIncarnationId };
  await abortable(ensureStream(manager, logConfig(options.replicas, incarnation)), signal);
  return logOn({ connection, manager, options, link: new Link(connection) });
}

function refuseServer(info: ServerInfo | undefined): Refusal | undefined {
  return refuseOldServer(info?.version ?? "") ?? refuseSmallMessages(info?.max_payload ?? 0);
}

async function ensureStream(manager: JetStreamManager, config: ReturnType<typeof logConfig>): Promise<void> {
  try {
    await manager.streams.info(config.name);
  } catch (error) {
    if (!isCode(error, 10059)) throw error;
    await manager.streams.add(config).catch((cause: unknown) => {
      if (!isCode(cause, NAME_IN_USE_CODE)) throw cause;
    });
  }
}

interface LogParts {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly options: LogOptions;
  readonly link: Link;
}

function logOn(parts: LogParts): Log {
  const { connection, manager, options, link } = parts;
  const info = async (signal: AbortSignal): Promise<StreamInfo> =>
    await abortable(manager.streams.info(LOG_STREAM), signal);
  return {
    append: async (bytes, appendOptions) => await append({ connection, link }, bytes, appendOptions),
    follow: (sequence, signal) => followStream({ connection, link, onRetry: options.onRetry }, sequence, signal),
    async bounds(signal) {
      const { state } = await info(signal);
      return { first: state.messages === 0 ? state.last_seq + 1 : state.first_seq, last: state.last_seq };
    },
    async incarnation(signal) {
      return incarnationOf((await info(signal)).config.metadata);
    },
    async markIncarnation(incarnation, signal) {
      await markIncarnation(manager, incarnation, signal);
    },
    async check(signal) {
      // Between two connections nothing is known of the server; the question about the stream then fails by itself.
      const unfit = connection.info === undefined ? undefined : refuseServer(connection.info);
      return unfit ?? (await checkStream(info, options.replicas, signal));
    },
    async trim(sequence, signal) {
      await abortable(manager.streams.purge(LOG_STREAM, { seq: sequence }), signal);
    },
  };
}

async function checkStream(
  info: (signal: AbortSignal) => Promise<StreamInfo>,
  replicas: number,
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  try {
    return refuseStream(await info(signal), replicas);
  } catch (error) {
    if (!isCode(error, 10059)) throw error;
    return streamGone();
  }
}

function streamGone(): Refusal {
  return {
    code: "STORE_CORRUPT",
    field: "",
    message: `stream ${LOG_STREAM} is gone. Agents keep what they have. Restore it from a backup, or restart the planners and run \`weir recover\`.`,
  };
}

async function markIncarnation(
  manager: JetStreamManager,
  incarnation: Incarnation,
  signal: AbortSignal,
): Promise<void> {
  const { config } = await abortable(manager.streams.info(LOG_STREAM), signal);
  const metadata = { ...config.metadata, ...incarnationMetadata(incarnation) };
  await abortable(manager.streams.update(LOG_STREAM, { ...config, metadata }), signal);
}

async function append(
  { connection, link }: Pick<LogParts, "connection" | "link">,
  bytes: Uint8Array,
  options: AppendOptions,
): Promise<AppendOutcome> {
  try {
    const publishing = jetstream(connection).publish(LOG_SUBJECT, bytes, {
      msgID: options.messageId,
      expect: { streamName: LOG_STREAM, lastSequence: options.expectedSequence },
      timeout: ACK_TIMEOUT_MS,
    });
    const onThisLink = abortable(publishing, link.current());
    return { kind: "appended", sequence: (await abortable(onThisLink, options.signal)).seq };
  } catch (error) {
    return outcomeOf(error);
  }
}

function outcomeOf(error: unknown): AppendOutcome {
  if (!(error instanceof JetStreamApiError) || error.code === IN_PROCESS_CODE) {
    return { kind: "ambiguous", cause: error };
  }
  if (WRONG_SEQUENCE_CODES.has(error.code)) return { kind: "conflict" };
  // The server answered that it did not take the record, and it will not take it on a repeat.
  return { kind: "refused", refusal: storeRefused(error) };
}

function storeRefused(error: JetStreamApiError): Refusal {
  return {
    code: "STORE_CONFIG",
    field: "",
    message: `the log refuses records: ${error.message} (JetStream ${error.code}). Nothing was changed; give the stream room or set it right.`,
  };
}

function isCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}
