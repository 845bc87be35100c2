import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as dial } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolvePart } from "../../../deploy/parts/resolve-part.ts";
import { freePort } from "../free-port.ts";

/** A real nats-server of one test file. */
export interface TestServer {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** Ends it at once and starts it again on the same files. */
  restart(): Promise<void>;
  /** Ends it at once; the files stay. */
  kill(): Promise<void>;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

/** How the server is to be configured. */
export interface TestServerOptions {
  /** Text of the configuration, given where to listen and keep files; default: JetStream without accounts. */
  readonly configure?: (place: { readonly host: string; readonly port: number; readonly storeDir: string }) => string;
}

/** Starts a real nats-server on a free port of loopback, with files of its own. */
export async function startNatsServer({ configure = openConfig }: TestServerOptions = {}): Promise<TestServer> {
  const { path } = await resolvePart("nats-server");
  const folder = mkdtempSync(join(tmpdir(), "weir-nats-"));
  const host = "127.0.0.1";
  const port = await freePort(host);
  const config = join(folder, "nats.conf");
  writeFileSync(config, configure({ host, port, storeDir: join(folder, "jetstream") }));
  const start = async (): Promise<ChildProcess> => {
    const child = spawn(path, ["-c", config], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-4_000)));
    await untilOpen(host, port, () => (child.exitCode === null ? undefined : said));
    return child;
  };
  let child = await start();
  const kill = async (): Promise<void> => await ended(child);
  return {
    host,
    port,
    url: `nats://${host}:${port}`,
    kill,
    async restart() {
      await kill();
      child = await start();
    },
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function openConfig({ host, port, storeDir }: { host: string; port: number; storeDir: string }): string {
  return `server_name: test\nlisten: "${host}:${port}"\njetstream { store_dir: ${JSON.stringify(storeDir)}, sync_interval: always }\n`;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGKILL");
  await gone;
}

async function untilOpen(host: string, port: number, died: () => string | undefined): Promise<void> {
  for (;;) {
    const words = died();
    if (words !== undefined) throw new Error(`nats-server did not start: ${words}`);
    if (await isOpen(host, port)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function isOpen(host: string, port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = dial({ host, port });
    const end = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
