import type { DescService } from "@bufbuild/protobuf";
import { Metadata, status } from "@grpc/grpc-js";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AgentService, JoinService } from "../../../proto/gen/weir/v1/agent_pb.ts";
import { ClusterService } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { AdminService } from "../../../proto/gen/weir/v1/admin_pb.ts";
import { makeKeys, makeRequest } from "../../../src/io/pki/x509.ts";
import { decodeJoinToken, encodeJoinToken } from "../../../src/wire/join-token.ts";
import { connect as openStream } from "../../io/grpc/agents.ts";
import { badCertificates } from "../../io/grpc/bad-certificates.ts";
import type { BadCertificates } from "../../io/grpc/bad-certificates.ts";
import { channelCredentials, clientOf } from "../../io/grpc/clients.ts";
import type { Credentials } from "../../io/grpc/clients.ts";
import { ask } from "../world/ask.ts";
import type { Answer } from "../world/ask.ts";
import { activate, enrol, register } from "../world/member.ts";
import { startWorld } from "../world/world.ts";
import type { World } from "../world/world.ts";

const LIMIT_MS = 90_000;

let world: World;
let bad: BadCertificates;

beforeAll(async () => {
  world = await startWorld();
  bad = await badCertificates(world.authority, world.caKeyPem);
  await world.untilReady();
}, LIMIT_MS);
afterAll(async () => world.stop(), LIMIT_MS);

/** A listener with a call that its guests may make. */
type Door = readonly [name: "operator" | "agent", service: DescService, method: string];

const LISTENERS: readonly Door[] = [
  ["operator", AdminService, "whoAmI"],
  ["agent", AgentService, "renewCertificate"],
];

async function knock(listener: Door, own: Credentials | undefined): Promise<Answer> {
  const [name, service, method] = listener;
  const client = clientOf(service, world.servers.addresses[name], channelCredentials(world.authority, own));
  const answer = await ask(client, { method, request: {} });
  client.close();
  return answer;
}

async function refused(listener: string, code: string): Promise<number> {
  return await world.metric("weir_connections_refused_total", { listener, code });
}

describe.each(LISTENERS)("at the %s listener", (...listener) => {
  it.each<[string, string, () => Credentials | undefined, string]>([
    ["29", "no certificate", () => undefined, "CERT_UNTRUSTED"],
    ["30", "an expired certificate", () => bad.expired, "CERT_EXPIRED"],
    ["30", "a certificate of tomorrow", () => bad.notYetValid, "CERT_EXPIRED"],
    ["31", "a certificate of another CA", () => bad.otherCa, "CERT_UNTRUSTED"],
    ["31", "a self-signed certificate", () => bad.selfSigned, "CERT_UNTRUSTED"],
    ["31", "an RSA key", () => bad.rsaKey, "CERT_UNTRUSTED"],
  ])(
    "%s: %s ends the handshake; log and metric carry the code",
    async (_number, _what, own, code) => {
      const [before, refusedBefore] = [await world.state(), await refused(listener[0], code)];
      expect(await knock(listener, own())).toMatchObject({ status: status.UNAVAILABLE, code: "" });
      await expect.poll(async () => refused(listener[0], code)).toBeGreaterThan(refusedBefore);
      const line = await world.logged({ msg: "connection refused", listener: listener[0], code });
      expect(line).toEqual(expect.not.objectContaining({ stack: expect.anything() as unknown }));
      expect(await world.state()).toEqual(before);
    },
    LIMIT_MS,
  );

  it.each<[string, string, () => Credentials]>([
    ["31", "an RSA key of 1024 bits", () => bad.weakRsaKey],
    ["31", "a signature over SHA-1", () => bad.sha1],
  ])("%s: %s is CERT_UNTRUSTED", async (_number, _what, own) => {
    const before = await refused(listener[0], "CERT_UNTRUSTED");
    await shakeHands(world.servers.addresses[listener[0]], own());
    await expect.poll(async () => refused(listener[0], "CERT_UNTRUSTED")).toBeGreaterThan(before);
    expect(await world.answers()).toBe(true);
  });

  it("29: plaintext is cut off and counted", async () => {
    const before = await refused(listener[0], "HANDSHAKE");
    await plain(world.servers.addresses[listener[0]]);
    await expect.poll(async () => refused(listener[0], "HANDSHAKE")).toBeGreaterThan(before);
  });

  it.each<[string, string, () => Credentials, string]>([
    ["30", "one that ended a minute ago, for anything but its renewal", () => bad.justExpired, "CERT_EXPIRED"],
    ["32", "no SPIFFE name", () => bad.noUri, "CERT_IDENTITY"],
    ["32", "two SPIFFE names", () => bad.twoUris, "CERT_IDENTITY"],
    ["32", "a common name only", () => bad.commonNameOnly, "CERT_IDENTITY"],
    ["32", "another trust domain", () => bad.otherDomain, "CERT_IDENTITY"],
    ["33", "serverAuth only", () => bad.serverOnly, "CERT_USAGE"],
    ["33", "the CA itself", () => bad.caItself, "CERT_USAGE"],
    ["33", "a CA below the CA", () => bad.subCa, "CERT_USAGE"],
  ])("%s: %s is answered", async (number, _what, own, code) => {
    const before = await world.state();
    const answer = await knock(listener, own());
    // At the agents' door the late certificate is an operator's, which is the worse fault.
    const isOperators = listener[0] === "agent" && number === "30";
    const wanted = isOperators
      ? { status: status.PERMISSION_DENIED, code: "IDENTITY_MISMATCH" }
      : { status: status.UNAUTHENTICATED, code };
    expect(answer).toMatchObject({ ...wanted, message: expect.stringMatching(/.{20}/) as string });
    expect(await world.state()).toEqual(before);
  });
});

/** A handshake by a client that would sign and trust anything. */
async function shakeHands(address: string, { keyPem, chainPem }: Credentials): Promise<void> {
  const [host = "", port] = address.split(":");
  const lax = { ciphers: "DEFAULT@SECLEVEL=0", rejectUnauthorized: false, ALPNProtocols: ["h2"] };
  const socket = connectTls({ host, port: Number(port), key: keyPem, cert: chainPem, ...lax });
  await new Promise<void>((resolve) => socket.on("error", () => socket.destroy()).on("close", () => resolve()));
}

async function plain(address: string): Promise<void> {
  const [host = "", port] = address.split(":");
  const socket = connect({ host, port: Number(port) }, () => socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
  await new Promise<void>((resolve) => socket.on("error", () => socket.destroy()).on("close", () => resolve()));
}

describe("an identity", { timeout: LIMIT_MS }, () => {
  it("34: cert c1, body c2, metadata c3 is IDENTITY_MISMATCH", async () => {
    const own = await enrol(world, "m1");
    const before = await world.state();
    const stream = openStream(world, own, { cluster: "m2", uid: "uid-m1" });
    expect(await stream.ended).toMatchObject({ status: status.PERMISSION_DENIED, code: "IDENTITY_MISMATCH" });
    stream.close();
    const metadata = new Metadata();
    metadata.set("weir-cluster", "m3");
    const client = clientOf(AgentService, world.servers.addresses.agent, channelCredentials(world.authority, own));
    const csr = await makeRequest(await makeKeys());
    expect(await ask(client, { method: "renewCertificate", request: { csr }, metadata })).toMatchObject({
      status: status.PERMISSION_DENIED,
      code: "IDENTITY_MISMATCH",
      field: "weir-cluster",
      message: expect.stringContaining("m1") as string,
    });
    client.close();
    expect(await world.state()).toEqual(before);
  });

  it("35: a revoked one loses its live stream, with REVOKED, and gets no other", async () => {
    const { own, agent } = await activate(world, "revoked");
    const since = performance.now();
    await world.must(ClusterService, "revokeCluster", { cluster: "revoked", reason: "stolen" });
    expect(await agent.next("goodbye")).toMatchObject({ code: "REVOKED" });
    expect(await agent.ended).toMatchObject({ status: status.PERMISSION_DENIED, code: "REVOKED" });
    expect(performance.now() - since).toBeLessThan(10_000);
    agent.close();
    const before = await world.state();
    const again = openStream(world, own, { cluster: "revoked" });
    expect(await again.ended).toMatchObject({ status: status.PERMISSION_DENIED, code: "REVOKED" });
    again.close();
    expect(await world.state()).toEqual(before);
  });

  it("38: from two cluster UIDs shuts out both, with IDENTITY_CLONED", async () => {
    const { own, agent } = await activate(world, "cloned");
    const clone = openStream(world, own, { cluster: "cloned", uid: "uid-of-another" });
    expect(await clone.ended).toMatchObject({ status: status.PERMISSION_DENIED, code: "IDENTITY_CLONED" });
    expect(await agent.ended).toMatchObject({ status: status.PERMISSION_DENIED, code: "IDENTITY_CLONED" });
    for (const stream of [agent, clone]) stream.close();
    const { cluster } = await world.must<{ cluster: { isQuarantined: boolean } }>(ClusterService, "getCluster", {
      cluster: "cloned",
    });
    expect(cluster.isQuarantined).toBe(true);
  });

  it("38: of a newer instance of the same cluster takes over", async () => {
    const { own, agent } = await activate(world, "replaced");
    const newer = openStream(world, own, { cluster: "replaced", bootId: "boot-2" });
    expect(await agent.next("goodbye")).toMatchObject({ code: "TAKEN_OVER" });
    await newer.next("credentials");
    for (const stream of [agent, newer]) stream.close();
  });
});

async function join(token: string, change: object = {}): Promise<Answer> {
  const csr = await makeRequest(await makeKeys());
  const request = { token, csr, clusterUid: "uid-1", ...change };
  return await ask(world.joinClient(JoinService), { method: "join", request });
}

describe("a signing request", { timeout: LIMIT_MS }, () => {
  it("36: that is unsound is CSR_REFUSED, and the token stays good", async () => {
    const token = await register(world, "signs");
    const own = await enrol(world, "renews");
    const client = clientOf(AgentService, world.servers.addresses.agent, channelCredentials(world.authority, own));
    const before = await world.state();
    for (const [what, csr] of await bad.refusedRequests()) {
      const wanted = { status: status.INVALID_ARGUMENT, code: "CSR_REFUSED", field: "csr" };
      expect([what, await join(token, { csr })]).toMatchObject([what, wanted]);
      expect([what, await ask(client, { method: "renewCertificate", request: { csr } })]).toMatchObject([what, wanted]);
    }
    client.close();
    expect(await world.state()).toEqual(before);
    expect((await join(token)).status).toBe(0);
  });

  it("36: that names others gets the name of its token, and a line in the log", async () => {
    const token = await register(world, "named");
    const [csr] = await bad.requestsNaming(["renews"]);
    const { value } = await join(token, { csr });
    expect(bad.namesIn((value as { certificateChainPem: string }).certificateChainPem)).toBe(
      "URI:spiffe://weir/cluster/named/agent",
    );
    await world.logged({ msg: "names in a signing request ignored", cluster: "named" });
  });
});

describe("a join token", { timeout: LIMIT_MS }, () => {
  it("37: that does not hold is TOKEN_INVALID, with the same words and no sooner", async () => {
    const used = await register(world, "used");
    expect((await join(used)).status).toBe(0);
    const bound = await register(world, "bound", { expectedUid: "uid-right" });
    const fresh = await register(world, "fresh");
    const request = { spec: { name: "late" }, tokenTtlSeconds: 1 };
    const { token: late } = await world.must<{ token: string }>(ClusterService, "registerCluster", request);
    const ticket = decodeJoinToken(fresh);
    if (!ticket.ok) throw new Error("it decodes");
    const before = await world.state();
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const tokens: readonly (readonly [string, string])[] = [
      ["reused", used],
      ["expired", late],
      ["of another UID", bound],
      ["one character off", `${fresh.slice(0, -8)}${fresh.at(-8) === "A" ? "B" : "A"}${fresh.slice(-7)}`],
      ["with another secret", encodeJoinToken({ ...ticket.value, secret: "A".repeat(43) })],
      ["with another pin", encodeJoinToken({ ...ticket.value, pin: "0".repeat(64) })],
      ["empty", ""],
      ["endless", `weir1.${"A".repeat(10_000)}`],
    ];
    const answers = await Promise.all(
      tokens.map(async ([what, token]) => {
        const since = performance.now();
        const answer = await join(token);
        return { what, ...answer, isSooner: performance.now() - since < TOKEN_ANSWER_MS };
      }),
    );
    const same = { status: status.UNAUTHENTICATED, code: "TOKEN_INVALID", field: "token", isSooner: false };
    const message = answers[0]?.message;
    expect(message).toContain("weir cluster register");
    expect(answers).toEqual(tokens.map(([what]) => ({ what, ...same, message })));
    expect(await world.state()).toEqual(before);
    expect((await join(fresh)).status).toBe(0);
  });
});

/** The planner answers no refused token before this time is over. */
const TOKEN_ANSWER_MS = 240;
