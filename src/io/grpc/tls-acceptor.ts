import type { Socket } from "node:net";
import { createServer } from "node:tls";
import type { Server, TLSSocket } from "node:tls";
import type { Authority } from "../pki/authority.ts";
import type { ServerIdentity } from "../pki/server-identity.ts";
import type { Connection } from "./connection.ts";
import { endsConnection, judgePeer } from "./peer.ts";

/** What a TLS acceptor needs. */
export interface TlsAcceptorOptions {
  readonly authority: Authority;
  readonly identity: ServerIdentity;
  /** `required`: who has no certificate of the fleet is cut off. `none`: nobody is asked for one. */
  readonly clientCertificate: "required" | "none";
  readonly nowMs: () => number;
  /** Takes a connection that may speak. */
  readonly accept: (socket: TLSSocket, connection: Connection) => void;
  /** Told of each connection that was cut off before it spoke: stable code, who, and why. */
  readonly refused: (refusal: RefusedConnection) => void;
}

/** A connection that was cut off before it spoke. */
export interface RefusedConnection {
  readonly code: string;
  readonly remote: string;
  readonly reason: string;
}

/** How long a client may take over its handshake. */
const HANDSHAKE_MS = 10_000;

/** Ends TLS for sockets that something else accepts: `emit("connection", socket)`. */
export function createTlsAcceptor(options: TlsAcceptorOptions): Server {
  const { identity, clientCertificate, refused } = options;
  const server = createServer({
    ...identity.context(),
    requestCert: clientCertificate === "required",
    // Not because anybody gets in: `judgePeer` says more exactly what is wrong than the library would.
    rejectUnauthorized: false,
    ALPNProtocols: ["h2"],
    handshakeTimeout: HANDSHAKE_MS,
  });
  server.on("secureConnection", (socket) => judge(socket, options));
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
    // Who hangs up in the middle was not refused; a client that only looks at our certificate does that.
    if (error.code !== "ECONNRESET") {
      const reason = error.code ?? error.message;
      refused({
        code: CERTIFICATE_FAULT.test(reason) ? "CERT_UNTRUSTED" : "HANDSHAKE",
        remote: remoteOf(socket),
        reason,
      });
    }
    socket.destroy();
  });
  return server;
}

/** Faults of the TLS library that are about the client's certificate, such as a key or a signature that is too weak. */
const CERTIFICATE_FAULT = /CERT|_MD_TOO_WEAK|KEY_TOO_SMALL|UNKNOWN_CA/;

function judge(socket: TLSSocket, options: TlsAcceptorOptions): void {
  // Resets and broken records of a verified peer end its socket, which is all that has to happen.
  socket.on("error", () => socket.destroy());
  const remote = remoteOf(socket);
  const cut = (): void => void socket.destroy();
  if (socket.alpnProtocol !== "h2") {
    options.refused({ code: "PROTOCOL", remote, reason: "the client does not speak HTTP/2" });
    return cut();
  }
  if (options.clientCertificate === "none") return options.accept(socket, { remote, peer: undefined, cut });
  const peer = judgePeer(presentedBy(socket), options.authority, options.nowMs());
  if (peer.ok || !endsConnection(peer.refusal)) return options.accept(socket, { remote, peer, cut });
  options.refused({ code: peer.refusal.code, remote, reason: peer.refusal.message });
  cut();
}

function presentedBy(socket: TLSSocket) {
  const certificate = socket.getPeerX509Certificate();
  // Typed as an Error, but the library sets its code, a text.
  const fault: unknown = socket.authorizationError;
  return {
    certificate: certificate?.raw,
    fault: socket.authorized ? undefined : fault instanceof Error ? fault.message : String(fault),
  };
}

function remoteOf({ remoteAddress = "unknown", remotePort = 0 }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}
