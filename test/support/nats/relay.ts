import { connect, createServer } from "node:net";
import type { Socket } from "node:net";

/** What the relay does to bytes on their way back from the server. */
export type RelayMode = "pass" | "drop-replies" | "cut";

/** A TCP relay between a client and a server that can lose what the server answers. */
export interface Relay {
  readonly url: string;
  /** Replies are dropped from now on, or everything is cut, or passed again. */
  set(mode: RelayMode): void;
  /** Resolves when the server has next answered something that was dropped. */
  dropped(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a relay in front of a server. */
export async function startRelay(target: { readonly host: string; readonly port: number }): Promise<Relay> {
  let mode: RelayMode = "pass";
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  const server = createServer((client) => {
    if (mode === "cut") {
      client.destroy();
      return;
    }
    const upstream = connect(target);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("data", (bytes) => upstream.write(bytes));
    upstream.on("data", (bytes) => {
      if (mode === "pass") client.write(bytes);
      else for (const wake of waiting.splice(0)) wake();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const destroyAll = (): void => sockets.forEach((socket) => socket.destroy());
  return {
    url: `nats://127.0.0.1:${address.port}`,
    set(next) {
      mode = next;
      if (next !== "drop-replies") destroyAll();
    },
    dropped: async () => await new Promise((resolve) => waiting.push(resolve)),
    async close() {
      destroyAll();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
