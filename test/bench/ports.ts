import { connect } from "node:net";
import { pause } from "../../deploy/demo/waiting.ts";

const POLL_MS = 20;

/** Waits until somebody listens at a port. Throws when nobody does in `timeoutMs`. */
export async function awaitPort(host: string, port: number, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isOpen(host, port))) {
    if (performance.now() > deadline) throw new Error(`nobody listens at ${host}:${port} after ${timeoutMs} ms`);
    await pause(POLL_MS);
  }
}

async function isOpen(host: string, port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 500 });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", () => end(false));
  });
}
