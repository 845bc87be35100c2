import { createServer } from "node:net";

/**
 * Where ports are taken from: below what systems give to outgoing connections (32768 and up on Linux, 49152 on macOS),
 * for a port from there may be anybody's by the time that its server listens.
 */
const FIRST_PORT = 10_000;
const PORTS_PER_WORKER = 5_000;
const WORKERS = 4;

const worker = Number(process.env["VITEST_POOL_ID"] ?? 0) % WORKERS;
let next = process.pid % PORTS_PER_WORKER;

/** A free port that no other worker is given, and this one only once. */
export async function freePort(host: string): Promise<number> {
  for (let tried = 0; tried < PORTS_PER_WORKER; tried += 1) {
    const port = FIRST_PORT + worker * PORTS_PER_WORKER + next;
    next = (next + 1) % PORTS_PER_WORKER;
    // The next one is tried only if somebody has this one.
    if (await isFree(host, port)) return port;
  }
  throw new Error(`no port is free at ${host}`);
}

async function isFree(host: string, port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
