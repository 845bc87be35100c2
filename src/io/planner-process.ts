import type { Logger } from "pino";
import type { Config } from "../config/schema.ts";
import { createEngine } from "../engine/create-engine.ts";
import type { RunningEngine } from "../engine/create-engine.ts";
import { PLANNER_DECIDER } from "../engine/decider.ts";
import { EVENT_KINDS } from "../model/event.ts";
import { codec } from "../wire/codec.ts";
import { SYSTEM_CLOCK } from "./clock.ts";
import { replicaRoll } from "./grpc/operator/replica-roll.ts";
import { openPlannerServers } from "./grpc/planner-servers.ts";
import type { PlannerServers } from "./grpc/planner-servers.ts";
import { Pusher } from "./grpc/push/pusher.ts";
import { openHttpServer } from "./http/http-server.ts";
import { createMetrics } from "./http/metrics.ts";
import type { Metrics } from "./http/metrics.ts";
import { addSurvivalMetric } from "./http/survival-metric.ts";
import { faultFields } from "./log.ts";
import { mintAgentCredentials } from "./nats/accounts.ts";
import { disconnect } from "./nats/connect.ts";
import { takeReports } from "./nats/reports.ts";
import { openStore } from "./nats/store.ts";
import type { Store } from "./nats/store.ts";
import { createServerIdentity } from "./pki/server-identity.ts";
import type { ServerIdentity } from "./pki/server-identity.ts";
import { startPlanRunner } from "./plan-worker-runner.ts";
import { SYSTEM_RANDOMNESS } from "./randomness.ts";
import type { Secrets } from "./secrets.ts";
import { Survivals } from "./survivals.ts";

/** A planner replica that serves. */
export interface PlannerProcess {
  readonly addresses: PlannerServers["addresses"] & { readonly http: string };
  /** Says goodbye to agents, hands the lead over, and ends everything. */
  stop(): Promise<void>;
}

/** What a replica is started with. */
export interface PlannerStart {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** How often it is looked whether somebody leads; a halt is told at once. */
const READY_LOOK_MS = 500;

/** Undoes what was started, the last first; each step is tried whatever became of the others. */
class Stops {
  readonly #stops: { readonly what: string; readonly stop: () => unknown }[] = [];
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(what: string, stop: () => unknown): void {
    this.#stops.push({ what, stop });
  }

  async run(): Promise<void> {
    for (const { what, stop } of this.#stops.splice(0).toReversed()) {
      try {
        // The order is the point: nothing goes before those that use it.
        await stop();
      } catch (error) {
        this.#log.error({ what, ...faultFields(error) }, "cannot stop");
      }
    }
  }
}

/** Starts a replica: store, engine, listeners. What was started is stopped again when something cannot be. */
export async function startPlanner(start: PlannerStart): Promise<PlannerProcess> {
  const stops = new Stops(start.log);
  try {
    const addresses = await startParts(start, stops);
    return { addresses, stop: async () => stops.run() };
  } catch (error) {
    await stops.run();
    throw error;
  }
}

async function startParts({ config, secrets, log, signal }: PlannerStart, stops: Stops) {
  const metrics = createMetrics();
  const store = await openStore(
    {
      ...config.nats,
      replica: config.replica,
      creds: secrets.natsCreds,
      clock: SYSTEM_CLOCK,
      randomness: SYSTEM_RANDOMNESS,
      logger: log,
    },
    signal,
  );
  stops.add("NATS connection", async () => disconnect(store.connection));
  const identity = await openIdentity({ config, secrets, log });
  stops.add("certificate rotation", () => identity.close());
  const engine = openEngine(config, store, log, stops);
  const survivals = new Survivals(config.settings);
  addSurvivalMetric(metrics.registry, async () => survivals.of(engine.state(), engine.state().services.values()));
  const parts = { config, secrets, log, metrics, store, engine, identity, survivals };
  // Reports first: a replica that starts to lead should not find every cluster silent.
  stops.add(
    "reports",
    takeReports({ connection: store.connection, clock: SYSTEM_CLOCK, logger: log, ...intake(parts) }),
  );
  await engine.start(signal);
  stops.add("engine", async () => engine.stop());
  const servers = await openServers(parts, stops);
  const http = await openHttpServer({
    ...config.listen.http,
    registry: metrics.registry,
    unready: () => unready(engine),
  });
  stops.add("HTTP listener", async () => http.close());
  const look = (): void => {
    servers.setReady(unready(engine) === undefined ? "ready" : "not-ready");
    measure(engine, metrics);
  };
  const timer = setInterval(look, READY_LOOK_MS);
  stops.add("readiness", () => clearInterval(timer));
  stops.add("readiness in a halt", engine.onHaltChange(look));
  // First of all when it ends: no new callers.
  stops.add("new connections", () => servers.stopListening());
  return { ...servers.addresses, http: http.address };
}

interface Parts {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly store: Store;
  readonly engine: RunningEngine;
  readonly identity: ServerIdentity;
  readonly survivals: Survivals;
}

async function openIdentity({
  config,
  secrets,
  log,
}: Pick<Parts, "config" | "secrets" | "log">): Promise<ServerIdentity> {
  const { listen, advertise, certificates, replica } = config;
  const dialled = [...advertise.join, ...advertise.agent, ...advertise.operator].map(hostOf);
  const bound = [listen.join.host, listen.agent.host, listen.operator.host];
  const hosts = new Set([...dialled, ...bound, ...advertise.hosts, "localhost", "127.0.0.1"]);
  return createServerIdentity(secrets.authority, {
    replica,
    hosts: [...hosts].filter((host) => host !== "0.0.0.0" && host !== "::"),
    ttlMs: certificates.serverTtlMs,
    clock: SYSTEM_CLOCK,
    onFault: (error) => log.error(faultFields(error), "cannot make a new server certificate"),
  });
}

function hostOf(address: string): string {
  return address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

function openEngine(config: Config, store: Store, log: Logger, stops: Stops): RunningEngine {
  const { planTimeoutMs, ...timing } = config.timing;
  const runner = startPlanRunner({ settings: config.settings, timeoutMs: planTimeoutMs });
  stops.add("planning worker", async () => runner.close());
  return createEngine({
    replica: config.replica,
    log: store.log,
    snapshots: store.snapshots,
    bus: store.bus,
    clock: SYSTEM_CLOCK,
    randomness: SYSTEM_RANDOMNESS,
    codec,
    runner,
    decider: PLANNER_DECIDER,
    settings: config.settings,
    logger: log,
    knows: EVENT_KINDS,
    operatorAddress: told(config).operator[0] ?? "",
    timing,
  });
}

function intake({ engine, metrics }: Parts) {
  return {
    accept: engine.acceptReport.bind(engine),
    onDropped: (_cluster: string, why: string) => metrics.reportsDropped.inc({ code: why }),
  };
}

async function openServers(parts: Parts, stops: Stops): Promise<PlannerServers> {
  const { config, secrets, log, metrics, store, engine, identity, survivals } = parts;
  const { authority, fleetSigner } = secrets;
  const advertised = told(config);
  const pusher = new Pusher({
    engine,
    log,
    metrics,
    nowMs: () => SYSTEM_CLOCK.nowMs(),
    ackDeadlineMs: config.push.ackDeadlineMs,
    wave: config.push.wave,
    rulings: { standingMs: 2 * config.settings.deadAfterMs, silentMaxMs: config.settings.unknownAfterMs },
    bus: {
      urls: config.nats.agentUrls.length > 0 ? config.nats.agentUrls : config.nats.urls,
      mint: async (cluster) =>
        mintAgentCredentials(fleetSigner, {
          cluster,
          nowMs: SYSTEM_CLOCK.nowMs(),
          lifeMs: config.certificates.busTtlMs,
        }),
    },
  });
  const roll = replicaRoll(engine, store.bus, SYSTEM_CLOCK);
  stops.add("replica roll", roll.stop);
  const common = { engine, authority, clock: SYSTEM_CLOCK };
  const servers = await openPlannerServers({
    ...config.listen,
    agentAdmissionsPerSecond: config.push.admissionsPerSecond,
    agentConnectionsMax: config.push.connections,
    identity,
    pusher,
    log,
    metrics,
    certificates: { ...common, log, ttlMs: config.certificates.agentTtlMs, agentAddresses: advertised.agent },
    operatorParts: {
      ...common,
      randomness: SYSTEM_RANDOMNESS,
      joinAddresses: advertised.join,
      operatorAddresses: advertised.operator,
      replicas: roll.list,
      settings: config.settings,
      survivals,
    },
  });
  stops.add("gRPC listeners", async () => servers.close());
  stops.add("plan streams", async () => pusher.shutDown());
  return servers;
}

/** What others are told to dial. */
function told({ advertise, listen }: Config) {
  const own = ({ host, port }: { host: string; port: number }): string[] => [
    host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`,
  ];
  return {
    join: advertise.join.length > 0 ? advertise.join : own(listen.join),
    agent: advertise.agent.length > 0 ? advertise.agent : own(listen.agent),
    operator: advertise.operator.length > 0 ? advertise.operator : own(listen.operator),
  };
}

function measure(engine: RunningEngine, { leading, halted, sequence }: Metrics): void {
  const reason = engine.halted();
  leading.set(engine.leader()?.isSelf === true ? 1 : 0);
  sequence.set(engine.state().sequence);
  halted.reset();
  if (reason !== undefined) halted.set({ code: reason.code }, 1);
}

function unready(engine: RunningEngine): string | undefined {
  const halted = engine.halted();
  if (halted !== undefined) return `${halted.code}: ${halted.message}`;
  return engine.leader()?.isAlive === true ? undefined : "NO_LEADER: no replica leads";
}
