import { Metadata, makeGenericClientConstructor, credentials, status } from "@grpc/grpc-js";
import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AggregatedDiscoveryService } from "../../../proto/gen/envoy/service/discovery/v3/ads_pb.ts";
import { IdentityFiles } from "../../../agents/io/identity.ts";
import { createAuthority } from "../../../src/io/pki/authority.ts";
import type { Authority } from "../../../src/io/pki/authority.ts";
import { issue } from "../../../src/io/pki/issue.ts";
import { exportKeyPem, exportPublicKey, makeKeys } from "../../../src/io/pki/x509.ts";
import { Preserialized, rpcService } from "../../../src/wire/rpc.ts";
import { freePort } from "../../support/free-port.ts";
import { AgentSite } from "../world/agent.ts";
import { forgetPeak, peakMib } from "../world/memory.ts";
import { enrol } from "../world/member.ts";
import { eventually } from "../world/process.ts";
import type { Running } from "../world/process.ts";
import { openSocket, pour } from "../world/raw.ts";
import { startWorld } from "../world/world.ts";
import type { World } from "../world/world.ts";

const LIMIT_MS = 120_000;
const HOUR_MS = 3_600_000;
const folder = mkdtempSync(join(tmpdir(), "weir-bad-"));
let world: World;

beforeAll(async () => {
  world = await startWorld();
  await world.untilReady();
}, LIMIT_MS);
afterAll(async () => {
  await world.stop();
  rmSync(folder, { recursive: true, force: true });
}, LIMIT_MS);

/** A site whose agent has joined already. */
async function siteWith(
  name: string,
  own: { keyPem: string; chainPem: string },
  { caPem = world.authority.bundlePem, planner = world.servers.addresses.agent, mesh = "mesh: {kind: memory}" } = {},
): Promise<AgentSite> {
  const site = new AgentSite(join(folder, name), mesh);
  const files = new IdentityFiles(join(site.data, "identity"));
  await files.save({ keyPem: own.keyPem, chainPem: own.chainPem, caPem });
  await files.savePlanners([planner]);
  return site;
}

describe("random bytes", { timeout: LIMIT_MS }, () => {
  let site: AgentSite;
  let agent: Running;
  let xds: string;

  beforeAll(async () => {
    const own = await enrol(world, "doors");
    xds = `127.0.0.1:${await freePort("127.0.0.1")}`;
    const port = xds.split(":")[1] ?? "";
    const mesh = `mesh: {kind: envoy, envoys: 0, xds: {port: ${port}}}\ngateway: {address: 127.0.0.1, port: 15000}`;
    site = await siteWith("doors", own, { mesh });
    writeFileSync(join(site.data, "cluster-uid"), "uid-doors\n", { mode: 0o600 });
    agent = site.start();
    await site.untilStatus({ isLinked: true });
  }, LIMIT_MS);
  afterAll(async () => site.stop());

  it("on the xDS port and the operators' socket do not end the agent, and change nothing", async () => {
    const before = await site.ask("/status");
    const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    for (const address of [xds, join(site.data, "agent.sock")]) {
      const noise = Array.from({ length: 10 }, () => randomBytes(2_000));
      const all = [...noise, ...noise.map((bytes) => Buffer.concat([preface, bytes]))];
      await Promise.all(all.map(async (bytes) => pour(openSocket(address, "tcp"), bytes)));
    }
    for (const path of ["/", "/status/../x", `/${"a".repeat(5_000)}`]) {
      expect(await site.ask(path, "POST")).toMatchObject({ error: expect.stringContaining("GET /status") as string });
    }
    expect(agent.outcome()).toBeUndefined();
    expect(await site.ask("/status")).toEqual(before);
  });

  it("as xDS requests end their stream and nothing else; 100 MB are RESOURCE_EXHAUSTED, and little memory", async () => {
    const before = await site.ask("/status");
    for (const bytes of [randomBytes(64), Buffer.from([0x0a, 0xff]), Buffer.alloc(20, 0xff)]) {
      expect(await streams(bytes)).not.toBe(status.OK);
    }
    forgetPeak(agent.pid);
    const start = peakMib(agent.pid);
    expect(await streams(Buffer.alloc(100 * 1_048_576))).toBe(status.RESOURCE_EXHAUSTED);
    expect(peakMib(agent.pid) - start).toBeLessThan(80);
    expect(agent.outcome()).toBeUndefined();
    expect(await site.ask("/status")).toEqual(before);
  });

  /** The status with which a stream ends on which these bytes are said. */
  async function streams(bytes: Uint8Array): Promise<number> {
    const Client = makeGenericClientConstructor(rpcService(AggregatedDiscoveryService) as never, "ads");
    const client = new Client(xds, credentials.createInsecure(), { "grpc.enable_retries": 0 });
    const open = Reflect.get(client, "streamAggregatedResources") as (
      metadata: Metadata,
    ) => ClientDuplexStream<unknown, unknown>;
    const stream = open.call(client, new Metadata());
    const ended = new Promise<number>((resolve) => {
      stream.on("error", ({ code }: ServiceError) => resolve(code));
      stream.on("end", () => resolve(status.OK));
    });
    stream.resume();
    stream.write(new Preserialized(bytes));
    const code = await ended;
    client.close();
    return code;
  }
});

describe("an agent that gets no link says the likely cause", { timeout: LIMIT_MS }, () => {
  const DOWN = "the link to the planner is down; what is held stays in force";

  /** Waits for the reason among all that it gives: which of several signs of one cause comes first is the network's. */
  async function reasonOf(site: AgentSite, reason: RegExp): Promise<string> {
    const agent = site.start();
    const given = (): readonly string[] => agent.lines().flatMap(({ msg, why }) => (msg === DOWN ? [String(why)] : []));
    const found = await eventually(`${reason.source} among the reasons`, () => given().find((why) => reason.test(why)));
    expect(agent.outcome()).toBeUndefined();
    await site.stop();
    return found;
  }

  /** A certificate that holds for an hour. */
  async function anAgentOf(authority: Authority, nowMs = Date.now()) {
    const keys = await makeKeys();
    const publicKey = await exportPublicKey(keys.publicKey);
    const identity = { kind: "cluster", name: "lonely" } as const;
    const { chainPem } = await issue(authority, { identity, publicKey, nowMs, ttlMs: HOUR_MS });
    return { keyPem: await exportKeyPem(keys.privateKey), chainPem };
  }

  it("30: its own certificate ended", async () => {
    const own = await anAgentOf(world.authority, Date.now() - 2 * HOUR_MS);
    const reason = /^CERT_EXPIRED: this agent's certificate ended at .*join anew/;
    expect(await reasonOf(await siteWith("expired", own), reason)).toMatch(reason);
  });

  it("31: the planner is of another CA", async () => {
    const { authority } = await createAuthority({ trustDomain: "weir", nowMs: Date.now() });
    const site = await siteWith("other-ca", await anAgentOf(authority), { caPem: authority.bundlePem });
    const reason = /^the planner shows a certificate of another CA/;
    expect(await reasonOf(site, reason)).toMatch(reason);
  });

  it("31: the planner does not trust its certificate", async () => {
    const { authority } = await createAuthority({ trustDomain: "weir", nowMs: Date.now() });
    const caPem = `${authority.bundlePem}${world.authority.bundlePem}`;
    const site = await siteWith("untrusted", await anAgentOf(authority), { caPem });
    const reason = /it does not accept this agent's certificate, and its log says why/;
    expect(await reasonOf(site, reason)).toMatch(reason);
  });

  it("29: what answers speaks no TLS", async () => {
    const site = await siteWith("plain", await anAgentOf(world.authority), { planner: world.servers.addresses.http });
    const reason = /^(it does not speak TLS|it ended the connection)/;
    expect(await reasonOf(site, reason)).toMatch(reason);
  });

  it("nothing listens there", async () => {
    const planner = `127.0.0.1:${await freePort("127.0.0.1")}`;
    const reason = /^nothing listens there/;
    expect(await reasonOf(await siteWith("refused", await anAgentOf(world.authority), { planner }), reason)).toMatch(
      reason,
    );
  });
});
