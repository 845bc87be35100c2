import { join } from "node:path";
import { pino } from "pino";
import { SYSTEM_CLOCK } from "../../../src/io/clock.ts";
import { openPlannerServers } from "../../../src/io/grpc/planner-servers.ts";
import type { BusAccess } from "../../../src/io/grpc/push/bus-access.ts";
import { Pusher } from "../../../src/io/grpc/push/pusher.ts";
import { createMetrics } from "../../../src/io/http/metrics.ts";
import { createServerIdentity } from "../../../src/io/pki/server-identity.ts";
import { SYSTEM_RANDOMNESS } from "../../../src/io/randomness.ts";
import { Survivals } from "../../../src/io/survivals.ts";
import type { FleetEvent } from "../../../src/model/event.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import { DEFAULT_SETTINGS } from "../../../src/model/settings.ts";
import { makeFleetKeys } from "../fleet-keys.ts";
import type { FleetKeys } from "../fleet-keys.ts";
import { createBenchEngine } from "./engine.ts";
import type { BenchEngine } from "./engine.ts";

/** What a bench's planner needs. */
export interface BenchPlannerOptions {
  readonly host: string;
  /** Clusters that have joined and were accepted. */
  readonly clusters: readonly string[];
  readonly bus: BusAccess;
  /** For the unix socket. */
  readonly folder: string;
}

/** The planner's real gRPC side around an engine without a log. */
export interface BenchPlanner {
  readonly engine: BenchEngine;
  readonly keys: FleetKeys;
  /** host:port for agents. */
  readonly address: string;
  readonly pusher: Pusher;
  /** Calls back for every acknowledgement. */
  readonly onAcknowledged: (listener: () => void) => void;
}

const HOUR_MS = 3_600_000;

/** UID that every cluster joined with. */
export const CLUSTER_UID = "bench-fleet";

/** Opens the planner's listeners for a fleet that has joined already. */
export async function openBenchPlanner(options: BenchPlannerOptions): Promise<BenchPlanner> {
  const { host, clusters, bus, folder } = options;
  const { authority, ...keys } = await makeFleetKeys(clusters, [host]);
  const engine = createBenchEngine();
  engine.commit(clusters.flatMap((cluster) => joined(cluster, keys)));
  const log = pino({ level: "warn" });
  const metrics = createMetrics();
  let listener: () => void = () => undefined;
  const observe = metrics.pushSeconds.observe.bind(metrics.pushSeconds) as (seconds: number) => void;
  metrics.pushSeconds.observe = ((seconds: number) => {
    observe(seconds);
    listener();
  }) as typeof metrics.pushSeconds.observe;
  const clock = SYSTEM_CLOCK;
  const nowMs = (): number => clock.nowMs();
  const rulings = { standingMs: 10_000, silentMaxMs: 3_000 };
  const pusher = new Pusher({ engine, bus, log, metrics, nowMs, rulings, ackDeadlineMs: 60_000, wave: WAVE });
  const identity = await createServerIdentity(authority, {
    replica: "planner-1",
    hosts: [host],
    ttlMs: HOUR_MS,
    clock,
    onFault: (error) => log.error(error, "cannot make a certificate"),
  });
  const servers = await openPlannerServers({
    identity,
    pusher,
    log,
    metrics,
    join: { host, port: 0 },
    agent: { host, port: 0 },
    operator: { host, port: 0 },
    socket: join(folder, `planner-${process.pid}.sock`),
    // As many as come: how fast agents return is not what is measured.
    agentAdmissionsPerSecond: 10_000,
    agentConnectionsMax: 10_000,
    operatorParts: {
      engine,
      clock,
      authority,
      randomness: SYSTEM_RANDOMNESS,
      joinAddresses: [],
      operatorAddresses: [],
      replicas: () => [],
      settings: DEFAULT_SETTINGS,
      survivals: new Survivals(DEFAULT_SETTINGS),
    },
    certificates: { engine, authority, clock, log, ttlMs: HOUR_MS, agentAddresses: [] },
  });
  return {
    engine,
    keys,
    pusher,
    address: servers.addresses.agent,
    onAcknowledged: (given) => {
      listener = given;
    },
  };
}

/** Streams that are written to at the same time: the planner's own default. */
const WAVE = 200;

function joined(cluster: string, keys: FleetKeys): readonly FleetEvent[] {
  const name = cluster as ClusterId;
  const spec = { cluster: name, region: "bench", labels: {}, rttMs: {} };
  const serial = keys.agents[cluster]?.serial ?? "";
  return [
    { kind: "cluster-registered", spec, secretHash: "", expiresAtMs: 0 },
    { kind: "token-redeemed", cluster: name, uid: CLUSTER_UID, serial },
    { kind: "cluster-accepted", cluster: name },
  ];
}
