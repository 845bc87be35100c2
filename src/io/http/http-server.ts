import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

/** What the planner tells probes and collectors. */
export interface HttpOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly registry: Registry;
  /** Why this replica does not serve; undefined when it does. */
  readonly unready: () => string | undefined;
}

/** The planner's HTTP side: /metrics, /healthz, /readyz. Nothing that changes anything. */
export interface HttpServer {
  /** host:port it listens on. */
  readonly address: string;
  close(): Promise<void>;
}

/** Time a client has for its whole request. */
const REQUEST_TIMEOUT_MS = 5_000;

const CONNECTIONS_MAX = 64;

/** Opens the HTTP listener. Throws when the address cannot be had. */
export async function openHttpServer(options: HttpOptions): Promise<HttpServer> {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 8_192 },
    (request, response) => void answer(request, response, options),
  );
  server.maxConnections = CONNECTIONS_MAX;
  // Bytes that are no HTTP: Node's default answers them; here they are not worth an answer.
  server.on("clientError", (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const { address, port } = server.address() as AddressInfo;
  return {
    address: address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`,
    close: async () => {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, options: HttpOptions): Promise<void> {
  // No page has business here: whoever sends an origin is a browser that somebody else steers.
  if (request.headers.origin !== undefined) return reply(response, { status: 403, text: "not for browsers" });
  if (request.method !== "GET") return reply(response, { status: 405, text: "only GET" });
  const path: string = request.url ?? "";
  switch (path) {
    case "/healthz":
      return reply(response, { status: 200, text: "ok" });
    case "/readyz": {
      const reason = options.unready();
      return reply(response, reason === undefined ? { status: 200, text: "ready" } : { status: 503, text: reason });
    }
    case "/metrics": {
      const type = options.registry.contentType;
      return reply(response, { status: 200, text: await options.registry.metrics(), type });
    }
    default:
      return reply(response, { status: 404, text: "/metrics, /healthz and /readyz are here" });
  }
}

function reply(
  response: ServerResponse,
  { status, text, type = "text/plain; charset=utf-8" }: { status: number; text: string; type?: string },
): void {
  const body = text.endsWith("\n") ? text : `${text}\n`;
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(body);
}
