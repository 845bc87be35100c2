import { DiscardPolicy, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import type { StreamConfig, StreamInfo } from "@nats-io/jetstream";
import { MESSAGE_BYTES_MIN } from "../../engine/land.ts";
import type { Incarnation } from "../../model/position.ts";
import type { Refusal } from "../../model/refusal.ts";
import { LOG_STREAM, LOG_SUBJECT } from "./subjects.ts";

/** How long the server remembers message ids, in nanoseconds: longer than any append is tried again. */
const DUPLICATE_WINDOW_NANOS = 120 * 1_000_000_000;

const GENERATION_KEY = "weir.generation";
const INCARNATION_KEY = "weir.incarnation";

/** The stream as it has to be for one log that loses nothing. `replicas`: 3 in production, 1 in a demo. */
export function logConfig(replicas: number, incarnation: Incarnation): Partial<StreamConfig> & { name: string } {
  return {
    name: LOG_STREAM,
    subjects: [LOG_SUBJECT],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_age: 0,
    max_msgs: -1,
    max_bytes: -1,
    num_replicas: replicas,
    // Direct gets are answered by followers, hours behind at worst.
    allow_direct: false,
    // Single records are never deleted: a hole is a loss. Trimming is a purge below a snapshot.
    deny_delete: true,
    duplicate_window: DUPLICATE_WINDOW_NANOS,
    metadata: incarnationMetadata(incarnation),
  };
}

/** An incarnation as stream metadata. */
export function incarnationMetadata(incarnation: Incarnation): Record<string, string> {
  return { [GENERATION_KEY]: `${incarnation.generation}`, [INCARNATION_KEY]: incarnation.id };
}

/** Reads the incarnation back; undefined when it is absent or not what Weir writes. */
export function incarnationOf(metadata: Readonly<Record<string, string>> | undefined): Incarnation | undefined {
  const generation = Number(metadata?.[GENERATION_KEY]);
  const id = metadata?.[INCARNATION_KEY];
  if (!Number.isSafeInteger(generation) || generation < 1 || id === undefined || id === "") return undefined;
  return { generation, id };
}

/**
 * What about the stream would lose or hide records, as STORE_CONFIG with what to change, or STORE_CORRUPT for a hole
 * between its first and last record.
 */
export function refuseStream(info: StreamInfo, replicas: number): Refusal | undefined {
  const wrong = wrongSettings(info.config, replicas);
  if (wrong.length > 0) {
    return {
      code: "STORE_CONFIG",
      field: "",
      message:
        `stream ${LOG_STREAM} would not keep every record: ${wrong.join("; ")}. Set it right ` +
        `(nats stream edit ${LOG_STREAM}); this replica takes no lead and publishes nothing until then.`,
    };
  }
  const holes = info.state.num_deleted ?? 0;
  return holes === 0 ? undefined : holeRefusal(info, holes);
}

function wrongSettings(config: StreamConfig, replicas: number): readonly string[] {
  const judged: readonly (readonly [boolean, string])[] = [
    [config.discard === DiscardPolicy.New, `discard is ${config.discard}, must be new`],
    [config.retention === RetentionPolicy.Limits, `retention is ${config.retention}, must be limits`],
    [config.storage === StorageType.File, `storage is ${config.storage}, must be file`],
    [config.max_age === 0, `max_age is ${config.max_age} ns, must be 0`],
    [!(config.max_msgs_per_subject > 0), `max_msgs_per_subject is ${config.max_msgs_per_subject}, must be unlimited`],
    [!isBelow(config.max_msg_size, MESSAGE_BYTES_MIN), `max_msg_size is ${config.max_msg_size}, must be unlimited`],
    [config.num_replicas >= replicas, `num_replicas is ${config.num_replicas}, configured are ${replicas}`],
    [!config.sealed, "it is sealed"],
    [!config.allow_direct, "allow_direct is on, must be off"],
    [!config.allow_rollup_hdrs, "allow_rollup_hdrs is on, must be off"],
    [config.no_ack !== true, "no_ack is on, must be off"],
    [config.mirror === undefined && !hasEntries(config.sources), "it is fed by other streams"],
    [isOnlyLogSubject(config.subjects), `subjects are ${config.subjects?.join(", ")}, must be ${LOG_SUBJECT} alone`],
  ];
  return judged.filter(([holds]) => !holds).map(([, complaint]) => complaint);
}

/** Whether a limit is set, and lower than this; -1 and 0 mean that there is none. */
function isBelow(limit: number, least: number): boolean {
  return limit > 0 && limit < least;
}

function hasEntries(list: readonly unknown[] | undefined): boolean {
  return list !== undefined && list.length > 0;
}

function isOnlyLogSubject(subjects: readonly string[] | undefined): boolean {
  return subjects?.length === 1 && subjects[0] === LOG_SUBJECT;
}

function holeRefusal(info: StreamInfo, holes: number): Refusal {
  const { first_seq: first, last_seq: last } = info.state;
  return {
    code: "STORE_CORRUPT",
    field: "",
    message:
      `stream ${LOG_STREAM} lacks ${holes} of its records between ${first} and ${last}. Agents keep what they have. ` +
      "Restore the stream from a backup, then run `weir recover`.",
  };
}
