import { compareNames } from "../model/ids.ts";
import type { ServiceId } from "../model/ids.ts";
import { sha256, sha256Hex } from "./sha256.ts";

/**
 * Digest over everything a cluster holds: SHA-256 of the lines `service=hash`, sorted by service, each ending in a line
 * feed. Two holders with the same digest route alike. Hashes are lower-case hex.
 */
export function planDigest(hashes: ReadonlyMap<ServiceId, string>): Uint8Array {
  return sha256(linesOf(hashes));
}

/** The same digest in lower-case hex. */
export function planDigestHex(hashes: ReadonlyMap<ServiceId, string>): string {
  return sha256Hex(linesOf(hashes));
}

function linesOf(hashes: ReadonlyMap<ServiceId, string>): string {
  let lines = "";
  let before = "";
  for (const [service, hash] of hashes) {
    const line = `${service}=${hash}\n`;
    // Plans come sorted and stay so while their services do.
    if (line < before) return sortedLinesOf(hashes);
    lines += line;
    before = line;
  }
  return lines;
}

function sortedLinesOf(hashes: ReadonlyMap<ServiceId, string>): string {
  const lines = Array.from(hashes, ([service, hash]) => `${service}=${hash}\n`);
  return lines.toSorted(compareNames).join("");
}

/** Whether two digests, or other byte strings, are the same. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
