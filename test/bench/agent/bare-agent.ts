import { readFileSync } from "node:fs";
import { connect, credsAuthenticator } from "nats";
import { startBareAgent } from "../push/bare-client.ts";

/** The least that an agent could be: `bare-agent.js <file with what it has to know>`. A stream, a bus, a heartbeat. */
interface Known {
  readonly cluster: string;
  readonly address: string;
  readonly caPem: string;
  readonly keyPem: string;
  readonly chainPem: string;
  readonly natsUrl: string;
  readonly credentials: string;
}

const HEARTBEAT_MS = 1_000;

async function main(): Promise<void> {
  const known = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Known;
  const { cluster, address, caPem, keyPem, chainPem, natsUrl, credentials } = known;
  const keys = { keyPem, chainPem, serial: "" };
  startBareAgent({ name: cluster, address, caPem, keys, acknowledgement: Buffer.alloc(80) });
  const connection = await connect({
    servers: [natsUrl],
    authenticator: credsAuthenticator(new TextEncoder().encode(credentials)),
    inboxPrefix: `_INBOX.${cluster}`,
  });
  setInterval(() => connection.publish(`weir.v1.report.${cluster}.heartbeat`, new Uint8Array(200)), HEARTBEAT_MS);
}

await main();
