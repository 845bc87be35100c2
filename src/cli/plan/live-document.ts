import type { Cluster } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { Membership, Verdict } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { CapacityOrigin } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import type { CapacityStatus, RoundTripStatus, Service, SourceStatus } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { pricesIn } from "../../io/yaml/fleet/objective.ts";
import { DEFAULTS } from "../../io/yaml/fleet-document.ts";
import { DEFAULT_MEAN_WORK_MS, DEFAULT_SQUARED_VARIATION, serversFor } from "../../model/fleet-document.ts";
import type {
  DocumentCluster,
  DocumentDestination,
  DocumentService,
  FleetDocument,
  LoadCurve,
  Matrix,
} from "../../model/fleet-document.ts";
import type { ClusterSpec } from "../../model/cluster.ts";
import type { ClusterId } from "../../model/ids.ts";
import { keyOf } from "../../model/destination.ts";
import type { Deployment, ServiceSpec } from "../../model/service.ts";
import { OPEN_POLICY } from "../../model/service.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import { valuationOf } from "../../planner/valuation.ts";
import { Checks } from "../../wire/checks.ts";
import { clusterSpecOf } from "../../wire/cluster.ts";
import { serviceSpecOf } from "../../wire/service.ts";
import { refused } from "../failure.ts";
import { rate } from "../notation.ts";

/** What a planner says of its fleet. */
export interface LiveFleet {
  readonly clusters: readonly Cluster[];
  readonly services: readonly Service[];
  /** Demand per service and source, declared or learned. */
  readonly sources: readonly SourceStatus[];
  /** What nobody declared and the planner knows. */
  readonly capacities: readonly CapacityStatus[];
  readonly roundTrips: readonly RoundTripStatus[];
}

/** A live fleet as a document, and what of it a document cannot say or the planner does not know. */
export interface LiveDocument {
  readonly document: FleetDocument;
  readonly notes: readonly string[];
}

/** Writes down a live fleet as it is declared and reported now. Shifts under way and their splits are not in it. */
export function liveDocument(live: LiveFleet): LiveDocument {
  const { clusters, services, sources, capacities, roundTrips } = live;
  const checks = new Checks();
  const members = clusters.flatMap((cluster) =>
    cluster.spec === undefined ? [] : [{ cluster, spec: clusterSpecOf(checks, "clusters", cluster.spec) }],
  );
  const specs = members.map(({ spec }) => spec);
  const declared = services.flatMap(({ spec }) =>
    spec === undefined ? [] : [serviceSpecOf(checks, "services", spec)],
  );
  const read = checks.result(specs);
  // A planner that says what this build cannot read is newer, or none of ours.
  if (!read.ok) throw refused(read.refusal);
  const egressDollarsPerGb = pricesOf(specs);
  const document = {
    description: "",
    clusters: members.map(({ spec, cluster }) => clusterOf(spec, cluster)),
    rttMs: roundTripsOf(specs, roundTrips),
    localRttMs: DEFAULTS.localRttMs,
    egressDollarsPerGb,
    services: declared.map((spec) => serviceOf(spec, { sources, capacities, egressDollarsPerGb })),
    settings: { utilisationMax: DEFAULT_SETTINGS.utilisationMax },
  };
  return { document, notes: declared.flatMap((spec) => notesOf(spec, document.services, capacities)) };
}

function clusterOf(spec: ClusterSpec, cluster: Cluster): DocumentCluster {
  // Policies take a cluster without a label `region` at its region.
  const region: Readonly<Record<string, string>> = spec.region === "" ? {} : { region: spec.region };
  const { maxDestinations } = spec;
  return {
    name: spec.cluster,
    labels: { ...region, ...spec.labels },
    state: stateOf(cluster),
    ...(maxDestinations === undefined ? {} : { maxDestinations }),
  };
}

function stateOf(cluster: Cluster): DocumentCluster["state"] {
  if (cluster.membership !== Membership.ACTIVE || cluster.verdict === Verdict.DEAD) return "dead";
  if (cluster.drain !== undefined) return "draining";
  // A quarantined cluster serves its own callers and nobody else.
  return cluster.isCordoned || cluster.isQuarantined ? "cordoned" : "active";
}

/** Each pair once: the planner takes what either side declares, the caller's first; else what was learned. */
function roundTripsOf(specs: readonly ClusterSpec[], learned: readonly RoundTripStatus[]): Matrix {
  const known = new Map(learned.map(({ clusterA, clusterB, rttMs }) => [`${clusterA} ${clusterB}`, rttMs]));
  return matrixOf(specs, (from, to) =>
    from.cluster < to.cluster
      ? (from.rttMs[to.cluster] ?? to.rttMs[from.cluster] ?? known.get(`${from.cluster} ${to.cluster}`))
      : undefined,
  );
}

function pricesOf(specs: readonly ClusterSpec[]): Matrix {
  return matrixOf(specs, (from, to) => from.egressDollarsPerGb?.[to.cluster]);
}

function matrixOf(
  specs: readonly ClusterSpec[],
  valueOf: (from: ClusterSpec, to: ClusterSpec) => number | undefined,
): Matrix {
  const rows = specs.map((from) => {
    const values = specs.flatMap((to) => {
      const value = from === to ? undefined : valueOf(from, to);
      return value === undefined ? [] : [[to.cluster, value] as const];
    });
    return [from.cluster, Object.fromEntries(values)] as const;
  });
  return Object.fromEntries(rows.filter(([, row]) => Object.keys(row).length > 0)) as Matrix;
}

interface Surroundings {
  readonly sources: readonly SourceStatus[];
  readonly capacities: readonly CapacityStatus[];
  readonly egressDollarsPerGb: Matrix;
}

function serviceOf(spec: ServiceSpec, { sources, capacities, egressDollarsPerGb }: Surroundings): DocumentService {
  const found = sources
    .filter(({ service, demandRps }) => service === spec.service && demandRps > 0)
    .map(({ cluster, demandRps }) => [cluster, demandRps] as const);
  const { bytesPerRequest, dollarsPerRequestMs } = valuationOf(spec, () => pricesIn(egressDollarsPerGb));
  return {
    name: spec.service,
    stableVersion: spec.stableVersion,
    destinations: spec.deployments.map((deployment) =>
      destinationOf(deployment, knownOf(capacities, spec, deployment)),
    ),
    demandRps: { ...spec.demandRps, ...(Object.fromEntries(found) as Record<ClusterId, number>) },
    bytesPerRequest,
    objective: { dollarsPerRequestMs },
    policy: spec.policy ?? OPEN_POLICY,
    ...(spec.release === undefined ? {} : { release: spec.release }),
  };
}

function knownOf(
  capacities: readonly CapacityStatus[],
  { service }: ServiceSpec,
  deployment: Deployment,
): CapacityStatus | undefined {
  return capacities.find(
    (found) =>
      found.service === service &&
      found.destination?.cluster === deployment.cluster &&
      found.destination.version === deployment.version,
  );
}

function destinationOf(deployment: Deployment, known: CapacityStatus | undefined): DocumentDestination {
  const { cluster, version } = deployment;
  return { cluster, version, curve: loadCurveOf(deployment, known) };
}

function loadCurveOf({ capacityRps: declaredRps, curve }: Deployment, known: CapacityStatus | undefined): LoadCurve {
  const capacityRps = declaredRps ?? (curve === undefined ? known?.capacityRps : undefined);
  if (capacityRps === undefined)
    return curve ?? { kind: "polynomial", baseMs: DEFAULT_MEAN_WORK_MS, coefficient: 0, exponent: 1 };
  const { meanWorkMs, squaredVariation } = curve ?? {
    meanWorkMs: known?.meanWorkMs ?? DEFAULT_MEAN_WORK_MS,
    squaredVariation: known?.squaredVariation ?? DEFAULT_SQUARED_VARIATION,
  };
  // A declared capacity wins over what the servers could do.
  return { kind: "queue", servers: serversFor(capacityRps, meanWorkMs), meanWorkMs, squaredVariation };
}

function notesOf(
  spec: ServiceSpec,
  services: readonly DocumentService[],
  capacities: readonly CapacityStatus[],
): readonly string[] {
  const undeclared = spec.deployments.filter(
    ({ capacityRps, curve }) => capacityRps === undefined && curve === undefined,
  );
  const demand = services.find(({ name }) => name === spec.service)?.demandRps ?? {};
  return [
    ...undeclared.map((deployment) => undeclaredText(spec, deployment, knownOf(capacities, spec, deployment))),
    ...(spec.policy?.failover === undefined
      ? []
      : [`${spec.service}: its failover orders are written as if all endpoints were ready; set readyShare where not`]),
    ...(Object.keys(demand).length === 0 ? [`${spec.service}: no demand is declared or was reported yet`] : []),
  ];
}

function undeclaredText(spec: ServiceSpec, deployment: Deployment, known: CapacityStatus | undefined): string {
  const what = `${spec.service}: nobody declares what ${keyOf(deployment)} can serve; written as`;
  if (known === undefined) return `${what} ${DEFAULT_MEAN_WORK_MS} ms without end`;
  return `${what} ${rate(known.capacityRps)} rps, ${ORIGIN_TEXTS[known.origin]}`;
}

const ORIGIN_TEXTS: Readonly<Record<CapacityOrigin, string>> = {
  [CapacityOrigin.UNSPECIFIED]: "as the planner takes it",
  [CapacityOrigin.REPORTED]: "as its cluster says",
  [CapacityOrigin.LEARNED]: "as was learned from its load and utilisation",
  [CapacityOrigin.BOUNDED]: "as far as its callers have proved it; its cluster says more",
};
