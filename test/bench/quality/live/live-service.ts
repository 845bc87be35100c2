import type { ClusterState } from "../../../../src/model/cluster.ts";
import { WEIGHT_TOTAL } from "../../../../src/model/destination.ts";
import type { Split } from "../../../../src/model/destination.ts";
import type { DocumentService, FleetDocument, Matrix } from "../../../../src/model/fleet-document.ts";
import { EMPTY_FLEET } from "../../../../src/model/fleet.ts";
import type { FleetState, Rollout, ServiceState } from "../../../../src/model/fleet.ts";
import type { ClusterId, RouteSetHash } from "../../../../src/model/ids.ts";
import { DEFAULT_PACE_POLICY, DEFAULT_REQUEST_POLICY } from "../../../../src/model/service.ts";
import type { ServiceSpec } from "../../../../src/model/service.ts";
import type { Settings } from "../../../../src/model/settings.ts";
import { planServices } from "../../../../src/planner/plan.ts";
import type { ServicePlanning } from "../../../../src/planner/plan.ts";

/** What each source sends where. */
export type Splits = Readonly<Record<string, Split>>;

/** A fleet's state as the live planner would hold it, with one of the document's services and nothing released yet. */
export function liveService(document: FleetDocument, service: DocumentService): FleetState {
  const clusters = document.clusters.map(({ name }) => [name, clusterOf(document, name)] as const);
  return {
    ...EMPTY_FLEET,
    clusters: new Map(clusters),
    services: new Map([[service.name, serviceOf(service)]]),
    routeSets: new Map(),
  };
}

function clusterOf({ rttMs, egressDollarsPerGb }: FleetDocument, cluster: ClusterId): ClusterState {
  return {
    spec: {
      cluster,
      region: cluster,
      labels: {},
      gateway: { address: `${cluster}.example`, port: 15_443 },
      rttMs: rowOf(rttMs, cluster),
      egressDollarsPerGb: rowOf(egressDollarsPerGb, cluster),
    },
    membership: "active",
    resourceVersion: 1,
    revokedSerials: [],
    features: [],
    isCordoned: false,
    isQuarantined: false,
    verdict: "healthy",
    verdictSinceMs: 0,
    firstHealthyAtMs: 0,
  };
}

function rowOf(matrix: Matrix, cluster: ClusterId): Readonly<Record<string, number>> {
  const rows: Readonly<Record<string, Readonly<Record<string, number>>>> = matrix;
  return rows[cluster] ?? {};
}

function serviceOf({ name, stableVersion, destinations, demandRps, bytesPerRequest }: DocumentService): ServiceState {
  const spec: ServiceSpec = {
    service: name,
    protocol: "http",
    port: 8080,
    stableVersion,
    deployments: destinations.map(({ cluster, version, curve }) => {
      if (curve.kind !== "queue") throw new Error(`${name}: live services have queues`);
      return { cluster, version, curve };
    }),
    demandRps: {},
    request: DEFAULT_REQUEST_POLICY,
    // Whatever the settings allow.
    pace: { ...DEFAULT_PACE_POLICY, maxStepWeight: WEIGHT_TOTAL },
    bytesPerRequest,
  };
  return {
    spec,
    resourceVersion: 1,
    pins: {},
    demandRps,
    reported: {},
    inputsSequence: 1,
    plannedSequence: 0,
    released: {},
  };
}

/** The one service of a fleet. */
export function serviceIn({ services }: FleetState): ServiceState {
  const [service] = services.values();
  if (service === undefined) throw new Error("the fleet has one service");
  return service;
}

/** The fleet with parts of its service changed. */
export function withService(state: FleetState, change: Partial<ServiceState>): FleetState {
  const service = serviceIn(state);
  return { ...state, services: new Map([[service.spec.service, { ...service, ...change }]]) };
}

/** The fleet with parts of a cluster changed. */
export function withCluster(state: FleetState, cluster: ClusterId, change: Partial<ClusterState>): FleetState {
  const found = state.clusters.get(cluster);
  if (found === undefined) throw new Error(`${cluster} is in the fleet`);
  return { ...state, clusters: new Map([...state.clusters, [cluster, { ...found, ...change }]]) };
}

/** What each source was released last. */
export function splitsIn(state: FleetState): Splits {
  const entries = Object.entries(serviceIn(state).released).map(([cluster, hash]) => {
    const routes = state.routeSets.get(hash)?.rules.at(-1)?.routes ?? [];
    return [cluster, routes.map(({ destination, weight }) => ({ destination, weight }))] as const;
  });
  return Object.fromEntries(entries);
}

/** One step of the live planner, and the fleet once every agent has applied it and it was seen to do well. */
export interface LiveStep {
  readonly planning: ServicePlanning;
  readonly state: FleetState;
  /** Whether any source is told anything new, be it where to fall back. */
  readonly isPush: boolean;
  /** Whether any source is told to divide its requests otherwise. */
  readonly isMove: boolean;
}

/** Takes the next step. */
export function takeStep(state: FleetState, settings: Settings): LiveStep {
  const service = serviceIn(state);
  const [planning] = planServices(state, [service.spec.service], settings);
  if (planning === undefined) throw new Error("the service is planned");
  const toldBefore = JSON.stringify([...state.routeSets]);
  const splitsBefore = JSON.stringify(splitsIn(state));
  // One service whose route sets are all replaced at once: the cluster's name is name enough for each.
  const routeSets = new Map(
    Object.entries(planning.routeSets).map(([cluster, routeSet]) => [cluster as RouteSetHash, routeSet]),
  );
  const released = Object.fromEntries([...routeSets.keys()].map((hash) => [hash, hash]));
  const { inputsCause: _planned, ...rest } = service;
  const { urgency, isFinalStep } = planning;
  const plan = { service: service.spec.service, urgency, routeSets: released, waves: [], reasons: [], isFinalStep };
  const at = { committedAtMs: state.atMs, waveIndex: 0, waveReleasedAtMs: state.atMs };
  const rollout: Rollout = { plan, changes: [], ...at, isSettled: true, waitsFor: "" };
  const services = new Map([[service.spec.service, { ...rest, released, rollout }]]);
  const next: FleetState = { ...state, routeSets, services };
  return {
    planning,
    state: next,
    isPush: JSON.stringify([...routeSets]) !== toldBefore,
    isMove: JSON.stringify(splitsIn(next)) !== splitsBefore,
  };
}
