import { Metadata, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminService } from "../../../proto/gen/weir/v1/admin_pb.ts";
import { AgentService } from "../../../proto/gen/weir/v1/agent_pb.ts";
import { makeKeys, makeRequest } from "../../../src/io/pki/x509.ts";
import { must } from "./small-engine.ts";
import { badCertificates } from "./bad-certificates.ts";
import type { BadCertificates } from "./bad-certificates.ts";
import { call, channelCredentials, clientOf, credentialsFor } from "./clients.ts";
import type { Credentials } from "./clients.ts";
import { startPlanner } from "./small-planner.ts";
import type { SmallPlanner } from "./small-planner.ts";

let planner: SmallPlanner;
let bad: BadCertificates;
let ana: Credentials;

beforeAll(async () => {
  planner = await startPlanner();
  bad = await badCertificates(planner.authority, planner.caKeyPem);
  ana = await credentialsFor(planner.authority, { kind: "operator", name: "ana" });
});
afterAll(async () => planner[Symbol.asyncDispose]());

async function whoAmI(own: { keyPem: string; chainPem: string } | undefined, metadata = new Metadata()) {
  const client = clientOf(AdminService, planner.servers.addresses.operator, channelCredentials(planner.authority, own));
  const outcome = await call(client, "whoAmI", { request: {}, metadata });
  client.close();
  return outcome;
}

async function refusedConnections(code: string): Promise<number> {
  const { values } = await planner.metrics.connectionsRefused.get();
  return values.filter(({ labels }) => labels.code === code).reduce((sum, { value }) => sum + value, 0);
}

describe("the operators' listener", () => {
  it("takes the name from the certificate", async () => {
    expect(await whoAmI(ana)).toMatchObject({ ok: true, value: { actor: "operator:ana", replica: "p1" } });
  });

  it.each([
    ["no certificate", () => undefined, "CERT_UNTRUSTED"],
    ["a certificate of another CA", () => bad.otherCa, "CERT_UNTRUSTED"],
    ["a self-signed certificate", () => bad.selfSigned, "CERT_UNTRUSTED"],
    ["an RSA key", () => bad.rsaKey, "CERT_UNTRUSTED"],
    ["an expired certificate", () => bad.expired, "CERT_EXPIRED"],
    ["an expired certificate of another CA", () => bad.expiredOtherCa, "CERT_UNTRUSTED"],
    ["a certificate of tomorrow", () => bad.notYetValid, "CERT_EXPIRED"],
  ])("cuts the connection of %s, and says why in log and metric", async (_case, own, code) => {
    const before = await refusedConnections(code);
    const outcome = await whoAmI(own());
    expect(outcome).toMatchObject({ ok: false, status: status.UNAVAILABLE });
    expect(await refusedConnections(code)).toBeGreaterThan(before);
    expect(planner.lines).toContainEqual(expect.objectContaining({ msg: "connection refused", code }));
  });

  it.each([
    ["no SPIFFE name", () => bad.noUri, "CERT_IDENTITY"],
    ["a common name only", () => bad.commonNameOnly, "CERT_IDENTITY"],
    ["two SPIFFE names", () => bad.twoUris, "CERT_IDENTITY"],
    ["another trust domain", () => bad.otherDomain, "CERT_IDENTITY"],
    ["a path that only resembles ours", () => bad.oddPath, "CERT_IDENTITY"],
    ["a certificate for servers only", () => bad.serverOnly, "CERT_USAGE"],
    ["the CA's own certificate", () => bad.caItself, "CERT_USAGE"],
    ["a sub-CA", () => bad.subCa, "CERT_USAGE"],
  ])("answers UNAUTHENTICATED to %s", async (_case, own, code) => {
    expect(await whoAmI(own())).toMatchObject({ ok: false, status: status.UNAUTHENTICATED, code });
  });

  it("is closed to agents", async () => {
    const agent = await credentialsFor(planner.authority, { kind: "cluster", name: "c1" });
    expect(await whoAmI(agent)).toMatchObject({
      ok: false,
      status: status.PERMISSION_DENIED,
      code: "IDENTITY_MISMATCH",
    });
  });

  it("lets a certificate that ended a minute ago renew itself, and nothing else", async () => {
    const late = bad.justExpired;
    expect(await whoAmI(late)).toMatchObject({ ok: false, code: "CERT_EXPIRED" });
    const client = clientOf(
      AdminService,
      planner.servers.addresses.operator,
      channelCredentials(planner.authority, late),
    );
    const csr = await makeRequest(await makeKeys());
    const renewed = await call(client, "issueOperatorCertificate", { request: { operator: "ana", csr } });
    client.close();
    expect(renewed).toMatchObject({ ok: true });
  });

  it("ignores identities that others claim in metadata", async () => {
    const metadata = new Metadata();
    metadata.set("x-forwarded-client-cert", "URI=spiffe://weir/operator/eve");
    metadata.set("nats-request-info", "eve");
    expect(await whoAmI(ana, metadata)).toMatchObject({ ok: true, value: { actor: "operator:ana" } });
  });

  it("issues nobody a certificate for somebody else", async () => {
    const client = clientOf(
      AdminService,
      planner.servers.addresses.operator,
      channelCredentials(planner.authority, ana),
    );
    const csr = await makeRequest(await makeKeys());
    const outcome = await call(client, "issueOperatorCertificate", { request: { operator: "eve", csr } });
    client.close();
    expect(outcome).toMatchObject({ ok: false, code: "IDENTITY_MISMATCH" });
  });
});

describe("the agents' listener", () => {
  it("refuses a call whose metadata names another cluster", async () => {
    const agent = await credentialsFor(planner.authority, { kind: "cluster", name: "c1" });
    const client = clientOf(
      AgentService,
      planner.servers.addresses.agent,
      channelCredentials(planner.authority, agent),
    );
    const metadata = new Metadata();
    metadata.set("weir-cluster", "c2");
    const outcome = await call(client, "renewCertificate", { request: {}, metadata });
    client.close();
    expect(outcome).toMatchObject({ ok: false, status: status.PERMISSION_DENIED, code: "IDENTITY_MISMATCH" });
  });

  it("renews for the certificate's cluster whatever the request names", async () => {
    const agent = await credentialsFor(planner.authority, { kind: "cluster", name: "c1" });
    planner.engine.fold(
      {
        kind: "cluster-registered",
        spec: { cluster: "c1" as never, region: "", labels: {}, rttMs: {} },
        secretHash: "0".repeat(64),
        expiresAtMs: Date.now() + 60_000,
      },
      { kind: "token-redeemed", cluster: "c1" as never, uid: "uid-1", serial: agent.serial },
    );
    await must(planner.engine, { kind: "accept-cluster", cluster: "c1" as never });
    const client = clientOf(
      AgentService,
      planner.servers.addresses.agent,
      channelCredentials(planner.authority, agent),
    );
    for (const csr of await bad.requestsNaming(["c10", "c2", "C1", "c1/../c2"])) {
      const outcome = await call(client, "renewCertificate", { request: { csr } });
      expect(outcome).toMatchObject({ ok: true });
      expect(namesIn(outcome)).toBe("URI:spiffe://weir/cluster/c1/agent");
    }
    for (const [reason, csr] of await bad.refusedRequests()) {
      const outcome = await call(client, "renewCertificate", { request: { csr } });
      expect([reason, outcome]).toMatchObject([reason, { ok: false, code: "CSR_REFUSED" }]);
    }
    client.close();
  });
});

function namesIn(outcome: unknown): string | undefined {
  const chain = (outcome as { value: { certificateChainPem: string } }).value.certificateChainPem;
  return bad.namesIn(chain);
}
