import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { IdentityFiles } from "../../agents/io/identity.ts";
import { CallFailure, call, openPlanner } from "../../agents/io/planner-client.ts";
import { makeSigningRequest } from "../../agents/io/signing-request.ts";
import { AgentService } from "../../proto/gen/weir/v1/agent_pb.ts";
import { rpcService } from "../../src/wire/rpc.ts";
import { openStage, PATIENCE_MS, TEST_MS } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
  await stage.joinClusters("east", "west");
  await stage.declareService("east", "west");
}, TEST_MS);
afterAll(async () => stage.close(), PATIENCE_MS);
beforeEach(() => stage.explainFailure());

/** How long the revocation may take to cut a live stream. */
const CUT_WITHIN_MS = 10_000;

/** Which code a renewal with the identity of a folder is refused with, at one replica. */
async function renewalRefusal(folder: string, replica: string): Promise<string | undefined> {
  const identity = await new IdentityFiles(join(folder, "identity")).load();
  if (identity === undefined) throw new Error("no identity there");
  const client = openPlanner(stage.agentAddress(replica), identity);
  try {
    const { der } = await makeSigningRequest();
    const method = rpcService(AgentService).renewCertificate;
    await call(client, method, { message: { csr: der }, timeoutMs: PATIENCE_MS });
    return undefined;
  } catch (cause) {
    if (cause instanceof CallFailure) return cause.refusal?.code ?? cause.message;
    throw cause;
  } finally {
    client.close();
  }
}

describe("a cluster that is revoked", { timeout: TEST_MS }, () => {
  it("is cut off within 10 s, comes back nowhere, and is heard no more", async () => {
    await stage.until("west is linked", async () => (await stage.agent("west"))?.isLinked === true);
    const routed = (await stage.agent("west"))?.appliedHashes;
    await stage.json(["cluster", "revoke", "west", "--reason", "test"]);
    const revokedAt = performance.now();
    await stage.until("its stream is cut", async () => (await stage.agent("west"))?.isLinked === false);
    expect(performance.now() - revokedAt).toBeLessThan(CUT_WITHIN_MS);
    for (const replica of ["p1", "p2"]) expect(await renewalRefusal(stage.dataOf("west"), replica)).toBe("REVOKED");
    // Its credentials for the bus hold for a while, and it goes on to report: that counts for nothing, at either replica.
    for (const replica of ["p1", "p2"]) {
      await stage.until(`${replica} drops its reports`, async () => {
        return ((await stage.metric(replica, 'weir_reports_dropped_total{code="REVOKED"}')) ?? 0) >= 3;
      });
    }
    expect(await stage.cluster("west")).toMatchObject({ membership: "MEMBERSHIP_REVOKED", verdict: "VERDICT_UNKNOWN" });
    await stage.until("the agent was told why", async () => stage.log("west").includes("REVOKED"));
    // What it routes by stays: cutting off its control is not cutting off its callers.
    expect(await stage.agent("west")).toMatchObject({ isLinked: false, appliedHashes: routed });
  });

  it("gets in again only as a new registration, and its old certificate does not", async () => {
    const old = join(stage.folder, "west-old");
    cpSync(stage.dataOf("west"), old, { recursive: true, filter: (path) => !path.endsWith(".sock") });
    await stage.kill("west");
    await stage.json(["cluster", "unregister", "west", "--force"]);
    const { token } = await stage.json(["cluster", "register", "west"]);
    // The same folder: the agent sees that the token is a new one, and joins anew with it.
    stage.startAgent("west", String(token));
    await stage.accept("west");
    await stage.until("it follows the plan", async () => (await stage.agent("west"))?.isLinked === true);
    expect(await renewalRefusal(stage.dataOf("west"), "p1")).toBeUndefined();
    for (const replica of ["p1", "p2"]) expect(await renewalRefusal(old, replica)).toBe("REVOKED");
  });
});

describe("a cluster whose agent is gone", { timeout: TEST_MS }, () => {
  it("can be unregistered: by force while others still send it something, and the others then know", async () => {
    await stage
      .json([
        "shift",
        "request",
        "shop/checkout",
        "--from",
        "east",
        "--to",
        "west/v1=50%",
        "--to",
        "east/v1=50%",
        "--step",
        "50%",
        "--bake",
        "0s",
        "--reason",
        "test",
        "--wait",
      ])
      .catch(() => undefined);
    const before = await stage.agent("east");
    await stage.kill("west");
    const refused = await stage.weir(["cluster", "unregister", "west"]);
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("STILL_SERVING") });
    expect(await stage.weir(["cluster", "unregister", "west", "--force"])).toMatchObject({
      code: 0,
      out: "cluster west is unregistered",
    });
    expect(await stage.weir(["cluster", "show", "west"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("UNKNOWN_CLUSTER"),
    });
    await stage.until("east sends it nothing any more", async () => {
      return !JSON.stringify(await stage.json(["status", "shop/checkout"])).includes("west");
    });
    expect((await stage.agent("east"))?.position).not.toBe(before?.position);
    expect(readFileSync(join(stage.folder, "east.log"), "utf8")).not.toContain("INPUT_SHRINK");
  });
});
