import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import type { Logger } from "pino";
import { SYSTEM_CLOCK } from "../../../src/io/clock.ts";
import { openPlannerServers } from "../../../src/io/grpc/planner-servers.ts";
import type { PlannerServers } from "../../../src/io/grpc/planner-servers.ts";
import { Pusher } from "../../../src/io/grpc/push/pusher.ts";
import type { PusherOptions } from "../../../src/io/grpc/push/pusher.ts";
import { createMetrics } from "../../../src/io/http/metrics.ts";
import type { Metrics } from "../../../src/io/http/metrics.ts";
import { createAuthority } from "../../../src/io/pki/authority.ts";
import type { Authority } from "../../../src/io/pki/authority.ts";
import { createServerIdentity } from "../../../src/io/pki/server-identity.ts";
import type { ServerIdentity } from "../../../src/io/pki/server-identity.ts";
import { SYSTEM_RANDOMNESS } from "../../../src/io/randomness.ts";
import { Survivals } from "../../../src/io/survivals.ts";
import { DEFAULT_SETTINGS } from "../../../src/model/settings.ts";
import { SmallEngine } from "./small-engine.ts";

/** The planner's gRPC side on real listeners, with a small engine behind it. */
export interface SmallPlanner extends AsyncDisposable {
  readonly engine: SmallEngine;
  readonly authority: Authority;
  readonly caKeyPem: string;
  readonly servers: PlannerServers;
  readonly pusher: Pusher;
  readonly metrics: Metrics;
  /** Lines of its log. */
  readonly lines: Record<string, unknown>[];
}

/** What a test wants to be different. */
export interface Wishes extends Partial<PusherOptions> {
  /** Life of the planner's own certificate, in ms. */
  readonly serverTtlMs?: number;
}

/** Starts one on free ports of 127.0.0.1 and a socket in a folder of its own. */
export async function startPlanner(wishes: Wishes = {}): Promise<SmallPlanner> {
  const folder = await mkdtemp(join(tmpdir(), "weir-"));
  const { authority, keyPem: caKeyPem } = await createAuthority({ trustDomain: "weir", nowMs: Date.now() });
  const engine = new SmallEngine();
  const metrics = createMetrics();
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const identity = await createServerIdentity(authority, {
    replica: "p1",
    hosts: ["127.0.0.1", "localhost"],
    ttlMs: wishes.serverTtlMs ?? 3_600_000,
    clock: SYSTEM_CLOCK,
    onFault: (error) => log.error({ error }, "rotation"),
  });
  const pusher = new Pusher({ ...PUSH, engine, log, metrics, ...wishes });
  const servers = await serve({ engine, authority, identity, pusher, log, metrics }, join(folder, "weir.sock"));
  return {
    engine,
    authority,
    caKeyPem,
    servers,
    pusher,
    metrics,
    lines,
    async [Symbol.asyncDispose]() {
      await pusher.shutDown();
      await servers.close();
      identity.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const PUSH: Omit<PusherOptions, "engine" | "log" | "metrics"> = {
  bus: {
    urls: ["nats://127.0.0.1:4222"],
    mint: async (cluster) => ({ credentials: `creds of ${cluster}`, expiresAtMs: Date.now() + 3_600_000 }),
  },
  nowMs: () => Date.now(),
  rulings: { standingMs: 10_000, silentMaxMs: 3_000 },
  ackDeadlineMs: 10_000,
  wave: 200,
};

interface Parts {
  readonly engine: SmallEngine;
  readonly authority: Authority;
  readonly identity: ServerIdentity;
  readonly pusher: Pusher;
  readonly log: Logger;
  readonly metrics: Metrics;
}

async function serve(parts: Parts, socket: string): Promise<PlannerServers> {
  const nowhere = { host: "127.0.0.1", port: 0 };
  const { engine, authority, log } = parts;
  const common = { engine, authority, clock: SYSTEM_CLOCK };
  return openPlannerServers({
    ...parts,
    join: nowhere,
    agent: nowhere,
    operator: nowhere,
    socket,
    agentAdmissionsPerSecond: 500,
    agentConnectionsMax: 1_000,
    certificates: { ...common, log, ttlMs: 86_400_000, agentAddresses: ["127.0.0.1:7442"] },
    operatorParts: {
      ...common,
      randomness: SYSTEM_RANDOMNESS,
      joinAddresses: ["127.0.0.1:7441"],
      operatorAddresses: ["127.0.0.1:7443"],
      replicas: () => [],
      settings: DEFAULT_SETTINGS,
      survivals: new Survivals(DEFAULT_SETTINGS),
    },
  });
}
