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
  const plain = Object.fromEntries(
    Object.entries(state).filter(([name]) => !MAPS.includes(name as (typeof MAPS)[number])),
  );
  const entries = MAPS.flatMap((map) => linesOf(map, state[map]));
  const body = new TextEncoder().encode([canonicalJson(plain), ...entries, ""].join("\n"));
  const title = new TextEncoder().encode(`${MAGIC} ${SNAPSHOT_FORMAT} ${sha256Hex(body)}\n`);
  const bytes = new Uint8Array(title.length + body.length);
  bytes.set(title);
  bytes.set(body, title.length);
  return bytes;
}

function linesOf(map: string, entries: ReadonlyMap<string, unknown>): readonly string[] {
  const byKey = [...entries].toSorted(([a], [b]) => compareNames(a, b));
  return byKey.map(([key, value]) => canonicalJson([map, key, value]));
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
