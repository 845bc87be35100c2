import { DEFAULTS } from "../../src/io/yaml/fleet-document.ts";
import { DEFAULT_DOLLARS_PER_REQUEST_MS } from "../../src/model/fleet-document.ts";
import type {
  DocumentCluster,
  DocumentDestination,
  DocumentService,
  FleetDocument,
  LoadCurve,
  Matrix,
} from "../../src/model/fleet-document.ts";
import type { ClusterId, ServiceId, Version } from "../../src/model/ids.ts";

/** What a generated scenario consists of. */
export interface FleetParts {
  readonly description: string;
  readonly clusters: readonly string[];
  /** Cluster × cluster, ms; only what lies above the diagonal is read. */
  readonly rttMs: readonly (readonly number[])[];
  readonly services: readonly DocumentService[];
}

/** A fleet of active clusters without prices, under the settings of a document that has none. */
export function aFleet({ description, clusters, rttMs, services }: FleetParts): FleetDocument {
  return {
    description,
    clusters: clusters.map((name): DocumentCluster => ({ name: name as ClusterId, labels: {}, state: "active" })),
    rttMs: upperMatrix(clusters, rttMs),
    localRttMs: DEFAULTS.localRttMs,
    egressDollarsPerGb: {},
    services,
    settings: { utilisationMax: DEFAULTS.utilisationMax },
  };
}

function upperMatrix(names: readonly string[], values: readonly (readonly number[])[]): Matrix {
  const rows = names.slice(0, -1).map((from, i) => {
    const row = names
      .slice(i + 1)
      .map((to, offset): [string, number] => [to, values[i]?.[i + 1 + offset] ?? Number.NaN]);
    return [from, Object.fromEntries(row)];
  });
  return Object.fromEntries(rows);
}

/** What a generated service consists of. */
export interface ServiceParts {
  readonly name: string;
  readonly demandRps: Readonly<Record<string, number>>;
  readonly destinations: readonly { readonly cluster: string; readonly curve: LoadCurve }[];
}

/** A service of one version, without policies. */
export function aService({ name, demandRps, destinations }: ServiceParts): DocumentService {
  const version = "v1" as Version;
  return {
    name: name as ServiceId,
    stableVersion: version,
    destinations: destinations.map(({ cluster, curve }): DocumentDestination => ({
      cluster: cluster as ClusterId,
      version,
      curve,
    })),
    demandRps,
    bytesPerRequest: 0,
    objective: { dollarsPerRequestMs: DEFAULT_DOLLARS_PER_REQUEST_MS },
    policy: { isolation: "none", requiredLabels: {}, deniedClusters: [], maxShare: 1, surviveLossOf: "none" },
  };
}
