import { ChannelCredentials, Client, Metadata } from "@grpc/grpc-js";
import type { KeyPair } from "../fleet-keys.ts";
import { BARE_CONNECT, BARE_NAME, CONNECTION_OPTIONS } from "./bare-wire.ts";

/** What a bare agent needs. */
export interface BareAgent {
  readonly name: string;
  readonly address: string;
  readonly caPem: string;
  readonly keys: KeyPair;
  /** Sent back for every plan. */
  readonly acknowledgement: Buffer;
}

/** An agent that answers every message with the same bytes. Returns how to end it. */
export function startBareAgent(agent: BareAgent): () => void {
  const { caPem, keys } = agent;
  const credentials = ChannelCredentials.createSsl(
    Buffer.from(caPem),
    Buffer.from(keys.keyPem),
    Buffer.from(keys.chainPem),
  );
  const client = new Client(agent.address, credentials, {
    ...CONNECTION_OPTIONS,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.enable_retries": 0,
    "grpc.use_local_subchannel_pool": 1,
  });
  const metadata = new Metadata();
  metadata.set(BARE_NAME, agent.name);
  const { path, requestSerialize, responseDeserialize } = BARE_CONNECT;
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  stream.on("data", () => stream.write(agent.acknowledgement));
  stream.on("error", () => undefined);
  return () => {
    stream.cancel();
    client.close();
  };
}
