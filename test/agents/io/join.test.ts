import { createServer } from "node:tls";
import { X509Certificate } from "node:crypto";
import { statSync } from "node:fs";
import { join as path } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { IdentityFiles, identify } from "../../../agents/io/identity.ts";
import { JoinRefused, joinFleet } from "../../../agents/io/join.ts";
import { SILENT_LOG } from "../../../agents/io/log.ts";
import { makeSigningRequest } from "../../../agents/io/signing-request.ts";
import { readSigningRequest } from "../../../src/io/pki/csr.ts";
import { issue } from "../../../src/io/pki/issue.ts";
import { exportKeyPem, exportPublicKey, makeKeys } from "../../../src/io/pki/x509.ts";
import { aFolder } from "./folders.ts";
import { anAuthority, anIdentity, startScriptedPlanner } from "./scripted-planner.ts";

/** Joins with everything but the token ordinary. */
async function join(token: string, signal = AbortSignal.timeout(10_000)) {
  return await joinFleet({ token, uid: "uid-1", log: SILENT_LOG, signal, backOffMs: 50 });
}

/** A TLS server that keeps all it is sent, with certificates of its own authority. */
async function startEavesdropper(): Promise<{ readonly address: string; readonly heard: Buffer[] }> {
  const authority = await anAuthority();
  const keys = await makeKeys();
  const publicKey = await exportPublicKey(keys.publicKey);
  const identity = { kind: "planner" as const, name: "p1" };
  const { chainPem } = await issue(authority, {
    identity,
    publicKey,
    nowMs: Date.now(),
    ttlMs: 60_000,
    hosts: ["127.0.0.1"],
  });
  const heard: Buffer[] = [];
  const server = createServer({ key: await exportKeyPem(keys.privateKey), cert: chainPem, ALPNProtocols: ["h2"] });
  server.on("secureConnection", (socket) =>
    socket.on("data", (bytes: Buffer) => heard.push(bytes)).on("error", () => undefined),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { address: `127.0.0.1:${(server.address() as { port: number }).port}`, heard };
}

describe("joining", () => {
  it("brings an identity for a key made here, and what to trust and dial", async () => {
    const planner = await startScriptedPlanner();
    const joined = await join(planner.token());
    const identity = identify(joined);
    expect([identity.cluster, identity.trustDomain]).toEqual(["us-east", "weir"]);
    expect(joined.planners).toEqual([planner.address]);
    expect(planner.joins[0]).toMatchObject({ token: planner.token(), clusterUid: "uid-1" });
    expect(Buffer.from(planner.joins[0]?.csr ?? []).toString("latin1")).not.toContain("us-east");
  });

  it("sends nothing to a server whose authority is not the pinned one", async () => {
    const { address, heard } = await startEavesdropper();
    const planner = await startScriptedPlanner();
    await expect(join(planner.token({ addresses: [address] }))).rejects.toThrow(/CERT_UNTRUSTED/);
    expect(Buffer.concat(heard).length).toBe(0);
  });

  it("sends no token to a server of the right authority that is no planner", async () => {
    const impostor = await startScriptedPlanner({ names: "operator" });
    await expect(join(impostor.token(), AbortSignal.timeout(1_000))).rejects.toThrow(/stopped/);
    expect(impostor.joins).toEqual([]);
  });

  it("gives up at once when the planner says no to the token", async () => {
    const planner = await startScriptedPlanner();
    planner.refuseJoin = { code: "TOKEN_INVALID", field: "token", message: "not valid" };
    await expect(join(planner.token())).rejects.toThrow(JoinRefused);
    expect(planner.joins).toHaveLength(1);
  });

  it("tries again while the planner has no leader, and at the next address while one is silent", async () => {
    const planner = await startScriptedPlanner();
    planner.refuseJoin = { code: "NO_LEADER", field: "", message: "wait" };
    const joined = await join(planner.token({ addresses: ["127.0.0.1:1", planner.address] }));
    expect(identify(joined).cluster).toBe("us-east");
    expect(planner.joins).toHaveLength(2);
    // A token is used up for a key: a try whose answer was lost must be known again by its key.
    const [first, second] = planner.joins.map(({ csr }) => Buffer.from(csr).toString("hex"));
    expect(second).toBe(first);
  });

  it.each(["", "weir1.", "weir1.e30", "something else", `weir1.${"A".repeat(5_000)}`])(
    "refuses %j, which is no token",
    async (token) => {
      await expect(join(token)).rejects.toThrow(/TOKEN_INVALID/);
    },
  );

  it("refuses an answer that trusts another authority than the pinned one", async () => {
    const planner = await startScriptedPlanner();
    const other = await anAuthority();
    const token = planner.token();
    Object.assign(planner.authority, { bundlePem: other.bundlePem });
    await expect(join(token)).rejects.toThrow(/does not trust the authority/);
  });
});

describe("makeSigningRequest", () => {
  it("makes what the planner's own reader takes: P-256, signed by its key, naming nobody", async () => {
    const { der, keyPem } = await makeSigningRequest();
    const read = await readSigningRequest(der);
    if (!read.ok) throw new Error(read.refusal.message);
    expect(read.value.ignoredNames).toEqual([]);
    expect(keyPem).toContain("BEGIN PRIVATE KEY");
  });

  it("makes a new key each time", async () => {
    const [a, b] = [await makeSigningRequest(), await makeSigningRequest()];
    expect(a.keyPem).not.toBe(b.keyPem);
  });
});

describe("identity files", () => {
  it("keep an identity over restarts, for their owner's eyes only", async () => {
    const folder = aFolder();
    const files = new IdentityFiles(folder);
    expect(await files.load()).toBeUndefined();
    const identity = await anIdentity(await anAuthority());
    await files.save(identity);
    await files.savePlanners(["10.0.0.1:7442", "10.0.0.2:7442"]);
    expect(await new IdentityFiles(folder).load()).toEqual({
      ...identity,
      keyPem: expect.stringContaining("PRIVATE KEY"),
    });
    expect(await files.planners()).toEqual(["10.0.0.1:7442", "10.0.0.2:7442"]);
    for (const name of ["agent.pem", "ca.pem", "planners"])
      expect(statSync(path(folder, name)).mode & 0o777).toBe(0o600);
  });

  it("say whom a certificate names, from the certificate alone", async () => {
    const authority = await anAuthority();
    const identity = await anIdentity(authority, "eu-west");
    expect(identity.serial).toBe(new X509Certificate(identity.chainPem).serialNumber.toLowerCase());
    const other = await anIdentity(authority);
    expect(() => identify({ ...identity, keyPem: other.keyPem })).toThrow(/another key/);
    const foreign = await anAuthority();
    expect(() => identify({ ...identity, caPem: foreign.bundlePem })).toThrow(/none of the trusted/);
  });
});
