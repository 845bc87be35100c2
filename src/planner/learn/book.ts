import type { DestinationKey } from "../../model/destination.ts";
import { keyOf } from "../../model/destination.ts";
import type { FleetState, ServiceState } from "../../model/fleet.ts";
import type { ClusterId } from "../../model/ids.ts";
import type { TrafficRow } from "../../model/report.ts";
import { demandOf } from "../room.ts";
import { splitOf } from "../outlook.ts";

/** What one source sent one destination in its newest window. */
export interface Sent {
  readonly requests: number;
  readonly offeredRps: number;
  readonly servedRps: number;
  /** Mean latency, the way included, ms; undefined: not said. */
  readonly latencyMs?: number;
}

/** One source's newest window of one service. */
export interface CallerWindow {
  readonly endMs: number;
  readonly lengthMs: number;
  /** To all destinations together. */
  readonly requests: number;
  readonly sent: ReadonlyMap<DestinationKey, Sent>;
}

/** Requests per second that all callers together send a destination. */
export type Load = Pick<Sent, "offeredRps" | "servedRps">;

/** Windows that ended longer ago say nothing of now: three turns. */
export const FRESH_MS = 45_000;

/** Fewer requests give no latency worth a sample. */
export const TIMED_REQUESTS_MIN = 20;

/** How long sums of windows hold while no window comes, ms: only their age could change them. */
const LOADS_MS = 5_000;

/** What callers said of one service, the newest window of each. Loads are worked out once for all that ask. */
export class CallersBook {
  readonly windows = new Map<ClusterId, CallerWindow>();
  #loads: ReadonlyMap<DestinationKey, Load> | undefined;
  #loadsAtMs = 0;
  #released: ServiceState["released"] | undefined;
  #senders: ReadonlyMap<DestinationKey, readonly ClusterId[]> = new Map();

  /** Takes in a source's rows. */
  note(source: ClusterId, rows: readonly TrafficRow[], head: Omit<CallerWindow, "sent">): CallerWindow {
    const sent = new Map(rows.map((row) => [row.destination, sentIn(row, head.lengthMs)]));
    const window = { ...head, sent };
    this.windows.set(source, window);
    this.#loads = undefined;
    return window;
  }

  /**
   * Requests per second at a destination now, from what all its callers say they sent; undefined while one that has weight on
   * it and asks for something has not spoken: a load that is not known whole teaches nothing.
   */
  loadOf(key: DestinationKey, nowMs: number, seen: Surroundings): Load | undefined {
    for (const source of this.#sendersTo(key, seen)) if (!this.#isFresh(source, nowMs)) return undefined;
    if (this.#loads === undefined || nowMs - this.#loadsAtMs > LOADS_MS) {
      this.#loads = loadsIn(this.windows, nowMs);
      this.#loadsAtMs = nowMs;
    }
    return this.#loads.get(key) ?? NOTHING;
  }

  /** Who was told to send a destination anything, and has something to send. */
  #sendersTo(key: DestinationKey, { state, service }: Surroundings): readonly ClusterId[] {
    if (this.#released !== service.released) {
      this.#released = service.released;
      this.#senders = sendersIn(state, service);
    }
    return (this.#senders.get(key) ?? []).filter((source) => demandOf(service, source) > 0);
  }

  #isFresh(source: ClusterId, nowMs: number): boolean {
    const window = this.windows.get(source);
    return window !== undefined && nowMs - window.endMs <= FRESH_MS;
  }
}

const NOTHING: Load = { offeredRps: 0, servedRps: 0 };

/** Sums in the order of names: they must not depend on who reported first. */
function loadsIn(windows: ReadonlyMap<ClusterId, CallerWindow>, nowMs: number): ReadonlyMap<DestinationKey, Load> {
  const loads = new Map<DestinationKey, { offeredRps: number; servedRps: number }>();
  for (const source of [...windows.keys()].toSorted()) {
    const window = windows.get(source);
    if (window === undefined || nowMs - window.endMs > FRESH_MS) continue;
    for (const [key, { offeredRps, servedRps }] of window.sent) {
      const load = loads.get(key);
      if (load === undefined) loads.set(key, { offeredRps, servedRps });
      else {
        load.offeredRps += offeredRps;
        load.servedRps += servedRps;
      }
    }
  }
  return loads;
}

/** What the book is read beside. */
export interface Surroundings {
  readonly state: FleetState;
  readonly service: ServiceState;
}

function sendersIn(state: FleetState, { released }: ServiceState): ReadonlyMap<DestinationKey, readonly ClusterId[]> {
  const senders = new Map<DestinationKey, ClusterId[]>();
  for (const [source, hash] of Object.entries(released) as [ClusterId, ServiceState["released"][ClusterId]][]) {
    const routeSet = state.routeSets.get(hash);
    if (routeSet === undefined || state.clusters.get(source)?.verdict === "dead") continue;
    for (const { destination } of splitOf(routeSet).filter(({ weight }) => weight > 0)) {
      const key = keyOf(destination);
      const its = senders.get(key);
      if (its === undefined) senders.set(key, [source]);
      else its.push(source);
    }
  }
  return senders;
}

function sentIn(row: TrafficRow, lengthMs: number): Sent {
  const { requests, failures } = row;
  const latencyMs = row.latencyMeanMs ?? meanBetween(row);
  return {
    requests,
    offeredRps: (requests * 1_000) / lengthMs,
    // What failed took work or none: counted as none, a destination that fails never looks larger than it is.
    servedRps: (Math.max(0, requests - failures) * 1_000) / lengthMs,
    ...(latencyMs !== undefined && { latencyMs }),
  };
}

/** The 99th percentile of a log-normal distribution lies so many deviations above its median. */
const P99_DEVIATIONS = 2.326;
const DEVIATION_MAX = 2;

/** The mean of a log-normal distribution with this median and 99th percentile: where no mean is said. */
function meanBetween({ latencyP50Ms, latencyP99Ms }: TrafficRow): number | undefined {
  if (latencyP50Ms === undefined || latencyP99Ms === undefined || latencyP50Ms <= 0) return undefined;
  const deviation = Math.min(DEVIATION_MAX, Math.max(0, Math.log(latencyP99Ms / latencyP50Ms)) / P99_DEVIATIONS);
  return latencyP50Ms * Math.exp((deviation * deviation) / 2);
}
