import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { createAuthority } from "../../../src/io/pki/authority.ts";
import type { Authority } from "../../../src/io/pki/authority.ts";
import { createServerIdentity } from "../../../src/io/pki/server-identity.ts";
import { DEFAULT_SETTINGS } from "../../../src/model/settings.ts";
import { SYSTEM_CLOCK } from "../../../src/io/clock.ts";
import { Pusher } from "../../../src/io/grpc/push/pusher.ts";
import type { PusherOptions } from "../../../src/io/grpc/push/pusher.ts";
import { openPlannerServers } from "../../../src/io/grpc/planner-servers.ts";
import type { PlannerServers } from "../../../src/io/grpc/planner-servers.ts";
import { createMetrics } from "../../../src/io/http/metrics.ts";
import type { Metrics } from "../../../src/io/http/metrics.ts";
import { smallEngine } from "./small-engine.ts";
import type { SmallEngine } from "./small-engine.ts";

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
  readonly folder: string;
}

/** Starts one on free ports of 127.0.0.1 and a socket in a folder of its own. */
export async function startPlanner(push: Partial<PusherOptions> = {}): Promise<SmallPlanner> {
  const folder = await mkdtemp(join(tmpdir(), "weir-"));
  const { authority, keyPem } = await createAuthority({ trustDomain: "weir", nowMs: Date.now() });
  const engine = smallEngine();
  const metrics = createMetrics();
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const identity = await createServerIdentity(authority, {
    replica: "p1",
    hosts: ["127.0.0.1", "localhost"],
    ttlMs: 3_600_000,
    clock: SYSTEM_CLOCK,
    onFault: (error) => log.error({ error }, "rotation"),
  });
  const bus = {
    urls: ["nats://127.0.0.1:4222"],
    mint: async (cluster: string) => ({ credentials: `creds of ${cluster}`, expiresAtMs: Date.now() + 3_600_000 }),
  };
  const pusher = new Pusher({
    engine,
    bus,
    log,
    metrics,
    nowMs: () => Date.now(),
    rulings: { standingMs: 10_000, silentMaxMs: 3_000 },
    ackDeadlineMs: 10_000,
    wave: 200,
    ...push,
  });
  const nowhere = { host: "127.0.0.1", port: 0 };
  const servers = await openPlannerServers({
    join: nowhere,
    agent: nowhere,
    operator: nowhere,
    socket: join(folder, "weir.sock"),
    agentAdmissionsPerSecond: 500,
    agentConnectionsMax: 1_000,
    identity,
    operatorParts: {
      engine,
      clock: SYSTEM_CLOCK,
      randomness: { id: () => crypto.randomUUID(), fraction: () => Math.random() },
      authority,
      joinAddresses: ["127.0.0.1:7441"],
      operatorAddresses: ["127.0.0.1:7443"],
      replicas: () => [],
      settings: DEFAULT_SETTINGS,
    },
    certificates: {
      engine,
      authority,
      clock: SYSTEM_CLOCK,
      log,
      ttlMs: 86_400_000,
      agentAddresses: ["127.0.0.1:7442"],
    },
    pusher,
    log,
    metrics,
  });
  return {
    engine,
    authority,
    caKeyPem: keyPem,
    servers,
    pusher,
    metrics,
    lines,
    folder,
    async [Symbol.asyncDispose]() {
      await pusher.shutDown();
      await servers.close();
      identity.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
