import type { Measured } from "../../../src/model/command.ts";
import type { DestinationKey } from "../../../src/model/destination.ts";
import type { LogRecord } from "../../../src/model/event.ts";
import type { FleetState, ServiceState } from "../../../src/model/fleet.ts";
import type { Actor, ClusterId, Version } from "../../../src/model/ids.ts";
import type { ClusterReport } from "../../../src/model/report.ts";
import { DEFAULT_SETTINGS } from "../../../src/model/settings.ts";
import { evolve } from "../../../src/planner/evolve.ts";
import { Learner } from "../../../src/planner/learn/learner.ts";
import { latencyAt } from "../../../src/planner/learn/work.ts";
import { measured } from "../../../src/planner/measure.ts";
import { seededRandom } from "../../scenarios/seeded-random.ts";
import { aFleet, CHECKOUT } from "../planning-fleet.ts";
import type { ClusterOptions, ServiceOptions } from "../planning-fleet.ts";
import type { Truth } from "./a-destination.ts";

/** Length of a window, ms. */
export const WINDOW_MS = 15_000;

/** What clusters send each other, how it is served, and how noisily that is measured. */
export interface Traffic {
  /** Source → destination cluster → requests per second, all of version v1. */
  readonly rps: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly truths: Readonly<Record<string, Truth>>;
  /** Round trip between any two clusters, ms. */
  readonly rttMs: number;
  readonly noise?: number;
  /** Clusters that are not heard. */
  readonly silent?: readonly string[];
  /** What clusters say instead of their utilisation. */
  readonly said?: Readonly<Record<string, number>>;
}

/** A planner's state, fed with what agents of a small world report, window by window, as the leader feeds it. */
export class AWorld {
  state: FleetState;
  learner = new Learner();
  atMs = 1_000_000;
  /** Records that reports led to. */
  readonly records: Measured[] = [];
  readonly #random = seededRandom(1);

  constructor(clusters: Readonly<Record<string, ClusterOptions>>, service: ServiceOptions = {}) {
    this.state = aFleet(clusters, service);
  }

  get service(): ServiceState {
    const found = this.state.services.get(CHECKOUT);
    if (found === undefined) throw new Error("the service is there");
    return found;
  }

  /** So many windows of the same traffic. */
  play(traffic: Traffic, windows: number): void {
    for (let window = 0; window < windows; window += 1) {
      this.atMs += WINDOW_MS;
      this.take(this.reports(traffic));
    }
  }

  /** What the leader makes of reports. */
  take(reports: ReadonlyMap<ClusterId, ClusterReport>): void {
    const found = measured(this.state, reports, { settings: DEFAULT_SETTINGS, learner: this.learner });
    if (found === undefined) return;
    this.records.push(found);
    this.state = evolve(this.state, recordOf(this.state, found));
  }

  reports(traffic: Traffic): ReadonlyMap<ClusterId, ClusterReport> {
    const names = [...this.state.clusters.keys()].filter((name) => traffic.silent?.includes(name) !== true);
    return new Map(names.map((name) => [name, this.#reportOf(name, traffic)]));
  }

  #reportOf(cluster: ClusterId, { rps, truths, rttMs, noise = 0, said }: Traffic): ClusterReport {
    const noisy = (value: number): number => value * (1 + noise * this.#random.normal());
    const loadOn = (to: string): number => Object.values(rps).reduce((sum, row) => sum + (row[to] ?? 0), 0);
    const traffic = Object.entries(rps[cluster] ?? {}).map(([to, sent]) => {
      const truth = truths[to];
      const way = to === cluster ? 0 : rttMs;
      return {
        service: CHECKOUT,
        destination: `${to}/v1` as DestinationKey,
        requests: Math.round(noisy((sent * WINDOW_MS) / 1_000)),
        failures: 0,
        ...(truth !== undefined && { latencyMeanMs: noisy(way + latencyAt(truth, truth.capacityRps, loadOn(to))) }),
      };
    });
    const truth = truths[cluster];
    const utilisation = said?.[cluster] ?? (truth === undefined ? 0 : noisy(loadOn(cluster) / truth.capacityRps));
    const row = { service: CHECKOUT, version: "v1" as Version, readyEndpoints: 10, totalEndpoints: 10, utilisation };
    return {
      cluster,
      uid: `uid-${cluster}`,
      bootId: "boot",
      sequence: this.atMs,
      receivedAtMs: this.atMs,
      appliedHashes: {},
      refusals: [],
      traffic,
      windowMs: WINDOW_MS,
      workloads: truth === undefined ? [] : [row],
      peers: [],
      isStreamOpen: true,
    };
  }
}

function recordOf({ sequence, incarnation, epoch }: FleetState, found: Measured): LogRecord {
  const head = { writer: "test", nonce: `n-${sequence}`, atMs: 1_000_000 + sequence, actor: "planner" as Actor };
  const events = [{ kind: "measured", measured: found }] as const;
  return { sequence: sequence + 1, incarnation, epoch, ...head, command: undefined, events };
}
