import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { resolvePart } from "../../deploy/parts/resolve-part.ts";
import type { Stage } from "./bench.ts";
import { awaitPort } from "./ports.ts";

/** What a bench's NATS server listens on. */
export interface NatsPlace {
  readonly host: string;
}

const PORT = 4222;

/** Starts a real nats-server whose streams sync every write, and returns its URL. */
export async function startNats(stage: Stage, { host }: NatsPlace): Promise<string> {
  const part = await resolvePart("nats-server", { log: stage.say });
  const store = join(stage.folder, "jetstream");
  const config = join(stage.folder, "nats.conf");
  mkdirSync(store, { recursive: true });
  writeFileSync(config, configOf(host, store));
  stage.crew.start({ name: "nats", command: part.path, args: ["-c", config] });
  await awaitPort(host, PORT);
  return `nats://${host}:${PORT}`;
}

function configOf(host: string, store: string): string {
  return `listen: "${host}:${PORT}"
server_name: bench
jetstream {
  store_dir: ${JSON.stringify(store)}
  sync_interval: always
}
`;
}
