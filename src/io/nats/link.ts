import type { NatsConnection } from "nats";

/**
 * Tells when a connection was made anew. What was due on the old one never comes: an answer that was on its way is gone,
 * and messages that were on their way count as delivered at the server.
 */
export class Link {
  #current = new AbortController();

  constructor(connection: NatsConnection) {
    void this.#watch(connection);
  }

  /** Aborts when the connection of now is replaced by another. */
  current(): AbortSignal {
    return this.#current.signal;
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type !== "reconnect") continue;
      this.#current.abort(new Error("the connection was lost and made anew"));
      this.#current = new AbortController();
    }
  }
}
