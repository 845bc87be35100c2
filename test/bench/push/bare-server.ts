import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { FleetKeys } from "../fleet-keys.ts";
import { BARE_CONNECT, BARE_NAME, CONNECTION_OPTIONS } from "./bare-wire.ts";

/** How long each agent's acknowledgement took, from the moment of the commit, in ms. */
export type AckTimes = readonly number[];

/** A broadcast and nothing else: a bidirectional stream for each agent over mTLS, plans down, acknowledgements up. */
export class BareServer {
  readonly #server = new Server(CONNECTION_OPTIONS);
  readonly #streams = new Map<string, ServerDuplexStream<Buffer, Buffer>>();
  #onAck: () => void = () => undefined;

  /** Listens and returns the port. */
  async listen(host: string, keys: FleetKeys): Promise<number> {
    const connect = (stream: ServerDuplexStream<Buffer, Buffer>): void => {
      const name = String(stream.metadata.get(BARE_NAME)[0]);
      this.#streams.set(name, stream);
      stream.on("data", () => this.#onAck());
      stream.on("end", () => stream.end());
      stream.on("error", () => this.#streams.delete(name));
      stream.on("cancelled", () => this.#streams.delete(name));
    };
    this.#server.addService({ connect: BARE_CONNECT }, { connect });
    const { chainPem, keyPem } = keys.planner;
    const pair = { cert_chain: Buffer.from(chainPem), private_key: Buffer.from(keyPem) };
    const credentials = ServerCredentials.createSsl(Buffer.from(keys.caPem), [pair], true);
    return await new Promise((resolve, reject) => {
      this.#server.bindAsync(`${host}:0`, credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  /** How many agents are connected. */
  get connected(): number {
    return this.#streams.size;
  }

  /** Sends each agent its bytes and waits until all have acknowledged. */
  async broadcast(messages: ReadonlyMap<string, Buffer>): Promise<AckTimes> {
    const times: number[] = [];
    const startedAt = performance.now();
    await new Promise<void>((resolve) => {
      this.#onAck = () => {
        times.push(performance.now() - startedAt);
        if (times.length === messages.size) resolve();
      };
      for (const [name, bytes] of messages) this.#streams.get(name)?.write(bytes);
    });
    return times;
  }

  close(): void {
    this.#server.forceShutdown();
  }
}
