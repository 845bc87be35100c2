import { ServerCredentials } from "@grpc/grpc-js";
import type { Server } from "@grpc/grpc-js";
import { createServer } from "node:net";
import type { AddressInfo, Server as NetServer, Socket } from "node:net";
import type { Logger } from "pino";
import type { Metrics } from "../http/metrics.ts";
import { CLOCK_SKEW_MS } from "../pki/authority.ts";
import { createAdmission } from "./admission.ts";
import type { AdmissionOptions } from "./admission.ts";
import type { ConnectionTable } from "./connection.ts";
import { createTlsAcceptor } from "./tls-acceptor.ts";
import type { RefusedConnection, TlsAcceptorOptions } from "./tls-acceptor.ts";

/** A TCP listener that speaks TLS and hands the connections it verified to a gRPC server. */
export interface Listener {
  /** host:port it listens on. */
  readonly address: string;
  /** Takes no new connections; those that are open go on. */
  stopListening(): void;
  /** Ends everything. */
  close(): Promise<void>;
}

/** What a listener needs. */
export interface ListenerOptions extends Omit<TlsAcceptorOptions, "accept" | "refused"> {
  /** For logs and metrics. */
  readonly name: "join" | "agent" | "operator";
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Where calls find the connection they came on. */
  readonly connections: ConnectionTable;
  readonly admission: AdmissionOptions;
  /** More open connections than this are closed as they come. */
  readonly connectionsMax: number;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** How often connections are held against the time of their certificates: at most this much later they are cut. */
const EXPIRY_SWEEP_MS = 30_000;

/** Log lines per second about refused connections; the metric counts all. Strangers must not fill the disk. */
const REFUSAL_LINES_PER_SECOND = 10;

/**
 * Opens a listener for a server that has its services already.
 *
 * Weir ends TLS itself and gives gRPC the verified connection. So it can say why it refused somebody, exchange its
 * certificate without a restart, bound handshakes, and cut off one peer at once; grpc-js offers none of these.
 */
export async function openListener(server: Server, options: ListenerOptions): Promise<Listener> {
  const { name, connections, metrics } = options;
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const tls = createTlsAcceptor({
    ...options,
    refused: refusalCounter(options),
    accept(socket, connection) {
      connections.add(socket, connection);
      metrics.connections.inc({ listener: name });
      socket.once("close", () => metrics.connections.dec({ listener: name }));
      injector.injectConnection(socket);
    },
  });
  const stopRotation = options.identity.onChange((context) => tls.setSecureContext(context));
  const sweep = setInterval(() => cutExpired(connections, options.nowMs()), EXPIRY_SWEEP_MS).unref();
  const door = await openDoor(options, (socket) => tls.emit("connection", socket));
  return {
    address: door.address,
    stopListening: () => door.net.close(),
    async close() {
      clearInterval(sweep);
      stopRotation();
      await door.close();
      injector.destroy();
    },
  };
}

/** The TCP side: accepts, counts, and lets through at the admission's rate. */
async function openDoor(options: ListenerOptions, enter: (socket: Socket) => void) {
  const admission = createAdmission(options.admission);
  const sockets = new Set<Socket>();
  const net = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // A reset before or during the handshake; TLS counts it where there is something to say.
    socket.on("error", () => socket.destroy());
    admission.admit(socket, enter);
  });
  net.maxConnections = options.connectionsMax;
  net.on("drop", () => options.metrics.connectionsRefused.inc({ listener: options.name, code: "TOO_MANY" }));
  const address = await listen(net, options);
  return {
    net,
    address,
    async close() {
      admission.close();
      const closed = new Promise<void>((resolve) => void net.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function listen(net: NetServer, { host, port }: ListenerOptions): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    net.once("error", reject);
    net.listen({ host, port }, () => {
      net.off("error", reject);
      resolve();
    });
  });
  const { address, port: bound, family } = net.address() as AddressInfo;
  return family === "IPv6" ? `[${address}]:${bound}` : `${address}:${bound}`;
}

function refusalCounter({ name, log, metrics }: ListenerOptions): (refusal: RefusedConnection) => void {
  let second = 0;
  let lines = 0;
  return (refusal) => {
    metrics.connectionsRefused.inc({ listener: name, code: refusal.code });
    const now = Math.floor(performance.now() / 1_000);
    lines = now === second ? lines + 1 : 1;
    second = now;
    if (lines <= REFUSAL_LINES_PER_SECOND) log.warn({ listener: name, ...refusal }, "connection refused");
  };
}

/** A connection does not outlive the certificate it was opened with. */
function cutExpired(connections: ConnectionTable, nowMs: number): void {
  for (const connection of connections.all()) {
    const { peer } = connection;
    if (peer === undefined || !("ok" in peer) || !peer.ok) continue;
    const { expiresAtMs, isRenewOnly } = peer.value;
    if (expiresAtMs + (isRenewOnly ? CLOCK_SKEW_MS : 0) < nowMs) connection.cut();
  }
}
