import { join } from "node:path";

export const HOST = "127.0.0.1";

/** Short times, so that a test takes seconds. They are configuration; nothing else differs. */
const TIMING = { tickMs: 200, heartbeatMs: 500, leaderTimeoutMs: 4_000, electionSpreadMs: 300 };
const SETTINGS = {
  // A busy machine must not look like a silent cluster.
  unknownAfterMs: 8_000,
  deadAfterMs: 12_000,
  healthyAfterMs: 1_000,
  coldStartMs: 2_000,
  rampStepMs: 300,
  emergencyWatchMs: 500,
  routineIntervalMs: 300,
};

/** Where one planner process listens. */
export interface PlannerPorts {
  readonly join: number;
  readonly agent: number;
  readonly operator: number;
  readonly http: number;
}

/** What a stage may want otherwise of its planners. */
export interface StageOptions {
  readonly certificates?: Readonly<Record<string, number>>;
}

/** One planner process among others. */
export interface PlannerPlace {
  /** Its replica name. */
  readonly replica: string;
  readonly ports: PlannerPorts;
  /** Ports of every replica that agents and operators are told of. */
  readonly everyone: readonly PlannerPorts[];
  readonly natsUrl: string;
  readonly socket: string;
}

/** A planner's configuration file. Paths are relative to the stage's folder. */
export function plannerDocument(
  { replica, ports, everyone, natsUrl, socket }: PlannerPlace,
  { certificates = {} }: StageOptions,
): object {
  const at = (port: number): string => `${HOST}:${port}`;
  const all = (kind: "join" | "agent" | "operator"): readonly string[] => everyone.map((known) => at(known[kind]));
  const fleet = (path: string): string => join("fleet", path);
  return {
    replica,
    pki: { caCertificate: fleet("pki/ca.crt"), caKey: fleet("pki/ca.key") },
    nats: {
      urls: [natsUrl],
      credentials: fleet("nats/planner.creds"),
      fleetSigner: fleet("nats/fleet-signer.json"),
    },
    listen: {
      join: at(ports.join),
      agent: at(ports.agent),
      operator: at(ports.operator),
      http: at(ports.http),
      socket,
    },
    advertise: { join: all("join"), agent: all("agent"), operator: all("operator") },
    certificates,
    timing: TIMING,
    settings: SETTINGS,
  };
}

/** An agent's configuration file. */
export function agentDocument(cluster: string): object {
  return {
    dataDir: `${cluster}-data`,
    mesh: { kind: "memory" },
    bakeMs: 200,
    gateway: { address: HOST, port: 15_443 },
    endpointsFile: `${cluster}-endpoints.yaml`,
  };
}

/** What runs in every cluster of a stage. */
export function endpointsDocument(): object {
  return { services: { "shop/checkout": { v1: [{ address: HOST, port: 9_000, capacityRps: 1_000 }] } } };
}

/** shop/checkout as v1 in these clusters, on a port. */
export function serviceDocument({
  clusters,
  port,
}: {
  readonly clusters: readonly string[];
  readonly port: number;
}): object {
  return {
    kind: "Service",
    name: "shop/checkout",
    protocol: "http",
    port,
    stableVersion: "v1",
    pace: { maxStep: "25%", bake: "300ms" },
    deployments: clusters.map((cluster) => ({ cluster, version: "v1", capacityRps: 1_000 })),
  };
}
