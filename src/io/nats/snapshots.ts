import {
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  jetstream,
  jetstreamManager,
} from "@nats-io/jetstream";
import type { JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import type { NatsConnection } from "nats";
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { SnapshotMark, Snapshots } from "../../engine/ports.ts";
import { abortable } from "./abortable.ts";
import { SNAPSHOT_PREFIX, SNAPSHOT_STREAM } from "./subjects.ts";

/** Bytes in one chunk: half of what a NATS message holds by default. */
const CHUNK_BYTES = 512 * 1_024;

/** "No such message" and "no such stream". */
const NO_MESSAGE_CODE = 10037;
const NO_STREAM_CODE = 10059;

/** Written last: what is without one was never finished. */
interface Manifest extends SnapshotMark {
  readonly chunks: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Tells the chunks of one save from those of another of the same state. */
  readonly save: string;
}

/**
 * Folded states in chunks on a stream of their own. Its leader is asked for every message, for followers may be behind.
 * Makes the stream if there is none.
 */
export async function openSnapshots(
  connection: NatsConnection,
  options: { readonly replicas: number },
  signal: AbortSignal,
): Promise<Snapshots> {
  const manager = await abortable(jetstreamManager(connection), signal);
  await abortable(ensureStream(manager, options.replicas), signal);
  const parts = { connection, manager };
  return {
    save: async (mark, bytes, inner) => await abortable(save(parts, mark, bytes), inner),
    list: async (inner) => await abortable(list(parts), inner),
    load: async (sequence, inner) => await abortable(load(parts, sequence), inner),
    drop: async (sequence, inner) => {
      const filter = `${SNAPSHOT_PREFIX}.${sequence}.>`;
      await abortable(manager.streams.purge(SNAPSHOT_STREAM, { filter }), inner);
    },
  };
}

interface Parts {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
}

function streamConfig(replicas: number): Partial<StreamConfig> & { name: string } {
  return {
    name: SNAPSHOT_STREAM,
    subjects: [`${SNAPSHOT_PREFIX}.>`],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_age: 0,
    num_replicas: replicas,
    allow_direct: false,
  };
}

async function ensureStream(manager: JetStreamManager, replicas: number): Promise<void> {
  try {
    await manager.streams.info(SNAPSHOT_STREAM);
  } catch (error) {
    if (!isCode(error, NO_STREAM_CODE)) throw error;
    await manager.streams.add(streamConfig(replicas));
  }
}

async function save({ connection }: Parts, mark: SnapshotMark, bytes: Uint8Array): Promise<void> {
  const client = jetstream(connection);
  const manifest = await manifestOf(mark, bytes);
  for (let index = 0; index < manifest.chunks; index += 1) {
    const chunk = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
    // One at a time: a snapshot must not crowd out the log.
    await client.publish(chunkSubject(manifest, index), chunk);
  }
  await client.publish(manifestSubject(mark.sequence), JSON.stringify(manifest));
}

async function manifestOf({ sequence, atMs, incarnation }: SnapshotMark, bytes: Uint8Array): Promise<Manifest> {
  const sha256 = await sha256Of(bytes);
  const chunks = Math.ceil(bytes.length / CHUNK_BYTES);
  // Equal states have equal bytes, so that two saves of one state may share their chunks.
  return { sequence, atMs, incarnation, chunks, bytes: bytes.length, sha256, save: sha256.slice(0, 16) };
}

/** Chunk by chunk, for a large fleet's state is hundreds of megabytes and others want their turn. */
async function sha256Of(bytes: Uint8Array): Promise<string> {
  const hash = createHash("sha256");
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    hash.update(bytes.subarray(at, at + CHUNK_BYTES));
    // One chunk after the other is the point.
    await setImmediate();
  }
  return hash.digest("hex");
}

async function list({ manager }: Parts): Promise<readonly SnapshotMark[]> {
  const filter = { subjects_filter: manifestSubject("*") };
  const { state } = await manager.streams.info(SNAPSHOT_STREAM, filter);
  const marks: SnapshotMark[] = [];
  for (const subject of Object.keys(state.subjects ?? {})) {
    const manifest = parseManifest(await read(manager, subject));
    if (manifest !== undefined) marks.push(manifest);
  }
  return marks.toSorted((a, b) => a.sequence - b.sequence);
}

async function load({ manager }: Parts, sequence: number): Promise<Uint8Array | undefined> {
  const manifest = parseManifest(await read(manager, manifestSubject(sequence)));
  if (manifest === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  for (let index = 0; index < manifest.chunks; index += 1) {
    const chunk = await read(manager, chunkSubject(manifest, index));
    if (chunk === undefined) return undefined;
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  return (await sha256Of(bytes)) === manifest.sha256 ? bytes : undefined;
}

async function read(manager: JetStreamManager, subject: string): Promise<Uint8Array | undefined> {
  try {
    return (await manager.streams.getMessage(SNAPSHOT_STREAM, { last_by_subj: subject }))?.data;
  } catch (error) {
    if (isCode(error, NO_MESSAGE_CODE)) return undefined;
    throw error;
  }
}

function parseManifest(bytes: Uint8Array | undefined): Manifest | undefined {
  if (bytes === undefined) return undefined;
  try {
    const value: Partial<Manifest> = JSON.parse(new TextDecoder().decode(bytes));
    return isManifest(value) ? value : undefined;
  } catch {
    // Not what was written: such a snapshot does not exist.
    return undefined;
  }
}

function isManifest(value: Partial<Manifest>): value is Manifest {
  const numbers = [value.sequence, value.atMs, value.chunks, value.bytes, value.incarnation?.generation];
  const texts = [value.sha256, value.save, value.incarnation?.id];
  return numbers.every(Number.isSafeInteger) && texts.every((text) => typeof text === "string");
}

function manifestSubject(sequence: number | "*"): string {
  return `${SNAPSHOT_PREFIX}.${sequence}.manifest`;
}

function chunkSubject({ sequence, save }: Manifest, index: number): string {
  return `${SNAPSHOT_PREFIX}.${sequence}.${save}.${index}`;
}

function isCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}
