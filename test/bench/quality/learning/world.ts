import type { DestinationKey, Split } from "../../../../src/model/destination.ts";
import { keyOf, WEIGHT_TOTAL } from "../../../../src/model/destination.ts";
import type { FleetDocument } from "../../../../src/model/fleet-document.ts";
import type { ClusterId, ServiceId, Version } from "../../../../src/model/ids.ts";
import type { ClusterReport, TrafficRow, WorkloadRow } from "../../../../src/model/report.ts";
import type { SeededRandom } from "../../../scenarios/seeded-random.ts";
import { latencyMs } from "../curve.ts";
import { loadsOf, SHED_ABOVE } from "../evaluate.ts";
import { instancesOf } from "../instance.ts";
import type { Backend, Division, Instance } from "../instance.ts";

/** How wrong what clusters say is, and how noisy what they measure. */
export interface Untruths {
  /** Log-normal deviation of the capacity that each cluster claims at first. */
  readonly capacitySigma: number;
  /** Relative deviation of one window's utilisation. */
  readonly utilisationNoise: number;
  /** Relative deviation of one window's mean latency of one source. */
  readonly latencyNoise: number;
  /** Share of the clusters that report `liarsFactor` of their utilisation, whatever it is. */
  readonly liars: number;
  readonly liarsFactor: number;
}

/** A fleet as it truly is, behind the reports that a planner gets of it. */
export interface World {
  readonly document: FleetDocument;
  readonly instances: readonly Instance[];
  /** Capacity that a cluster claims, backend by backend, rps: the first word, and every later one. */
  readonly claimsRps: ReadonlyMap<ServiceId, readonly number[]>;
  readonly liars: ReadonlySet<string>;
  readonly untruths: Untruths;
  readonly random: SeededRandom;
}

/** Draws the untruths about a fleet. */
export function worldOf(document: FleetDocument, untruths: Untruths, random: SeededRandom): World {
  const instances = instancesOf(document);
  const names = document.clusters.map(({ name }) => name);
  const liars = random.some(
    names.map((_, at) => at),
    Math.round(untruths.liars * names.length),
  );
  return {
    document,
    instances,
    claimsRps: new Map(
      instances.map(({ name, backends }) => [
        name as ServiceId,
        backends.map(({ capacityRps }) => capacityRps * Math.exp(untruths.capacitySigma * random.normal())),
      ]),
    ),
    liars: new Set(liars.map((at) => names[at] ?? "")),
    untruths,
    random,
  };
}

/** The requests that splits lead to. */
export function divisionBy(instance: Instance, splits: Readonly<Record<string, Split>>): Division {
  return instance.clusters.map((cluster, source) =>
    instance.backends.map((backend) => {
      const key = keyIn(instance, backend);
      const found = (splits[cluster] ?? []).find(({ destination }) => keyOf(destination) === key);
      return ((instance.demandRps[source] ?? 0) * (found?.weight ?? 0)) / WEIGHT_TOTAL;
    }),
  );
}

function keyIn({ clusters }: Instance, { cluster, version }: Backend): DestinationKey {
  return keyOf({ cluster: (clusters[cluster] ?? "") as ClusterId, version: version as Version });
}

/** Length of one window of the reports, ms: a turn. */
export const WINDOW_MS = 15_000;

/** What agents would report of one window: counts, mean latencies and utilisation, each with its noise. */
export function reportsOf(
  world: World,
  divisions: readonly Division[],
  endMs: number,
): ReadonlyMap<ClusterId, ClusterReport> {
  const traffic = new Map<string, TrafficRow[]>();
  const workloads = new Map<string, WorkloadRow[]>();
  for (const [at, instance] of world.instances.entries()) {
    const division = divisions[at] ?? [];
    const loads = loadsOf(instance, division);
    for (const [b, backend] of instance.backends.entries()) {
      const loadRps = loads[b] ?? 0;
      const { servedRps, row } = workloadOf(world, { instance, b, loadRps });
      const name = instance.clusters[backend.cluster] ?? "";
      workloads.set(name, [...(workloads.get(name) ?? []), row]);
      for (const [source, amounts] of division.entries()) {
        const rps = amounts[b] ?? 0;
        if (rps === 0) continue;
        const sent = sentOf(world, { instance, backend, source, rps, loadRps, servedRps });
        const from = instance.clusters[source] ?? "";
        traffic.set(from, [...(traffic.get(from) ?? []), sent]);
      }
    }
  }
  return new Map(
    world.document.clusters.map(({ name }) => {
      const rows = { traffic: traffic.get(name) ?? [], workloads: workloads.get(name) ?? [] };
      return [name, reportOf(name, rows, endMs)] as const;
    }),
  );
}

interface Served {
  readonly instance: Instance;
  readonly b: number;
  readonly loadRps: number;
}

function workloadOf({ claimsRps, liars, untruths, random }: World, { instance, b, loadRps }: Served) {
  const backend = instance.backends[b] as Backend;
  const service = instance.name as ServiceId;
  const servedRps = Math.min(loadRps, SHED_ABOVE * backend.capacityRps);
  const noisy = (servedRps / backend.capacityRps) * (1 + untruths.utilisationNoise * random.normal());
  const told = liars.has(instance.clusters[backend.cluster] ?? "") ? noisy * untruths.liarsFactor : noisy;
  const row: WorkloadRow = {
    service,
    version: backend.version as Version,
    readyEndpoints: 10,
    totalEndpoints: 10,
    capacityRps: claimsRps.get(service)?.[b] ?? 0,
    utilisation: Math.min(1, Math.max(0, told)),
  };
  return { servedRps, row };
}

interface Sending {
  readonly instance: Instance;
  readonly backend: Backend;
  readonly source: number;
  readonly rps: number;
  readonly loadRps: number;
  readonly servedRps: number;
}

function sentOf(
  { untruths, random }: World,
  { instance, backend, source, rps, loadRps, servedRps }: Sending,
): TrafficRow {
  const mean = (rps * WINDOW_MS) / 1_000;
  const requests = Math.max(0, Math.round(mean + Math.sqrt(mean) * random.normal()));
  const failedShare = loadRps === 0 ? 0 : 1 - servedRps / loadRps;
  const rttMs = instance.rttMs[source]?.[backend.cluster] ?? Number.NaN;
  const latency = (rttMs + latencyMs(backend.curve, servedRps)) * (1 + untruths.latencyNoise * random.normal());
  return {
    service: instance.name as ServiceId,
    destination: keyIn(instance, backend),
    requests,
    failures: Math.round(requests * failedShare),
    latencyMeanMs: Math.max(0, latency),
  };
}

function reportOf(
  cluster: ClusterId,
  rows: Pick<ClusterReport, "traffic" | "workloads">,
  endMs: number,
): ClusterReport {
  return {
    cluster,
    uid: `uid-${cluster}`,
    bootId: "bench",
    sequence: endMs,
    receivedAtMs: endMs,
    appliedHashes: {},
    refusals: [],
    ...rows,
    windowMs: WINDOW_MS,
    peers: [],
    isStreamOpen: true,
  };
}
