import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { resolvePart } from "../../deploy/parts/resolve-part.ts";
import type { BusFoundation } from "../../src/io/nats/accounts.ts";
import { natsServerConfig } from "../../src/io/nats/server-config.ts";
import type { Stage } from "./bench.ts";
import { awaitPort } from "./ports.ts";

/** How a bench's NATS server is set up. */
export interface NatsPlace {
  readonly host: string;
  /** Accounts and credentials as in production; none: everybody may do everything, which is quicker to set up. */
  readonly foundation?: BusFoundation;
}

const PORT = 4222;

/** Starts a real nats-server whose streams sync every write, and returns its URL. */
export async function startNats(stage: Stage, { host, foundation }: NatsPlace): Promise<string> {
  const part = await resolvePart("nats-server", { log: (line) => stage.say(line) });
  const store = join(stage.folder, `jetstream-${host}`);
  const config = join(stage.folder, `nats-${host}.conf`);
  mkdirSync(store, { recursive: true });
  const place = { serverName: "bench", host, port: PORT, storeDir: store };
  writeFileSync(config, foundation === undefined ? openConfig(host, store) : natsServerConfig(foundation, place));
  stage.crew.start({ name: `nats-${host}`, command: part.path, args: ["-c", config] });
  await awaitPort(host, PORT);
  return `nats://${host}:${PORT}`;
}

function openConfig(host: string, store: string): string {
  return `listen: "${host}:${PORT}"
server_name: bench
jetstream {
  store_dir: ${JSON.stringify(store)}
  sync_interval: always
}
`;
}
