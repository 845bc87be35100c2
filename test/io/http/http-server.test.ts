import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openHttpServer } from "../../../src/io/http/http-server.ts";
import type { HttpServer } from "../../../src/io/http/http-server.ts";
import { createMetrics } from "../../../src/io/http/metrics.ts";

let server: HttpServer;
let reason: string | undefined;

beforeEach(async () => {
  reason = undefined;
  const metrics = createMetrics();
  metrics.goodbyes.inc({ code: "REVOKED" });
  server = await openHttpServer({ host: "127.0.0.1", port: 0, registry: metrics.registry, unready: () => reason });
});
afterEach(async () => server.close());

async function ask(path: string, init: RequestInit = {}) {
  const response = await fetch(`http://${server.address}${path}`, init);
  return { status: response.status, text: await response.text() };
}

describe("the HTTP side", () => {
  it("is healthy while it answers, and ready while the replica serves", async () => {
    expect(await ask("/healthz")).toEqual({ status: 200, text: "ok\n" });
    expect(await ask("/readyz")).toMatchObject({ status: 200 });
    reason = "NO_LEADER: no replica leads";
    expect(await ask("/readyz")).toEqual({ status: 503, text: "NO_LEADER: no replica leads\n" });
    expect(await ask("/healthz")).toMatchObject({ status: 200 });
  });

  it("shows metrics", async () => {
    const { status, text } = await ask("/metrics");
    expect(status).toBe(200);
    expect(text).toContain('weir_goodbyes_total{code="REVOKED"} 1');
  });

  it("refuses pages of other origins, other methods and other paths", async () => {
    expect(await ask("/metrics", { headers: { origin: "https://evil.example" } })).toMatchObject({ status: 403 });
    expect(await ask("/metrics", { method: "POST" })).toMatchObject({ status: 405 });
    expect(await ask("/")).toMatchObject({ status: 404 });
  });

  it("survives bytes that are no HTTP", async () => {
    const { port } = new URL(`http://${server.address}`);
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        await new Promise<void>((resolve) => {
          const socket = connect(Number(port), "127.0.0.1", () => socket.write(randomBytes(4_000)));
          socket.on("error", () => undefined);
          socket.on("close", () => resolve());
          setTimeout(() => socket.destroy(), 300);
        });
      }),
    );
    expect(await ask("/healthz")).toMatchObject({ status: 200 });
  });
});
