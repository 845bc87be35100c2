import { planRunOf } from "../../../src/engine/plan-run.ts";
import type { FleetEvent, LogRecord } from "../../../src/model/event.ts";
import { EMPTY_FLEET } from "../../../src/model/fleet.ts";
import type { FleetState } from "../../../src/model/fleet.ts";
import type { DocumentService, FleetDocument, Matrix } from "../../../src/model/fleet-document.ts";
import type { Actor, ClusterId, RouteSetHash } from "../../../src/model/ids.ts";
import { DEFAULT_PACE_POLICY, DEFAULT_REQUEST_POLICY } from "../../../src/model/service.ts";
import type { Deployment, ServiceSpec } from "../../../src/model/service.ts";
import type { Incarnation } from "../../../src/model/position.ts";
import type { Settings } from "../../../src/model/settings.ts";
import { evolve } from "../../../src/planner/evolve.ts";
import { planServices } from "../../../src/planner/plan.ts";
import type { ServicePlanning } from "../../../src/planner/plan.ts";
import { codec } from "../../../src/wire/codec.ts";

const INCARNATION = { generation: 1, id: "bench" };
const REPLICA = "bench";

/** When the fleet was set up, ms since 1970: any moment will do. */
const SET_UP_AT_MS = 1_700_000_000_000;

/** A fleet document's clusters and services as what a planner would have recorded of them: joined, healthy, declared. */
export function fleetEvents(document: FleetDocument, incarnation: Incarnation = INCARNATION): readonly FleetEvent[] {
  const names = document.clusters.map(({ name }) => name);
  return [
    { kind: "term-started", epoch: 1, holder: REPLICA, incarnation },
    ...document.clusters.flatMap(({ name, labels }) =>
      joined(name, { labels, rttMs: rowOf(document.rttMs, name, names) }),
    ),
    ...document.services.map((service): FleetEvent => ({ kind: "service-applied", spec: specOf(service) })),
  ];
}

/** A fleet in which all of that is committed. */
export function liveFleet(document: FleetDocument): FleetState {
  return committed(EMPTY_FLEET, fleetEvents(document));
}

/** The fleet after one more record with these events. */
export function committed(state: FleetState, events: readonly FleetEvent[]): FleetState {
  return evolve(state, recordOf(state, events));
}

/** The fleet in which every service has the plan that it is due, released and settled. */
export function planned(state: FleetState, settings: Settings): FleetState {
  return adopted(state, planServices(state, [...state.services.keys()], settings));
}

/** The fleet in which these plans are released and settled. */
export function adopted(state: FleetState, plannings: readonly ServicePlanning[]): FleetState {
  const run = planRunOf(plannings, codec);
  const stored = committed(state, [{ kind: "route-sets-stored", routeSets: run.routeSets }]);
  return committed(
    stored,
    run.proposals.flatMap(({ plan, inputsSequence }): readonly FleetEvent[] => [
      { kind: "plan-committed", plan, basedOn: inputsSequence },
      ...(Object.entries(plan.routeSets) as [ClusterId, RouteSetHash][]).map(
        ([cluster, hash]) =>
          ({ kind: "route-set-released", service: plan.service, cluster, hash, waveIndex: 0 }) as const,
      ),
      { kind: "rollout-settled", service: plan.service },
    ]),
  );
}

/** These events as the next record. */
export function recordOf(
  { sequence }: Pick<FleetState, "sequence">,
  events: readonly FleetEvent[],
  incarnation: Incarnation = INCARNATION,
): LogRecord {
  return {
    sequence: sequence + 1,
    incarnation,
    epoch: 1,
    writer: REPLICA,
    nonce: `${sequence + 1}.bench`,
    atMs: SET_UP_AT_MS + sequence,
    actor: "planner" as Actor,
    command: undefined,
    events,
  };
}

/** What a cluster of such a fleet joined with. */
export function uidOf(cluster: ClusterId): string {
  return `uid-${cluster}`;
}

interface Declared {
  readonly labels: Readonly<Record<string, string>>;
  readonly rttMs: Readonly<Record<ClusterId, number>>;
}

function joined(cluster: ClusterId, { labels, rttMs }: Declared): readonly FleetEvent[] {
  const gateway = { address: `${cluster}.example`, port: 15_443 };
  return [
    {
      kind: "cluster-registered",
      spec: { cluster, region: "bench", labels, rttMs, gateway },
      secretHash: "",
      expiresAtMs: 0,
    },
    { kind: "token-redeemed", cluster, uid: uidOf(cluster), serial: "01" },
    { kind: "cluster-accepted", cluster },
    { kind: "cluster-greeted", cluster, features: ["weighted-split", "rendered-fallback"] },
    { kind: "verdict-changed", cluster, verdict: "healthy", evidence: "reports" },
  ];
}

function rowOf(matrix: Matrix, from: ClusterId, names: readonly ClusterId[]): Readonly<Record<ClusterId, number>> {
  const rows: Readonly<Record<string, Readonly<Record<string, number>>>> = matrix;
  const found = names.flatMap((to) => {
    const ms = rows[from]?.[to] ?? rows[to]?.[from];
    return ms === undefined || to === from ? [] : [[to, ms] as const];
  });
  return Object.fromEntries(found);
}

function specOf({ name, stableVersion, destinations, demandRps, policy }: DocumentService): ServiceSpec {
  return {
    service: name,
    protocol: "http",
    port: 8_080,
    stableVersion,
    deployments: destinations.map(({ cluster, version, curve }): Deployment => ({
      cluster,
      version,
      ...(curve.kind === "queue" && { curve }),
    })),
    demandRps,
    request: DEFAULT_REQUEST_POLICY,
    pace: DEFAULT_PACE_POLICY,
    policy,
  };
}
