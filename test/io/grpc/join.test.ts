import { X509Certificate } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { JoinService } from "../../../proto/gen/weir/v1/agent_pb.ts";
import { ClusterService } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { makeKeys, makeRequest } from "../../../src/io/pki/x509.ts";
import { decodeJoinToken, encodeJoinToken, TOKEN_INVALID } from "../../../src/wire/join-token.ts";
import { badCertificates } from "./bad-certificates.ts";
import type { BadCertificates } from "./bad-certificates.ts";
import { call, channelCredentials, clientOf, credentialsFor } from "./clients.ts";
import type { Outcome } from "./clients.ts";
import { startPlanner } from "./small-planner.ts";
import type { SmallPlanner } from "./small-planner.ts";

let planner: SmallPlanner;
let bad: BadCertificates;

beforeAll(async () => {
  planner = await startPlanner();
  bad = await badCertificates(planner.authority, planner.caKeyPem);
});
afterAll(async () => planner[Symbol.asyncDispose]());

async function register(name: string, spec: object = {}): Promise<string> {
  const ana = await credentialsFor(planner.authority, { kind: "operator", name: "ana" });
  const client = clientOf(
    ClusterService,
    planner.servers.addresses.operator,
    channelCredentials(planner.authority, ana),
  );
  const outcome = await call(client, "registerCluster", { request: { spec: { name, ...spec } } });
  client.close();
  if (!outcome.ok) throw new Error(outcome.details);
  return outcome.value["token"] as string;
}

async function join(token: string, request: { csr?: Uint8Array; clusterUid?: string } = {}): Promise<Outcome> {
  const client = clientOf(JoinService, planner.servers.addresses.join, channelCredentials(planner.authority));
  const csr = request.csr ?? (await makeRequest(await makeKeys()));
  const outcome = await call(client, "join", { request: { token, csr, clusterUid: request.clusterUid ?? "uid-1" } });
  client.close();
  return outcome;
}

/** Serial number of the certificate in an answer, hex. */
function serialIn(outcome: Outcome): string | undefined {
  const chain = outcome.ok ? (outcome.value["certificateChainPem"] as string) : "";
  return new X509Certificate(chain).serialNumber.toLowerCase();
}

describe("joining", () => {
  it("gives a certificate for the token's cluster, whatever the request names", async () => {
    const token = await register("joins-well");
    const [csr] = await bad.requestsNaming(["somebody-else"]);
    const outcome = await join(token, csr === undefined ? {} : { csr });
    expect(outcome).toMatchObject({ ok: true, value: { cluster: "joins-well", plannerAddresses: ["127.0.0.1:7442"] } });
    const chain = (outcome as unknown as { value: { certificateChainPem: string } }).value.certificateChainPem;
    expect(bad.namesIn(chain)).toBe("URI:spiffe://weir/cluster/joins-well/agent");
    expect(planner.engine.state().clusters.get("joins-well" as never)?.membership).toBe("pending");
  });

  it("answers a repeat with the same key, whose first answer was lost, and nobody else who has the token", async () => {
    const token = await register("asks-twice");
    const keys = await makeKeys();
    const [first, again] = [await join(token, { csr: await makeRequest(keys) }), await makeRequest(keys)];
    const repeat = await join(token, { csr: again });
    expect([first, repeat]).toMatchObject([{ ok: true }, { ok: true, value: { cluster: "asks-twice" } }]);
    expect(serialIn(repeat)).not.toBe(serialIn(first));
    expect(planner.engine.state().clusters.get("asks-twice" as never)).toMatchObject({
      membership: "pending",
      issuedSerials: [serialIn(first), serialIn(repeat)],
    });
    expect(await join(token)).toMatchObject({ ok: false, code: "TOKEN_INVALID" });
    expect(await join(token, { csr: again, clusterUid: "uid-2" })).toMatchObject({ ok: false, code: "TOKEN_INVALID" });
  });

  it("puts the CA's pin and the join addresses into the token, and keeps only its secret's hash", async () => {
    const token = await register("has-pin");
    const ticket = decodeJoinToken(token);
    expect(ticket).toMatchObject({ ok: true, value: { cluster: "has-pin", pin: planner.authority.pin } });
    const secret = ticket.ok ? ticket.value.secret : "";
    expect(JSON.stringify([...planner.engine.state().clusters.values()])).not.toContain(secret);
    expect(JSON.stringify(planner.lines)).not.toContain(secret);
  });

  it("answers the same to every token that does not hold, and not sooner", async () => {
    const used = await register("used-up");
    expect(await join(used)).toMatchObject({ ok: true });
    const bound = await register("bound", { expectedUid: "uid-right" });
    const expired = await register("expired");
    const late = planner.engine.state().clusters.get("expired" as never);
    if (late?.token === undefined) throw new Error("it has a token");
    const { spec, token } = late;
    planner.engine.fold({ kind: "cluster-registered", spec, secretHash: token.secretHash, expiresAtMs: 1 });
    const fresh = await register("fresh");
    const ticket = decodeJoinToken(fresh);
    if (!ticket.ok) throw new Error("it decodes");
    const parts = ticket.value;
    const wrong: readonly (readonly [string, string, string])[] = [
      ["used", used, "uid-1"],
      ["expired", expired, "uid-1"],
      ["another UID", bound, "uid-wrong"],
      ["one character off", `${fresh.slice(0, -8)}${fresh.at(-8) === "A" ? "B" : "A"}${fresh.slice(-7)}`, "uid-1"],
      ["another secret", encodeJoinToken({ ...parts, secret: "A".repeat(43) }), "uid-1"],
      ["another cluster", encodeJoinToken({ ...parts, cluster: "bound" }), "uid-1"],
      ["another pin", encodeJoinToken({ ...parts, pin: "0".repeat(64) }), "uid-1"],
      ["empty", "", "uid-1"],
      ["no token", "hello", "uid-1"],
      ["too long", `weir1.${"A".repeat(10_000)}`, "uid-1"],
    ];
    for (const [what, offered, clusterUid] of wrong) {
      const startedAt = performance.now();
      const outcome = await join(offered, { clusterUid });
      expect([what, outcome]).toEqual([
        what,
        {
          ok: false,
          status: status.UNAUTHENTICATED,
          code: "TOKEN_INVALID",
          details: `TOKEN_INVALID token: ${TOKEN_INVALID.message}`,
        },
      ]);
      expect(performance.now() - startedAt).toBeGreaterThan(240);
    }
    expect(await join(fresh)).toMatchObject({ ok: true });
  });

  it("refuses unsound requests without using the token up", async () => {
    const token = await register("sound-at-last");
    for (const [reason, csr] of await bad.refusedRequests()) {
      expect([reason, await join(token, { csr })]).toMatchObject([reason, { ok: false, code: "CSR_REFUSED" }]);
    }
    expect(await join(token, { clusterUid: "" })).toMatchObject({ ok: false, code: "FIELD_INVALID" });
    expect(await join(token)).toMatchObject({ ok: true });
  });

  it("shows the token once: a repeat of the registration does not", async () => {
    const ana = await credentialsFor(planner.authority, { kind: "operator", name: "ana" });
    const client = clientOf(
      ClusterService,
      planner.servers.addresses.operator,
      channelCredentials(planner.authority, ana),
    );
    const request = { requestId: "r-1", spec: { name: "once" } };
    const first = await call(client, "registerCluster", { request });
    const again = await call(client, "registerCluster", { request });
    const other = await call(client, "registerCluster", { request: { requestId: "r-1", spec: { name: "twice" } } });
    client.close();
    expect(first).toMatchObject({ ok: true, value: { token: expect.stringMatching(/^weir1\./) } });
    expect(again).toMatchObject({ ok: true, value: { token: "" } });
    expect(other).toMatchObject({ ok: false, status: status.ALREADY_EXISTS, code: "REQUEST_ID_REUSED" });
  });
});
