import { decodeRecord, encodeRecord } from "./record.ts";
import { encodeRouteSet } from "./route-set.ts";
import { decodeSnapshot, encodeSnapshot, encodeSnapshotInSteps } from "./snapshot.ts";

/** Bytes of records, route sets and snapshots, in the form of the engine's port `Codec`. */
export const codec = {
  encodeRecord,
  decodeRecord,
  encodeRouteSet,
  encodeSnapshot,
  encodeSnapshotInSteps,
  decodeSnapshot,
} as const;
