import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { describe, expect, it, vi } from "vitest";
import { connect as connectAgent, enrol } from "./agents.ts";
import { startPlanner } from "./small-planner.ts";

describe("the planner's own certificate", () => {
  it("is exchanged while streams go on", async () => {
    // Certificates end at whole seconds: shorter ones have nothing left by the time they are exchanged.
    await using planner = await startPlanner({ serverTtlMs: 6_000 });
    const agent = connectAgent(planner, await enrol(planner, "c1"), { cluster: "c1" });
    await agent.next("credentials");
    const first = await shownSerial(planner.servers.addresses.join);
    await vi.waitFor(async () => expect(await shownSerial(planner.servers.addresses.join)).not.toBe(first), 10_000);
    planner.engine.fold({
      kind: "service-applied",
      spec: {
        service: "shop/a" as never,
        protocol: "http",
        port: 80,
        stableVersion: "v1" as never,
        deployments: [{ cluster: "c1" as never, version: "v1" as never }],
        demandRps: {},
        request: { connectTimeoutMs: 1, perTryTimeoutMs: 1, requestTimeoutMs: 1, retries: 0, retryScope: "none" },
        pace: { maxStepWeight: 1, bakeMs: 0, toleranceWeight: 1 },
      },
    });
    planner.engine.release("c1", "shop/a", 80);
    expect((await agent.next("plan")).routeSets).toHaveLength(1);
    agent.close();
  });
});

/** Serial of the certificate that a listener shows now. */
async function shownSerial(address: string): Promise<string> {
  const [host, port] = address.split(":");
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ["h2"] }, () => {
      const certificate = socket.getPeerX509Certificate();
      resolve(certificate === undefined ? "" : new X509Certificate(certificate.raw).serialNumber);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}
