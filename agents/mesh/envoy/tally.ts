import { compareNames } from "../../../src/model/ids.ts";
import type { ServiceId } from "../../../src/model/ids.ts";
import type { Destination, DestinationKey } from "../../../src/model/destination.ts";
import { keyOf } from "../../../src/model/destination.ts";
import type { TrafficRow } from "../../../src/model/report.ts";
import type { MeshWindow } from "../../core/ports.ts";

/** Requests seen since the last count. */
export interface Seen {
  readonly service: ServiceId;
  readonly destination: Destination;
  readonly requests: number;
  readonly failures: number;
  readonly latencyMeanMs?: number;
  readonly latencyP50Ms?: number;
  readonly latencyP99Ms?: number;
}

/** Sums what the proxies report until somebody takes it. */
export interface Tally {
  add(seen: Seen): void;
  /** Says by how much the requests under way to a destination became more, or with a negative number less. */
  more(of: Pick<Seen, "service" | "destination">, change: number): void;
  /** Says that everything up to a moment has been added; undefined: up to now. */
  counted(atMs?: number): void;
  take(): Pick<MeshWindow, "windowMs" | "traffic">;
}

/**
 * A new, empty tally. Its windows end with the proxies' reports, not with the call that takes them: a window that cuts a report
 * interval in two would show no requests in one half and twice as many in the other. A window without any report is 0 ms long.
 */
export function createTally(clock: () => number): Tally {
  let rows = new Map<string, TrafficRow>();
  let changes = new Map<string, Change>();
  let startedAt = clock();
  let countedAt = startedAt;
  return {
    add: (seen) => {
      const key = `${seen.service} ${keyOf(seen.destination)}`;
      rows.set(key, sum(rows.get(key), seen));
    },
    more: ({ service, destination }, change) => {
      const key = `${service} ${keyOf(destination)}`;
      const before = changes.get(key)?.change ?? 0;
      changes.set(key, { service, destination: keyOf(destination), change: before + change });
    },
    counted: (atMs = clock()) => {
      countedAt = Math.max(countedAt, atMs);
    },
    take: () => {
      const window = { windowMs: Math.round(countedAt - startedAt), traffic: sorted(begun(rows, changes)) };
      changes = owed(rows, changes);
      rows = new Map();
      startedAt = countedAt;
      return window;
    },
  };
}

interface Change extends Pick<TrafficRow, "service" | "destination"> {
  readonly change: number;
}

/** The requests that began: those that ended, and what is under way now more than before. Never fewer than have failed. */
function begun(
  ended: ReadonlyMap<string, TrafficRow>,
  changes: ReadonlyMap<string, Change>,
): ReadonlyMap<string, TrafficRow> {
  const rows = new Map(ended);
  for (const [key, { service, destination, change }] of changes) {
    const row = rows.get(key) ?? { service, destination, requests: 0, failures: 0 };
    rows.set(key, { ...row, requests: Math.max(row.failures, row.requests + change) });
  }
  return rows;
}

/**
 * What could not be taken off: a request that ends while a report is written is counted as ended and as under way, and the next
 * report takes it off where nothing may be left to take it from.
 */
function owed(ended: ReadonlyMap<string, TrafficRow>, changes: ReadonlyMap<string, Change>): Map<string, Change> {
  const left = [...changes].map(([key, { change, ...of }]) => {
    const { requests, failures } = ended.get(key) ?? { requests: 0, failures: 0 };
    return [key, { ...of, change: Math.min(0, requests + change - failures) }] as const;
  });
  return new Map(left.filter(([, { change }]) => change < 0));
}

function sum(before: TrafficRow | undefined, { service, destination, ...seen }: Seen): TrafficRow {
  const mean = weighted("latencyMeanMs", before, seen);
  const p50 = weighted("latencyP50Ms", before, seen);
  const p99 = highest(before?.latencyP99Ms, seen.latencyP99Ms);
  return {
    service,
    destination: keyOf(destination),
    requests: (before?.requests ?? 0) + seen.requests,
    failures: (before?.failures ?? 0) + seen.failures,
    ...(mean === undefined ? {} : { latencyMeanMs: mean }),
    ...(p50 === undefined ? {} : { latencyP50Ms: p50 }),
    ...(p99 === undefined ? {} : { latencyP99Ms: p99 }),
  };
}

/** The mean of means, or of medians, by their requests; of medians an estimate, since the values behind them are gone. */
function weighted(
  name: "latencyMeanMs" | "latencyP50Ms",
  before: TrafficRow | undefined,
  seen: Omit<Seen, "service" | "destination">,
): number | undefined {
  const [was, is] = [before?.[name], seen[name]];
  if (is === undefined) return was;
  if (was === undefined || before === undefined || before.requests + seen.requests === 0) return is;
  return (was * before.requests + is * seen.requests) / (before.requests + seen.requests);
}

/** The higher of two 99th percentiles: on the safe side. */
function highest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.max(a, b);
}

function sorted(rows: ReadonlyMap<string, TrafficRow>): readonly TrafficRow[] {
  return [...rows.values()]
    .filter(({ requests }) => requests > 0)
    .toSorted((a, b) => compareNames(a.service, b.service) || byKey(a.destination, b.destination));
}

function byKey(a: DestinationKey, b: DestinationKey): number {
  return compareNames(a, b);
}
