import { createHash } from "node:crypto";
import { EMPTY_FLEET } from "../model/fleet.ts";
import type { FleetState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { RouteSetHash } from "../model/ids.ts";
import type { RouteSet } from "../model/plan.ts";
import type { Refusal } from "../model/refusal.ts";
import { ok, refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import { ShardedMap } from "../model/sharded-map.ts";
import { canonicalJson, isFields } from "./canonical-json.ts";
import { sha256Hex } from "./sha256.ts";

/** Counts up when an older build could misread what a newer one writes. */
export const SNAPSHOT_FORMAT = 1;

/** The parts of the state that are maps: one line per entry, so that no single text grows with the fleet. */
const MAPS = ["clusters", "services", "shifts", "routeSets", "revisions"] as const;

const MAGIC = "weir-snapshot";
const LINE_FEED = 10;

/**
 * Bytes of a whole state: a title line with format and SHA-256 of the rest, a line with the plain fields, then a line
 * `[map, key, value]` per entry, all in canonical JSON and sorted.
 */
export function encodeSnapshot(state: FleetState): Uint8Array {
  const steps = encodeSnapshotInSteps(state);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Text after which a step ends: a few milliseconds' work. */
const STEP_CHARACTERS = 48 * 1_024;

/** Entries that are sorted into drawers in one step. */
const STEP_ENTRIES = 4_096;

/** The same in steps of a few milliseconds, for whoever has other things to do between them. */
export function* encodeSnapshotInSteps(state: FleetState): Generator<undefined, Uint8Array, undefined> {
  const plain = Object.fromEntries(
    Object.entries(state).filter(([name]) => !MAPS.includes(name as (typeof MAPS)[number])),
  );
  const [encoder, digest] = [new TextEncoder(), createHash("sha256")];
  const parts: Uint8Array[] = [];
  const write = (text: string): void => {
    const bytes = encoder.encode(text);
    digest.update(bytes);
    parts.push(bytes);
  };
  write(`${canonicalJson(plain)}\n`);
  for (const map of MAPS) {
    let text = "";
    for (const entry of inOrder<unknown>(state[map])) {
      if (entry !== undefined) text += `${canonicalJson([map, ...entry])}\n`;
      if (entry !== undefined && text.length < STEP_CHARACTERS) continue;
      write(text);
      text = "";
      yield undefined;
    }
    write(text);
  }
  const title = encoder.encode(`${MAGIC} ${SNAPSHOT_FORMAT} ${digest.digest("hex")}\n`);
  return yield* joined([title, ...parts]);
}

/** Bytes that are copied in one step. */
const STEP_BYTES = 1_024 * 1_024;

function* joined(parts: readonly Uint8Array[]): Generator<undefined, Uint8Array, undefined> {
  const bytes = Buffer.allocUnsafe(parts.reduce((sum, { length }) => sum + length, 0));
  let [at, rested] = [0, 0];
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
    if (at - rested < STEP_BYTES) continue;
    rested = at;
    yield undefined;
  }
  return bytes;
}

/** Characters by which names are sorted into drawers, so that there is never much to sort at once. */
const DRAWER_CHARACTERS = 3;

/** Entries in the order of their names; undefined where a step of the way to them ends. */
function* inOrder<V>(entries: ReadonlyMap<string, V>): Generator<readonly [string, V] | undefined> {
  const drawers = new Map<string, [string, V][]>();
  let count = 0;
  for (const entry of entries) {
    const name = entry[0].slice(0, DRAWER_CHARACTERS);
    const drawer = drawers.get(name);
    if (drawer === undefined) drawers.set(name, [entry]);
    else drawer.push(entry);
    count += 1;
    if (count % STEP_ENTRIES === 0) yield undefined;
  }
  for (const name of [...drawers.keys()].toSorted(compareNames))
    yield* (drawers.get(name) ?? []).toSorted(([a], [b]) => compareNames(a, b));
}

/**
 * Reads a state back. Refuses STORE_CORRUPT on another format, on bytes that are not what their title says, and on
 * lines it does not know; the log itself is then read from its start, or from an older snapshot.
 */
export function decodeSnapshot(bytes: Uint8Array): Result<FleetState, Refusal> {
  const end = bytes.indexOf(LINE_FEED);
  const title = new TextDecoder().decode(bytes.subarray(0, Math.min(Math.max(end, 0), 256)));
  const [magic, format, hash] = title.split(" ");
  if (magic !== MAGIC) return corrupt("is no snapshot of Weir");
  if (format !== String(SNAPSHOT_FORMAT)) return corrupt(`has format ${format}; this build reads ${SNAPSHOT_FORMAT}`);
  const body = bytes.subarray(end + 1);
  if (sha256Hex(body) !== hash) return corrupt("is not what its own SHA-256 says");
  return restored(new TextDecoder().decode(body).split("\n"));
}

function restored([head = "", ...lines]: readonly string[]): Result<FleetState, Refusal> {
  const plain: unknown = JSON.parse(head);
  if (!isFields(plain)) return corrupt("has no head");
  const maps: Record<string, Map<string, unknown>> = Object.fromEntries(MAPS.map((map) => [map, new Map()]));
  for (const line of lines.filter((text) => text !== "")) {
    const [map, key, value] = JSON.parse(line) as [string, string, unknown];
    const entries = maps[map];
    if (entries === undefined) return corrupt(`has entries of ${JSON.stringify(map)}, which this build does not know`);
    entries.set(key, value);
  }
  const routeSets = maps["routeSets"] as unknown as ReadonlyMap<RouteSetHash, RouteSet>;
  // As a state has it that route sets were ever written to.
  return ok({
    ...EMPTY_FLEET,
    ...plain,
    ...maps,
    ...(routeSets.size > 0 && { routeSets: ShardedMap.copyOf(routeSets) }),
  });
}

function corrupt(why: string): Result<never, Refusal> {
  return refuse({ code: "STORE_CORRUPT", field: "snapshot", message: `the snapshot ${why}` });
}
