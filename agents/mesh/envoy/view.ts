import { isDeepStrictEqual } from "node:util";
import type { DestinationEvidence, LocalEndpoint, LocalEndpoints } from "../../core/ports.ts";
import type { Destination } from "../../../src/model/destination.ts";
import { keyOf } from "../../../src/model/destination.ts";
import type { ClusterId, ServiceId } from "../../../src/model/ids.ts";
import { compareNames } from "../../../src/model/ids.ts";
import type { RouteSet } from "../../../src/model/plan.ts";
import type { PeerRow, WorkloadRow } from "../../../src/model/report.ts";
import { countRequests } from "./count-requests.ts";
import type { Sample } from "./counters.ts";
import { envoyClusterOf } from "./statistics.ts";
import { inboundEnvoyCluster, outboundEnvoyCluster, peerEnvoyCluster, readEnvoyCluster } from "./render-names.ts";
import type { Version } from "../../../src/model/ids.ts";
import type { Tally } from "./tally.ts";

/** What the view needs to know of the plan in force to say what its numbers mean. */
export interface Scene {
  readonly routeSets: readonly RouteSet[];
  readonly endpoints: LocalEndpoints;
}

/** How this cluster's Envoys see the world, from the statistics they send. */
export interface View {
  /** Takes in a report that was written at `atMs`, by this view's clock; undefined: now. */
  see(node: string, samples: readonly Sample[], atMs?: number): void;
  /** That Envoy sends no more: what it saw is no longer true. */
  lose(node: string): void;
  show(scene: Scene): void;
  peers(): readonly PeerRow[];
  evidence(): Iterable<DestinationEvidence>;
  workloads(): readonly WorkloadRow[];
}

export interface ViewOptions {
  readonly cluster: ClusterId;
  /** Milliseconds that never go back. */
  readonly clock: () => number;
  readonly tally: Tally;
  readonly onTrouble: () => void;
}

/** Trouble that one destination of one service is in. */
interface Trouble {
  readonly failures: number;
  readonly notReadySince: number | undefined;
  readonly answeredAt: number | undefined;
}

/** A view that has seen nothing yet. */
export function createView({ cluster, clock, tally, onTrouble }: ViewOptions): View {
  const healthy = new Map<string, ReadonlyMap<string, number>>();
  const troubles = new Map<string, Trouble>();
  let scene: Scene = { routeSets: [], endpoints: new Map() };

  const update = (round: Round) => {
    let isWorse = false;
    for (const { service, destination } of destinationsIn(scene)) {
      const key = keyFor(service, destination);
      const before = troubles.get(key) ?? NO_TROUBLE;
      const after = {
        failures: failuresAfter(before, round, key),
        notReadySince: readiness(before, service, destination),
        answeredAt: round.succeeded.has(key) ? clock() : before.answeredAt,
      };
      if (isDeepStrictEqual(after, NO_TROUBLE)) troubles.delete(key);
      else troubles.set(key, after);
      isWorse ||=
        after.failures > before.failures || (before.notReadySince ?? Infinity) > (after.notReadySince ?? Infinity);
    }
    if (isWorse) onTrouble();
  };

  const readiness = (before: Trouble, service: ServiceId, destination: Destination) => {
    const isReady = destination.cluster === cluster ? localReady(service, destination) : peerReady(destination.cluster);
    return isReady ? undefined : (before.notReadySince ?? clock());
  };
  const localReady = (service: ServiceId, { version }: Destination) => {
    const endpoints = scene.endpoints.get(service)?.get(version) ?? [];
    return endpoints.length > 0 && best(healthy, inboundEnvoyCluster(service, version)) !== 0;
  };
  const peerReady = (peer: ClusterId) => best(healthy, peerEnvoyCluster(peer)) !== 0;

  const evidenceOf = ({ service, destination }: Sent): DestinationEvidence => {
    const { failures, notReadySince, answeredAt } = troubles.get(keyFor(service, destination)) ?? NO_TROUBLE;
    return {
      destination: keyOf(destination),
      service,
      cluster: destination.cluster,
      consecutiveConnectFailures: failures,
      noReadyEndpointForMs: notReadySince === undefined ? 0 : Math.max(1, Math.round(clock() - notReadySince)),
      ...(answeredAt === undefined ? {} : { answeredAgoMs: Math.round(clock() - answeredAt) }),
    };
  };

  return {
    see: (node, samples, atMs = clock()) => {
      countRequests(samples, tally, atMs);
      healthy.set(node, membership(samples));
      update(roundOf(samples));
    },
    lose: (node) => void healthy.delete(node),
    show: (next) => {
      scene = next;
      const current = new Set(destinationsIn(next).map(({ service, destination }) => keyFor(service, destination)));
      for (const key of troubles.keys()) if (!current.has(key)) troubles.delete(key);
    },
    peers: () => peersIn(healthy),
    evidence: () => destinationsIn(scene).map(evidenceOf),
    workloads: () => workloadsIn(scene, healthy),
  };
}

const NO_TROUBLE: Trouble = { failures: 0, notReadySince: undefined, answeredAt: undefined };

/** What one report says about successes and failures, by service and destination. */
interface Round {
  readonly succeeded: ReadonlySet<string>;
  readonly failed: ReadonlyMap<string, number>;
}

/** Failures since the last success. Of the two in one report, the failure is taken for the later. */
function failuresAfter({ failures }: Trouble, { succeeded, failed }: Round, key: string): number {
  const added = failed.get(key) ?? 0;
  return succeeded.has(key) ? added : failures + added;
}

const FAILED: ReadonlySet<string> = new Set([
  "upstream_cx_connect_fail",
  "upstream_rq_per_try_timeout",
  "upstream_rq_timeout",
]);

function roundOf(samples: readonly Sample[]): Round {
  const succeeded = new Set<string>();
  const failed = new Map<string, number>();
  for (const { statistic, value } of samples) {
    if (statistic.envoyCluster.kind !== "out" || value === 0) continue;
    const { service, destination } = statistic.envoyCluster;
    if (statistic.kind === "zone") {
      if (statistic.what === "upstream_rq_completed") succeeded.add(keyFor(service, statistic.destination));
    } else if (FAILED.has(statistic.what)) {
      const key = keyFor(service, destination);
      failed.set(key, (failed.get(key) ?? 0) + value);
    }
  }
  return { succeeded, failed };
}

/** How many endpoints of each envoyCluster one Envoy finds healthy. */
function membership(samples: readonly Sample[]): ReadonlyMap<string, number> {
  const found = samples.filter(({ statistic: { what } }) => what === "membership_healthy");
  return new Map(found.map(({ name, value }) => [envoyClusterOf(name), value]));
}

/** What the Envoy that sees most sees; undefined when none has looked. */
function best(healthy: ReadonlyMap<string, ReadonlyMap<string, number>>, name: string): number | undefined {
  const seen = [...healthy.values()].flatMap((one) => one.get(name) ?? []);
  return seen.length === 0 ? undefined : Math.max(...seen);
}

function peersIn(healthy: ReadonlyMap<string, ReadonlyMap<string, number>>): readonly PeerRow[] {
  const names = new Set([...healthy.values()].flatMap((one) => [...one.keys()]));
  return [...names].toSorted(compareNames).flatMap((name) => {
    const meaning = readEnvoyCluster(name);
    return meaning?.kind === "peer" ? [{ cluster: meaning.cluster, isReachable: (best(healthy, name) ?? 0) > 0 }] : [];
  });
}

/** A destination that requests of a service are sent to. */
interface Sent {
  readonly service: ServiceId;
  readonly destination: Destination;
}

/** One after the other: thousands of them at once, every second, would grow old before they are garbage. */
function* destinationsIn({ routeSets }: Scene): Generator<Sent> {
  for (const { service, reaches } of routeSets) for (const { destination } of reaches) yield { service, destination };
}

function keyFor(service: ServiceId, destination: Destination): string {
  return outboundEnvoyCluster(service, destination, 0);
}

function workloadsIn(
  { endpoints }: Scene,
  healthy: ReadonlyMap<string, ReadonlyMap<string, number>>,
): readonly WorkloadRow[] {
  return [...endpoints]
    .toSorted(([a], [b]) => compareNames(a, b))
    .flatMap(([service, versions]) =>
      [...versions]
        .toSorted(([a], [b]) => compareNames(a, b))
        .map(([version, all]) => workload({ service, version: version as Version, all, healthy })),
    );
}

interface Workload {
  readonly service: ServiceId;
  readonly version: Version;
  readonly all: readonly LocalEndpoint[];
  readonly healthy: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

function workload({ service, version, all, healthy }: Workload): WorkloadRow {
  const seen = best(healthy, inboundEnvoyCluster(service, version));
  const capacities = all.flatMap(({ capacityRps }) => capacityRps ?? []);
  const capacityRps = capacities.reduce((sum, one) => sum + one, 0);
  return {
    service,
    version,
    // A version that no plan names yet is nowhere watched: it counts as its owner lists it.
    readyEndpoints: Math.min(seen ?? all.length, all.length),
    totalEndpoints: all.length,
    ...(capacities.length === all.length && all.length > 0 ? { capacityRps } : {}),
  };
}
