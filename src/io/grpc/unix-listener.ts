import { ServerCredentials } from "@grpc/grpc-js";
import type { Server } from "@grpc/grpc-js";
import { chmod, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import type { Server as NetServer, Socket } from "node:net";
import { dirname, join } from "node:path";

/** A listener for operators on the planner's own machine. */
export interface UnixListener {
  readonly path: string;
  stopListening(): void;
  close(): Promise<void>;
}

/** Longest path that fits into a socket's address on Linux, less its end mark. */
const PATH_LENGTH_MAX = 107;

/** A person and a few scripts; more is a leak or an attack. */
const CONNECTIONS_MAX = 64;

/**
 * Opens a gRPC listener on a unix socket that only the process' own user can reach. The socket is made in a private
 * folder and moved into place with its mode, so that there is no moment at which others could connect.
 *
 * Throws when the path is too long, taken by a live process, or not a socket.
 */
export async function openUnixListener(server: Server, path: string): Promise<UnixListener> {
  if (Buffer.byteLength(path) > PATH_LENGTH_MAX) {
    throw new Error(`listen.socket: ${path} has more than ${PATH_LENGTH_MAX} bytes; choose a shorter path`);
  }
  await assertFree(path);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<Socket>();
  const net = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    injector.injectConnection(socket);
  });
  net.maxConnections = CONNECTIONS_MAX;
  await listenPrivately(net, path);
  return {
    path,
    stopListening: () => net.close(),
    async close() {
      const closed = new Promise<void>((resolve) => void net.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      injector.destroy();
      await closed;
      await rm(path, { force: true });
    },
  };
}

async function listenPrivately(net: NetServer, path: string): Promise<void> {
  const folder = await mkdtemp(join(dirname(path), ".w-"));
  try {
    const draft = join(folder, "s");
    await new Promise<void>((resolve, reject) => {
      net.once("error", reject);
      net.listen(draft, () => {
        net.off("error", reject);
        resolve();
      });
    });
    await chmod(draft, 0o600);
    await rename(draft, path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a crash left behind may be replaced; what answers, or is no socket, may not. */
async function assertFree(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`listen.socket: ${path} exists and is no socket; choose another path`);
  if (await answers(path)) throw new Error(`listen.socket: another process listens on ${path}; stop it first`);
}

async function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}
