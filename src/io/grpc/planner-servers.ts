import { Server } from "@grpc/grpc-js";
import type { ServerOptions } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import type { Logger } from "pino";
import { AdminService } from "../../../proto/gen/weir/v1/admin_pb.ts";
import { AgentService, JoinService } from "../../../proto/gen/weir/v1/agent_pb.ts";
import { ClusterService } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { PlanService } from "../../../proto/gen/weir/v1/plan_pb.ts";
import { PreviewService } from "../../../proto/gen/weir/v1/preview_pb.ts";
import { ServiceService, ShiftService, StatusService } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { readCanonicalAcknowledgement } from "../../wire/canonical-stream.ts";
import type { Metrics } from "../http/metrics.ts";
import type { ServerIdentity } from "../pki/server-identity.ts";
import { agentService } from "./agent-service.ts";
import { bindService } from "./bind.ts";
import type { Audience } from "./caller.ts";
import { ConnectionTable } from "./connection.ts";
import { createGatekeeper } from "./gatekeeper.ts";
import type { CallSource, Gatekeeper } from "./gatekeeper.ts";
import { joinService } from "./join-service.ts";
import type { JoinOptions } from "./join-service.ts";
import { openListener } from "./listener.ts";
import type { Listener, ListenerOptions } from "./listener.ts";
import { adminService } from "./operator/admin-service.ts";
import { clusterService } from "./operator/cluster-service.ts";
import type { OperatorParts } from "./operator/parts.ts";
import { planService, statusService } from "./operator/plan-service.ts";
import { previewService } from "./operator/preview-service.ts";
import { serviceService } from "./operator/service-service.ts";
import { shiftService } from "./operator/shift-service.ts";
import type { Pusher } from "./push/pusher.ts";
import { healthContract } from "./reflection/health-contract.ts";
import { addReflection } from "./reflection/reflection.ts";
import { openUnixListener } from "./unix-listener.ts";
import type { UnixListener } from "./unix-listener.ts";

/** Where a listener listens. */
export interface Endpoint {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** What the planner's gRPC side is made of. */
export interface PlannerServersOptions {
  readonly join: Endpoint;
  readonly agent: Endpoint;
  readonly operator: Endpoint;
  /** Path of the unix socket. */
  readonly socket: string;
  /** New agent connections per second that are taken on (reliability L3). */
  readonly agentAdmissionsPerSecond: number;
  readonly agentConnectionsMax: number;
  readonly identity: ServerIdentity;
  readonly operatorParts: OperatorParts;
  readonly certificates: JoinOptions;
  readonly pusher: Pusher;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** The planner's open listeners. */
export interface PlannerServers {
  /** host:port as bound. */
  readonly addresses: {
    readonly join: string;
    readonly agent: string;
    readonly operator: string;
    readonly socket: string;
  };
  /** What health checks are told. */
  setReady(isReady: "ready" | "not-ready"): void;
  /** Takes no new connections. */
  stopListening(): void;
  /** Ends every connection. */
  close(): Promise<void>;
}

const MIB = 1_048_576;

/** Joining carries one token and one signing request. */
const JOIN_MESSAGE_MAX = 65_536;

const COMMON: ServerOptions = {
  "grpc.max_receive_message_length": 4 * MIB,
  // A whole plan of thousands of services; what an agent takes is its own setting.
  "grpc.max_send_message_length": 64 * MIB,
  // HTTP/2's 64 KiB stalls large plans for a round trip each; measured, this halves the slowest push to 500 agents.
  "grpc-node.flow_control_window": MIB,
  // A peer that vanished without a word is noticed within this time.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.max_connection_idle_ms": 300_000,
  // Nobody reads it, and it costs memory per connection.
  "grpc.enable_channelz": 0,
};

/** Most calls at once on one connection. */
const STREAMS_MAX = { join: 8, agent: 16, operator: 128 } as const;

/** Opens every gRPC listener of the planner. What was opened is closed again when one fails. */
export async function openPlannerServers(options: PlannerServersOptions): Promise<PlannerServers> {
  const health = new HealthImplementation({ "": "NOT_SERVING" });
  const opened: { close(): Promise<void>; stopListening(): void }[] = [];
  const keep = <T extends Listener | UnixListener>(listener: T): T => {
    opened.push(listener);
    return listener;
  };
  const close = async (): Promise<void> => {
    await Promise.all(opened.map(async (listener) => listener.close()));
  };
  try {
    const join = keep(await openJoin(options));
    const agent = keep(await openAgent(options, health));
    const operator = keep(await openOperator(options, health));
    const socket = keep(await openSocket(options, health));
    return {
      addresses: { join: join.address, agent: agent.address, operator: operator.address, socket: socket.path },
      setReady: (isReady) => health.setStatus("", isReady === "ready" ? "SERVING" : "NOT_SERVING"),
      stopListening: () => opened.forEach((listener) => listener.stopListening()),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openJoin(options: PlannerServersOptions): Promise<Listener> {
  const connections = new ConnectionTable();
  const gatekeeper = gatekeeperFor(connections, "anybody", options);
  const server = new Server({
    ...COMMON,
    "grpc.max_receive_message_length": JOIN_MESSAGE_MAX,
    "grpc.max_concurrent_streams": STREAMS_MAX.join,
    "grpc.max_connection_idle_ms": 30_000,
    interceptors: [gatekeeper.interceptor],
  });
  bindService(server, {
    service: JoinService,
    code: joinService(options.certificates),
    binding: { ...options, gatekeeper },
  });
  return openListener(server, {
    ...listenerOptions("join", options),
    connections,
    clientCertificate: "none",
    // Strangers: few at a time is plenty, and keeps their handshakes from costing the agents anything.
    admission: { perSecond: 20, waitMaxMs: 5_000 },
    connectionsMax: 256,
  });
}

async function openAgent(options: PlannerServersOptions, health: HealthImplementation): Promise<Listener> {
  const connections = new ConnectionTable();
  const gatekeeper = gatekeeperFor(connections, "clusters", options);
  const streams = { "grpc.max_concurrent_streams": STREAMS_MAX.agent };
  const server = new Server({ ...COMMON, ...streams, interceptors: [gatekeeper.interceptor] });
  const code = agentService(options.pusher, options.certificates);
  bindService(server, {
    service: AgentService,
    code,
    binding: { ...options, gatekeeper },
    readers: { connect: readCanonicalAcknowledgement },
  });
  health.addToServer(server);
  return openListener(server, {
    ...listenerOptions("agent", options),
    connections,
    clientCertificate: "required",
    admission: { perSecond: options.agentAdmissionsPerSecond, waitMaxMs: 10_000 },
    connectionsMax: options.agentConnectionsMax,
  });
}

async function openOperator(options: PlannerServersOptions, health: HealthImplementation): Promise<Listener> {
  const connections = new ConnectionTable();
  const server = operatorServer(options, gatekeeperFor(connections, "operators", options), health);
  return openListener(server, {
    ...listenerOptions("operator", options),
    connections,
    clientCertificate: "required",
    admission: { perSecond: 50, waitMaxMs: 5_000 },
    connectionsMax: 1_024,
  });
}

async function openSocket(options: PlannerServersOptions, health: HealthImplementation): Promise<UnixListener> {
  // Mode 0600: whoever got in is this process' own user (or root, who is everybody).
  const owner = { kind: "owner" as const, uid: process.getuid?.() ?? 0 };
  const only = { remote: options.socket, peer: owner, cut: () => undefined };
  const server = operatorServer(options, gatekeeperFor({ only }, "owner", options), health);
  return openUnixListener(server, options.socket);
}

function operatorServer(options: PlannerServersOptions, gatekeeper: Gatekeeper, health: HealthImplementation): Server {
  const parts = options.operatorParts;
  const streams = { "grpc.max_concurrent_streams": STREAMS_MAX.operator };
  const server = new Server({ ...COMMON, ...streams, interceptors: [gatekeeper.interceptor] });
  const binding = { ...options, gatekeeper };
  bindService(server, { service: ClusterService, code: clusterService(parts), binding });
  bindService(server, { service: ServiceService, code: serviceService(parts), binding });
  bindService(server, { service: ShiftService, code: shiftService(parts), binding });
  bindService(server, { service: PlanService, code: planService(parts), binding });
  bindService(server, { service: PreviewService, code: previewService(parts), binding });
  bindService(server, { service: StatusService, code: statusService(parts), binding });
  bindService(server, { service: AdminService, code: adminService(parts), binding });
  health.addToServer(server);
  const known = [
    ClusterService,
    ServiceService,
    ShiftService,
    PlanService,
    PreviewService,
    StatusService,
    AdminService,
  ];
  addReflection(server, { services: known, foreign: [healthContract()] });
  return server;
}

function gatekeeperFor(source: CallSource, audience: Audience, { log, metrics }: PlannerServersOptions): Gatekeeper {
  return createGatekeeper(source, {
    audience,
    refused(method, { code, message }) {
      // Paths of unknown methods are the caller's text, which is no label.
      metrics.calls.inc({ method: "refused", code });
      log.info({ method, outcome: code, message }, "call");
    },
  });
}

function listenerOptions(
  name: "join" | "agent" | "operator",
  options: PlannerServersOptions,
): Omit<ListenerOptions, "connections" | "clientCertificate" | "admission" | "connectionsMax"> {
  const { identity, log, metrics, operatorParts } = options;
  const { authority, clock } = operatorParts;
  return { name, ...options[name], authority, identity, log, metrics, nowMs: () => clock.nowMs() };
}
