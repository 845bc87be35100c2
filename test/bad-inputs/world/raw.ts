import { connect } from "node:http2";
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { connect as connectNet } from "node:net";
import type { NetConnectOpts, Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ConnectionOptions } from "node:tls";

/** A client that shows this certificate, or none. */
export interface Shown {
  readonly keyPem: string;
  readonly chainPem: string;
}

/** Where a listener is: host:port, or the path of a socket. */
export function placeOf(address: string): NetConnectOpts {
  if (address.startsWith("/")) return { path: address };
  const [host = "", port] = address.split(":");
  return { host, port: Number(port) };
}

function tlsOptions(own: Shown | undefined): object {
  const lax = { rejectUnauthorized: false, ALPNProtocols: ["h2"] };
  return own === undefined ? lax : { ...lax, key: own.keyPem, cert: own.chainPem };
}

/** A bare socket, after TLS or without. Its errors are its end. */
export function openSocket(address: string, over: "tcp" | "tls", own?: Shown): Socket {
  const socket =
    over === "tcp"
      ? connectNet(placeOf(address))
      : connectTls({ ...placeOf(address), ...tlsOptions(own) } as ConnectionOptions);
  return socket.on("error", () => socket.destroy());
}

/** Writes bytes on a connection of their own, and waits until the other side ends it or has had its time. */
export async function pour(socket: Socket, bytes: Uint8Array, patienceMs = 250): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(late);
      socket.destroy();
      resolve();
    };
    const late = setTimeout(done, patienceMs);
    socket.on("close", done);
    socket.write(bytes);
  });
}

/** A bare HTTP/2 connection: for what no gRPC client would send. */
export function openSession(address: string, own?: Shown): ClientHttp2Session {
  const session = connect(`https://${address}`, { ...tlsOptions(own), settings: { enablePush: false } } as object);
  return session.on("error", () => session.destroy());
}

/** Begins a gRPC call and sends nothing. */
export function begin(session: ClientHttp2Session, path: string, headers: IncomingHttpHeaders = {}): ClientHttp2Stream {
  const grpc = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
  const stream = session.request({ ...grpc, ...headers });
  return stream.on("error", () => undefined);
}

/** gRPC's frame around a message. */
export function framed(message: Uint8Array, flag: 0 | 1 = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** The number of the gRPC status with which a call ends; undefined when its stream is reset. */
export async function statusOf(stream: ClientHttp2Stream): Promise<number | undefined> {
  return await new Promise((resolve) => {
    const look = (headers: IncomingHttpHeaders): void => {
      if (headers["grpc-status"] !== undefined) resolve(Number(headers["grpc-status"]));
    };
    stream
      .on("response", look)
      .on("trailers", look)
      .on("close", () => resolve(undefined));
    stream.resume();
  });
}
