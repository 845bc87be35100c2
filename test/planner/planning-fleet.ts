import type { ClusterState } from "../../src/model/cluster.ts";
import { destinationOf } from "../../src/model/destination.ts";
import type { Destination, DestinationKey, Split } from "../../src/model/destination.ts";
import { EMPTY_FLEET } from "../../src/model/fleet.ts";
import type { FleetState, ServiceState } from "../../src/model/fleet.ts";
import type { Actor, ClusterId, RouteSetHash, ServiceId, ShiftId, Version } from "../../src/model/ids.ts";
import type { ServicePlan } from "../../src/model/plan.ts";
import type { Release, ServicePolicy } from "../../src/model/fleet-document.ts";
import { DEFAULT_PACE_POLICY, DEFAULT_REQUEST_POLICY, OPEN_POLICY } from "../../src/model/service.ts";
import { DEFAULT_SETTINGS } from "../../src/model/settings.ts";
import type { Settings } from "../../src/model/settings.ts";
import type { Shift } from "../../src/model/shift.ts";
import { planServices } from "../../src/planner/plan.ts";
import type { ServicePlanning } from "../../src/planner/plan.ts";
import { encodeRouteSet } from "../../src/wire/route-set.ts";

/** The one service of these fleets. */
export const CHECKOUT = "shop/checkout" as ServiceId;

/** Settings without limits of routine steps, for tests that look at targets. */
export const UNPACED: Settings = { ...DEFAULT_SETTINGS, routineStepWeight: 10_000, onloadMax: 1, utilisationMax: 0.8 };

/** The same, callers served nearest first. */
export const WATERFALL: Settings = { ...UNPACED, allocation: "waterfall" };

/** What a test says of one cluster. Capacities by version; a version without one is `undefined`. */
export interface ClusterOptions {
  readonly demandRps?: number;
  readonly versions?: Readonly<Record<string, number | undefined>>;
  readonly rttMs?: Readonly<Record<string, number>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly state?: Partial<ClusterState>;
}

/** What a test says of the service. Splits as `{ "us-east/v1": 5000 }`. */
export interface ServiceOptions {
  readonly policy?: Partial<ServicePolicy>;
  readonly release?: Release;
  readonly maxStepWeight?: number;
  readonly pins?: Readonly<Record<string, SplitText>>;
  readonly released?: Readonly<Record<string, SplitText>>;
  readonly readyEndpoints?: Readonly<Record<string, number>>;
  readonly state?: Partial<ServiceState>;
}

export type SplitText = Readonly<Record<string, number>>;

/** A fleet with one service, v1 stable, nothing released unless the test says so. */
export function aFleet(clusters: Readonly<Record<string, ClusterOptions>>, service: ServiceOptions = {}): FleetState {
  const names = Object.keys(clusters) as ClusterId[];
  const empty: FleetState = {
    ...EMPTY_FLEET,
    sequence: 100,
    atMs: 1_000_000,
    clusters: new Map(names.map((name) => [name, aCluster(name, clusters[name] ?? {})])),
    services: new Map([[CHECKOUT, aService(clusters, service)]]),
  };
  return withReleased(empty, service.released ?? {});
}

function aCluster(cluster: ClusterId, { rttMs, labels, state }: ClusterOptions): ClusterState {
  return {
    spec: {
      cluster,
      region: cluster,
      labels: labels ?? {},
      gateway: { address: `${cluster}.example`, port: 15_443 },
      rttMs: rttMs ?? {},
    },
    membership: "active",
    resourceVersion: 1,
    revokedSerials: [],
    features: ["weighted-split", "rendered-fallback"],
    isCordoned: false,
    isQuarantined: false,
    verdict: "healthy",
    verdictSinceMs: 0,
    firstHealthyAtMs: 0,
    ...state,
  };
}

function aService(clusters: Readonly<Record<string, ClusterOptions>>, options: ServiceOptions): ServiceState {
  const deployments = Object.entries(clusters).flatMap(([cluster, { versions }]) =>
    Object.entries(versions ?? {}).map(([version, capacityRps]) => ({
      cluster: cluster as ClusterId,
      version: version as Version,
      ...(capacityRps !== undefined && { capacityRps }),
    })),
  );
  const demands = Object.entries(clusters).flatMap(([cluster, { demandRps }]) =>
    demandRps === undefined ? [] : [[cluster, demandRps] as const],
  );
  return {
    spec: {
      service: CHECKOUT,
      protocol: "http",
      port: 8080,
      stableVersion: "v1" as Version,
      deployments,
      demandRps: {},
      request: DEFAULT_REQUEST_POLICY,
      pace: { ...DEFAULT_PACE_POLICY, maxStepWeight: options.maxStepWeight ?? 10_000 },
      ...(options.policy !== undefined && { policy: { ...OPEN_POLICY, ...options.policy } }),
      ...(options.release !== undefined && { release: options.release }),
    },
    resourceVersion: 1,
    pins: Object.fromEntries(Object.entries(options.pins ?? {}).map(([name, text]) => [name, split(text)])),
    demandRps: Object.fromEntries(demands),
    reported: Object.fromEntries(
      Object.entries(options.readyEndpoints ?? {}).map(([key, readyEndpoints]) => [key, { readyEndpoints }]),
    ),
    inputsSequence: 7,
    plannedSequence: 0,
    released: {},
    ...options.state,
  };
}

/** `{ "us-east/v1": 10000 }` as a split. */
export function split(text: SplitText): Split {
  return Object.entries(text)
    .map(([key, weight]) => ({ destination: destination(key), weight }))
    .toSorted((a, b) => (keyText(a.destination) < keyText(b.destination) ? -1 : 1));
}

function keyText({ cluster, version }: Destination): string {
  return `${cluster}/${version}`;
}

/** `us-east/v1` as a destination. */
export function destination(key: string): Destination {
  const found = destinationOf(key);
  if (found === undefined) throw new Error(`${key} is no destination`);
  return found;
}

/** Weights of a split by key, to compare with. */
export function textOf(found: Split | undefined): SplitText {
  return Object.fromEntries((found ?? []).map((entry) => [keyText(entry.destination), entry.weight]));
}

/** The fleet as if each source had been told to send what is named, without fallbacks. */
function withReleased(state: FleetState, released: Readonly<Record<string, SplitText>>): FleetState {
  const service = serviceOf(state);
  const routeSets = Object.entries(released).map(([cluster, text]) => ({
    service: CHECKOUT,
    cluster: cluster as ClusterId,
    protocol: service.spec.protocol,
    port: service.spec.port,
    rules: [{ match: { headers: {} }, routes: split(text).map((entry) => ({ ...entry, fallback: [] })) }],
    reaches: split(text).map((entry) => ({ destination: entry.destination, rttMs: 0 })),
    serves: service.spec.deployments.filter((found) => found.cluster === cluster).map(({ version }) => version),
    request: service.spec.request,
  }));
  const entries = routeSets.map((routeSet) => ({ routeSet, hash: encodeRouteSet(routeSet).hash }));
  const routeSetsAfter = new Map(state.routeSets);
  for (const { hash, routeSet } of entries) routeSetsAfter.set(hash, routeSet);
  return {
    ...state,
    routeSets: routeSetsAfter,
    services: new Map([
      ...state.services,
      [
        CHECKOUT,
        {
          ...service,
          released: Object.fromEntries(entries.map(({ hash, routeSet }) => [routeSet.cluster, hash])),
        },
      ],
    ]),
  };
}

/** The one service's state. */
export function serviceOf(state: FleetState): ServiceState {
  const found = state.services.get(CHECKOUT);
  if (found === undefined) throw new Error("the fleet has no service");
  return found;
}

/** The fleet with parts of one cluster changed. */
export function changeCluster(state: FleetState, name: string, change: Partial<ClusterState>): FleetState {
  const found = state.clusters.get(name as ClusterId);
  if (found === undefined) throw new Error(`no cluster ${name}`);
  return { ...state, clusters: new Map([...state.clusters, [name as ClusterId, { ...found, ...change }]]) };
}

/** The fleet with parts of the service changed. */
export function changeService(state: FleetState, change: Partial<ServiceState>): FleetState {
  return { ...state, services: new Map([[CHECKOUT, { ...serviceOf(state), ...change }]]) };
}

/** Plans the one service. */
export function planOf(state: FleetState, settings: Settings = UNPACED): ServicePlanning {
  const [planning] = planServices(state, [CHECKOUT], settings);
  if (planning === undefined) throw new Error("nothing was planned");
  return planning;
}

/** Weights that a source is planned. */
export function planned(planning: ServicePlanning, source: string): SplitText {
  return textOf(planning.splits[source as ClusterId]);
}

/** The plan with real hashes, and the fleet that knows its route sets. */
export function committed(state: FleetState, planning: ServicePlanning): { state: FleetState; plan: ServicePlan } {
  const entries = Object.values(planning.routeSets).map((routeSet) => ({
    routeSet,
    hash: encodeRouteSet(routeSet).hash,
  }));
  const routeSets = new Map<RouteSetHash, (typeof entries)[number]["routeSet"]>(state.routeSets);
  for (const { hash, routeSet } of entries) routeSets.set(hash, routeSet);
  const { service, urgency, waves, reasons, isFinalStep } = planning;
  const hashes = Object.fromEntries(entries.map(({ hash, routeSet }) => [routeSet.cluster, hash]));
  return { state: { ...state, routeSets }, plan: { service, urgency, routeSets: hashes, waves, reasons, isFinalStep } };
}

/** The fleet after every cluster applied the plan. */
export function applied(state: FleetState, planning: ServicePlanning): FleetState {
  const done = committed(state, planning);
  const { inputsCause: _planned, ...service } = serviceOf(done.state);
  return changeService(done.state, { ...service, released: done.plan.routeSets });
}

/** A running shift of the one service. Its pins are not set: see `ServiceOptions.pins`. */
export function aShift(sources: readonly string[], change: Partial<Shift> = {}): Shift {
  return {
    shift: "shift-1" as ShiftId,
    service: CHECKOUT,
    sources: sources as readonly ClusterId[],
    target: { kind: "automatic" },
    maxStepWeight: 2_500,
    bakeMs: 0,
    actor: "operator:ana" as Actor,
    reason: "test",
    phase: "progressing",
    detail: "",
    requestedAtMs: 0,
    stepsTaken: 0,
    before: {},
    ...change,
  };
}

/** The fleet with shifts known to it. */
export function withShifts(state: FleetState, ...shifts: readonly Shift[]): FleetState {
  return { ...state, shifts: new Map(shifts.map((shift) => [shift.shift, shift])) };
}

/** Requests per second on each destination. */
export function loads(
  state: FleetState,
  splits: Readonly<Record<string, Split | undefined>>,
): Map<DestinationKey, number> {
  const sums = new Map<DestinationKey, number>();
  const { spec, demandRps } = serviceOf(state);
  for (const [source, found] of Object.entries(splits)) {
    const demand = spec.demandRps[source as ClusterId] ?? demandRps[source as ClusterId] ?? 0;
    for (const entry of found ?? []) {
      const key = keyText(entry.destination) as DestinationKey;
      sums.set(key, (sums.get(key) ?? 0) + (entry.weight / 10_000) * demand);
    }
  }
  return sums;
}

const RTT = { "eu-west": 80, "ap-south": 180 };

/** Three clusters that serve their own callers with room to spare. */
export function threeClusters(service: ServiceOptions = {}, ...[us = {}, eu = {}, ap = {}]: readonly ClusterOptions[]) {
  return aFleet(
    {
      "us-east": { demandRps: 100, versions: { v1: 400 }, rttMs: RTT, ...us },
      "eu-west": { demandRps: 100, versions: { v1: 400 }, rttMs: { "ap-south": 110 }, ...eu },
      "ap-south": { demandRps: 100, versions: { v1: 400 }, ...ap },
    },
    service,
  );
}

/** Everything at home. */
export const LOCAL = {
  "us-east": { "us-east/v1": 10_000 },
  "eu-west": { "eu-west/v1": 10_000 },
  "ap-south": { "ap-south/v1": 10_000 },
};
