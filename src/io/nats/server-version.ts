import type { Refusal } from "../../model/refusal.ts";

/** Oldest servers that carry the fixes for lost acknowledged messages and the advisories of June 2026. */
const FLOORS: readonly (readonly [number, number, number])[] = [
  [2, 12, 12],
  [2, 14, 3],
];

/** Refuses a server too old to hold the log: below 2.12.12, 2.13, or 2.14.0 to 2.14.2. */
export function refuseOldServer(version: string): Refusal | undefined {
  const numbers = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  const [major = 0, minor = 0, patch = 0] = numbers ?? [];
  if (isNewEnough(major, minor, patch)) return undefined;
  return {
    code: "NATS_TOO_OLD",
    field: "",
    message:
      `the NATS server is ${version === "" ? "of an unknown version" : version}; older ones can lose acknowledged ` +
      "records. Run 2.12.12 or a later 2.12, or 2.14.3 or later (2.15.1 is recommended).",
  };
}

function isNewEnough(major: number, minor: number, patch: number): boolean {
  if (major !== 2) return major > 2;
  const floor = FLOORS.find(([, floorMinor]) => floorMinor === minor);
  if (floor !== undefined) return patch >= floor[2];
  return minor > 14;
}
