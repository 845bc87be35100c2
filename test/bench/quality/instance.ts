import assert from "node:assert/strict";
import { DEFAULT_RTT_MS } from "../../../src/model/cluster.ts";
import type {
  DocumentCluster,
  DocumentService,
  FleetDocument,
  LoadCurve,
  Matrix,
} from "../../../src/model/fleet-document.ts";
import { capacityOf } from "./curve.ts";

/** One service of a fleet, by index: rows are source clusters, columns its backends. */
export interface Instance {
  readonly name: string;
  readonly clusters: readonly string[];
  /** Offered requests per second of each cluster's callers. */
  readonly demandRps: readonly number[];
  readonly totalRps: number;
  readonly backends: readonly Backend[];
  /** Cluster × cluster. */
  readonly rttMs: readonly (readonly number[])[];
  /** Price of one request, cluster × backend. */
  readonly dollarsPerRequest: readonly (readonly number[])[];
  /** Round trip and price of one request, ms, cluster × backend. */
  readonly costMs: readonly (readonly number[])[];
  /** Whether a source's requests may go to a backend, cluster × backend: alive, and no policy against it. */
  readonly mayUse: readonly (readonly boolean[])[];
  /** Most of a source's requests that one backend may get, 0 to 1. */
  readonly maxShare: number;
  readonly stableVersion: string;
  readonly release?: ReleaseShare;
}

/** One version of a service in one cluster. */
export interface Backend {
  /** Index into `clusters`. */
  readonly cluster: number;
  readonly version: string;
  readonly curve: LoadCurve;
  /** Most it serves, rps. */
  readonly capacityRps: number;
  /** What is sent to a dead cluster fails. */
  readonly isAlive: boolean;
  /** What proxies see of its hosts, 0 to 1: label `healthy-hosts-percent` of its cluster, else all. */
  readonly healthyShare: number;
  /** Threshold that an operator has given Waterfall, rps: label `waterfall-rps` of its cluster. */
  readonly thresholdRps: number | undefined;
}

/** The share of a service's requests that a version other than the stable one gets. */
export interface ReleaseShare {
  readonly version: string;
  readonly share: number;
  readonly maxSourceShare: number;
}

/** Requests per second, cluster × backend: how a service's requests divide. */
export type Division = readonly (readonly number[])[];

/** Every service of a document. Only what a bench compares is understood: at most one released version for a service. */
export function instancesOf(document: FleetDocument): readonly Instance[] {
  return document.services.map((service) => instanceOf(document, service));
}

/** One service of a document. */
export function instanceOf(document: FleetDocument, service: DocumentService): Instance {
  const { clusters } = document;
  const backends = service.destinations.map(({ cluster, version, curve }) => {
    const index = clusters.findIndex(({ name }) => name === cluster);
    const at = clusters[index];
    assert(at !== undefined, `${service.name}: ${cluster} is a cluster of the document`);
    return { cluster: index, version, curve, capacityRps: capacityOf(curve), ...seenOf(at) };
  });
  const rttMs = clusters.map(({ name: from }) =>
    clusters.map(({ name: to }) =>
      from === to ? document.localRttMs : (between(document.rttMs, from, to) ?? DEFAULT_RTT_MS),
    ),
  );
  const dollarsPerRequest = clusters.map(({ name: from }) =>
    service.destinations.map(({ cluster: to }) =>
      from === to ? 0 : ((between(document.egressDollarsPerGb, from, to) ?? 0) * service.bytesPerRequest) / 1e9,
    ),
  );
  const demandRps = clusters.map(({ name }) => service.demandRps[name] ?? 0);
  return {
    name: service.name,
    clusters: clusters.map(({ name }) => name),
    demandRps,
    totalRps: demandRps.reduce((sum, rps) => sum + rps, 0),
    backends,
    rttMs,
    dollarsPerRequest,
    costMs: dollarsPerRequest.map((row, from) =>
      row.map(
        (dollars, backend) =>
          (rttMs[from]?.[backends[backend]?.cluster ?? -1] ?? Number.NaN) +
          dollars / service.objective.dollarsPerRequestMs,
      ),
    ),
    mayUse: clusters.map((from) => service.destinations.map((to) => mayUse(document, service, from.name, to.cluster))),
    maxShare: service.policy.maxShare,
    stableVersion: service.stableVersion,
    ...releaseOf(service),
  };
}

function seenOf(cluster: DocumentCluster): Pick<Backend, "isAlive" | "healthyShare" | "thresholdRps"> {
  const threshold = cluster.labels["waterfall-rps"];
  return {
    isAlive: cluster.state !== "dead",
    healthyShare: cluster.state === "dead" ? 0 : Number(cluster.labels["healthy-hosts-percent"] ?? 100) / 100,
    thresholdRps: threshold === undefined ? undefined : Number(threshold),
  };
}

function between(matrix: Matrix, from: string, to: string): number | undefined {
  const rows: Readonly<Record<string, Readonly<Record<string, number>>>> = matrix;
  return rows[from]?.[to] ?? rows[to]?.[from];
}

function mayUse(document: FleetDocument, { policy, destinations }: DocumentService, from: string, to: string): boolean {
  const isOpen = (name: string): boolean => {
    const cluster = document.clusters.find((one) => one.name === name);
    if (cluster === undefined || cluster.state === "dead" || cluster.state === "draining") return false;
    if (cluster.state === "cordoned" && name !== from) return false;
    if (policy.allowedClusters?.includes(cluster.name) === false) return false;
    if (policy.deniedClusters.includes(cluster.name)) return false;
    return Object.entries(policy.requiredLabels).every(([label, value]) => cluster.labels[label] === value);
  };
  if (!isOpen(to)) return false;
  if (policy.isolation === "none" || from === to) return true;
  if (policy.isolation === "strict") return false;
  // `nearest`: only for want of a living destination at home; then wherever is nearest.
  const distance = (name: string): number => between(document.rttMs, from, name) ?? DEFAULT_RTT_MS;
  const open = destinations.map(({ cluster }) => cluster).filter(isOpen);
  if (open.some((name) => name === from)) return false;
  return distance(to) === Math.min(...open.map(distance));
}

function releaseOf(service: DocumentService): { readonly release?: ReleaseShare } {
  const shares = Object.entries(service.release?.shares ?? {});
  assert(shares.length <= 1, `${service.name}: at most one version is released at a time`);
  const [first] = shares;
  if (first === undefined || service.release === undefined) return {};
  return { release: { version: first[0], share: first[1], maxSourceShare: service.release.maxSourceShare } };
}
