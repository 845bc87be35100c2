import type { Socket } from "node:net";
import type { Refusal } from "../../model/refusal.ts";
import type { Result } from "../../model/result.ts";
import type { Peer } from "./peer.ts";

/** One open connection of a listener. */
export interface Connection {
  /** For logs: address and port, or the socket's path. */
  readonly remote: string;
  /**
   * Who is at the other end: verified by its certificate, the owner of the unix socket, or why nobody can be named.
   * Undefined on the join listener, where nobody has a certificate yet.
   */
  readonly peer: Result<Peer, Refusal> | { readonly kind: "owner"; readonly uid: number } | undefined;
  /** Ends the connection and everything on it, at once. */
  cut(): void;
}

/** Both ends of a connection: what a socket and a call have in common. */
export interface Ends {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** The open connections of one listener, found again by the addresses of a call. */
export class ConnectionTable {
  readonly #open = new Map<string, Connection>();

  add(socket: Socket, connection: Connection): void {
    const key = keyOf(socket);
    this.#open.set(key, connection);
    socket.once("close", () => this.#open.delete(key));
  }

  /** The connection a call came on; undefined when it is gone. */
  find(ends: Ends): Connection | undefined {
    return this.#open.get(keyOf(ends));
  }

  all(): readonly Connection[] {
    return [...this.#open.values()];
  }
}

/** All four parts: two clients behind one address may use the same port towards two addresses of ours. */
function keyOf({ localAddress, localPort, remoteAddress, remotePort }: Ends): string {
  return [localAddress, localPort, remoteAddress, remotePort].join("|");
}
