import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { IdentityFiles } from "../../agents/io/identity.ts";
import { openStage, PATIENCE_MS, TEST_MS } from "./stage.ts";
import type { Stage } from "./stage.ts";

/** As short as the configuration takes them: an agent renews after 9 to 11 s, a planner after 7.5 s. */
const CERTIFICATES = { agentTtlMs: 15_000, serverTtlMs: 15_000, busTtlMs: 10_000 };

let stage: Stage;

beforeAll(async () => {
  stage = await openStage({ certificates: CERTIFICATES });
  await stage.joinClusters("east");
  await stage.declareService("east");
}, TEST_MS);
afterAll(async () => stage.close(), PATIENCE_MS);
beforeEach(() => stage.explainFailure());

/** Serial of the certificate in the agent's folder. */
async function agentSerial(): Promise<string> {
  const identity = await new IdentityFiles(join(stage.dataOf("east"), "identity")).load();
  return identity?.serial ?? "";
}

/** Serial of the certificate that a planner's agent listener shows. */
async function plannerSerial(replica: string): Promise<string> {
  const [host = "", port = ""] = stage.agentAddress(replica).split(":");
  const identity = await new IdentityFiles(join(stage.dataOf("east"), "identity")).load();
  if (identity === undefined) throw new Error("no identity");
  return await new Promise((resolve, reject) => {
    const { keyPem: key, chainPem: cert, caPem: ca } = identity;
    const options = {
      host,
      port: Number(port),
      key,
      cert,
      ca,
      ALPNProtocols: ["h2"],
      checkServerIdentity: () => undefined,
    };
    const socket = connect(options, () => {
      const shown = socket.getPeerX509Certificate();
      socket.destroy();
      resolve(shown instanceof X509Certificate ? shown.serialNumber : "");
    });
    socket.once("error", reject);
  });
}

/** Makes the plan change by one thing that is always new, and waits until the agent follows. */
async function planArrives(port: number): Promise<void> {
  const before = (await stage.agent("east"))?.appliedHashes["shop/checkout"];
  await stage.applyService({ clusters: ["east"], port });
  await stage.until("the agent follows the new plan", async () => {
    const now = (await stage.agent("east"))?.appliedHashes["shop/checkout"];
    return now !== undefined && now !== before;
  });
}

describe("an agent and planners whose certificates live for seconds", { timeout: TEST_MS }, () => {
  it("renew them again and again while plans go on to arrive and reports are heard", async () => {
    const seen = { agent: new Set<string>(), p1: new Set<string>(), p2: new Set<string>() };
    const verdicts = new Set<string>();
    let port = 8_081;
    await stage.until("every certificate was renewed twice, and the bus's credentials ended once", async () => {
      seen.agent.add(await agentSerial());
      for (const replica of ["p1", "p2"] as const) seen[replica].add(await plannerSerial(replica));
      await planArrives((port += 1));
      verdicts.add((await stage.cluster("east")).verdict ?? "");
      return Math.min(seen.agent.size, seen.p1.size, seen.p2.size) >= 3;
    });
    // Nobody was ever taken for silent, no delta was refused, and no link was lost for anything but a renewal.
    expect([...verdicts]).toEqual(["VERDICT_HEALTHY"]);
    const said = stage.log("east");
    expect(said).not.toMatch(/refuses a plan|could not be renewed|does not fit what is held/);
    expect(said).not.toMatch(/authorization|expired|cannot reach the bus/i);
    expect(said.match(/certificate renewed/g)?.length).toBeGreaterThanOrEqual(2);
    expect(said.match(/reports go to the bus/g)?.length).toBeGreaterThanOrEqual(3);
    expect(await stage.agent("east")).toMatchObject({ isLinked: true, alarms: [], refusals: [] });
    const { clusters } = await stage.json(["status"]);
    expect(clusters).toMatchObject([{ membership: "MEMBERSHIP_ACTIVE", alarms: [] }]);
  });

  it("an agent that could not renew in time renews first of all when it is back, and goes on", async () => {
    const before = await agentSerial();
    stage.signal("east", "SIGSTOP");
    await stage.until("its certificate has ended", async () => {
      const identity = await new IdentityFiles(join(stage.dataOf("east"), "identity")).load();
      return (identity?.notAfterMs ?? Infinity) < Date.now();
    });
    stage.signal("east", "SIGCONT");
    await stage.until("it has a new one", async () => (await agentSerial()) !== before);
    await stage.until("it is linked", async () => (await stage.agent("east"))?.isLinked === true);
    await planArrives(9_999);
    expect(stage.log("east")).not.toMatch(/refuses a plan/);
  });
});
