import { Metadata, status } from "@grpc/grpc-js";
import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import type { NetConnectOpts } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminService } from "../../../proto/gen/weir/v1/admin_pb.ts";
import { JoinService } from "../../../proto/gen/weir/v1/agent_pb.ts";
import { ClusterService } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { Preserialized } from "../../../src/wire/rpc.ts";
import { call, channelCredentials, clientOf, credentialsFor } from "./clients.ts";
import type { Credentials } from "./clients.ts";
import { startPlanner } from "./small-planner.ts";
import type { SmallPlanner } from "./small-planner.ts";

let planner: SmallPlanner;
let ana: Credentials;

beforeAll(async () => {
  planner = await startPlanner();
  ana = await credentialsFor(planner.authority, { kind: "operator", name: "ana" });
});
afterAll(async () => planner[Symbol.asyncDispose]());

function operators() {
  return clientOf(ClusterService, planner.servers.addresses.operator, channelCredentials(planner.authority, ana));
}

async function stillServes(): Promise<boolean> {
  const client = clientOf(AdminService, planner.servers.addresses.operator, channelCredentials(planner.authority, ana));
  const outcome = await call(client, "whoAmI", { request: {} });
  client.close();
  return outcome.ok;
}

function placeOf(address: string): NetConnectOpts {
  if (address.startsWith("/")) return { path: address };
  const [host = "", port] = address.split(":");
  return { host, port: Number(port) };
}

/** Writes bytes to a raw connection, and waits until the other side has had enough or a moment has passed. */
async function pour(options: NetConnectOpts, bytes: Uint8Array, over: "tcp" | "tls"): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket =
      over === "tcp"
        ? connect(options)
        : connectTls({
            ...options,
            rejectUnauthorized: false,
            ALPNProtocols: ["h2"],
            key: ana.keyPem,
            cert: ana.chainPem,
          } as never);
    const done = (): void => {
      socket.destroy();
      resolve();
    };
    socket.on("error", done);
    socket.on("close", done);
    socket.on(over === "tcp" ? "connect" : "secureConnect", () => socket.write(bytes));
    setTimeout(done, 200);
  });
}

describe("random bytes", () => {
  it("do not end the process, on any listener, before or after the handshake", async () => {
    const { join, agent, operator, socket } = planner.servers.addresses;
    const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    for (const address of [join, agent, operator, socket]) {
      const noise = Array.from({ length: 10 }, () => randomBytes(2_000));
      const place = placeOf(address);
      await Promise.all(noise.map(async (bytes) => pour(place, bytes, "tcp")));
      await Promise.all(noise.map(async (bytes) => pour(place, Buffer.concat([preface, bytes]), "tcp")));
      if (address === socket) continue;
      await Promise.all(noise.map(async (bytes) => pour(place, bytes, "tls")));
      await Promise.all(noise.map(async (bytes) => pour(place, Buffer.concat([preface, bytes]), "tls")));
    }
    expect(await stillServes()).toBe(true);
  });

  it("as a message are INVALID_ARGUMENT DECODE", async () => {
    const client = operators();
    const noise = [randomBytes(64), Buffer.from([0x0a, 0xff]), Buffer.from([0xff, 0xff, 0xff])];
    for (const bytes of noise) {
      const outcome = await call(client, "registerCluster", { request: new Preserialized(bytes) });
      expect(outcome).toMatchObject({ ok: false, status: status.INVALID_ARGUMENT, code: "DECODE" });
    }
    client.close();
  });

  it("and a message of another kind as well: an unknown field is refused, not dropped", async () => {
    const client = operators();
    const unknownField = Buffer.from([0x0a, 0x01, 0x78, 0xa2, 0x06, 0x01, 0x79]);
    const outcome = await call(client, "getCluster", { request: new Preserialized(unknownField) });
    client.close();
    expect(outcome).toMatchObject({ ok: false, status: status.INVALID_ARGUMENT, code: "DECODE" });
  });
});

describe("too much", () => {
  it("of a message is RESOURCE_EXHAUSTED", async () => {
    const joining = clientOf(JoinService, planner.servers.addresses.join, channelCredentials(planner.authority));
    const big = await call(joining, "join", { request: { token: "A".repeat(70_000) } });
    joining.close();
    expect(big).toMatchObject({ ok: false, status: status.RESOURCE_EXHAUSTED });
    const client = operators();
    const bigger = await call(client, "getCluster", { request: { cluster: "a".repeat(5_000_000) } });
    client.close();
    expect(bigger).toMatchObject({ ok: false, status: status.RESOURCE_EXHAUSTED });
    expect(await stillServes()).toBe(true);
  });

  it("of metadata is INVALID_ARGUMENT METADATA, and so is a key that is there twice", async () => {
    const client = operators();
    const long = new Metadata();
    long.set("x-long", "a".repeat(9_000));
    const many = new Metadata();
    for (let at = 0; at < 70; at += 1) many.set(`x-${at}`, "1");
    const twice = new Metadata();
    twice.add("weir-cluster", "c1");
    twice.add("weir-cluster", "c2");
    for (const metadata of [long, many, twice]) {
      const outcome = await call(client, "listClusters", { request: {}, metadata });
      expect(outcome).toMatchObject({ ok: false, status: status.INVALID_ARGUMENT, code: "METADATA" });
    }
    client.close();
  });

  it("of a deadline is clamped, and one that has passed is DEADLINE_EXCEEDED", async () => {
    const client = operators();
    const tenYears = { deadline: Date.now() + 315_360_000_000 };
    expect(await call(client, "listClusters", { request: {}, options: tenYears })).toMatchObject({ ok: true });
    const passed = { deadline: Date.now() - 1 };
    expect(await call(client, "listClusters", { request: {}, options: passed })).toMatchObject({
      ok: false,
      status: status.DEADLINE_EXCEEDED,
    });
    client.close();
  });

  it("of streams on one connection waits, and others are not concerned", async () => {
    const session = connectHttp2(`https://${planner.servers.addresses.join}`, { rejectUnauthorized: false });
    session.on("error", () => undefined);
    for (let at = 0; at < 200; at += 1) {
      const stream = session.request({
        ":method": "POST",
        ":path": "/weir.v1.JoinService/Join",
        "content-type": "application/grpc",
      });
      stream.on("error", () => undefined);
    }
    expect(await stillServes()).toBe(true);
    session.destroy();
  });
});

describe("the unix socket", () => {
  it("is for its owner alone", async () => {
    const { mode } = await stat(planner.servers.addresses.socket);
    expect(mode & 0o777).toBe(0o600);
  });

  it("names its caller by the user", async () => {
    const { credentials } = await import("@grpc/grpc-js");
    const client = clientOf(AdminService, `unix:${planner.servers.addresses.socket}`, credentials.createInsecure());
    const outcome = await call(client, "whoAmI", { request: {} });
    client.close();
    expect(outcome).toMatchObject({ ok: true, value: { actor: `socket:uid-${process.getuid?.()}` } });
  });
});

describe("plaintext", () => {
  it("on a TLS listener is cut off, and counted", async () => {
    const { credentials } = await import("@grpc/grpc-js");
    const client = clientOf(AdminService, planner.servers.addresses.operator, credentials.createInsecure());
    const outcome = await call(client, "whoAmI", { request: {} });
    client.close();
    expect(outcome).toMatchObject({ ok: false, status: status.UNAVAILABLE });
    expect(planner.lines).toContainEqual(expect.objectContaining({ msg: "connection refused", code: "HANDSHAKE" }));
  });
});

describe("the audit", () => {
  it("has a line for every write, with who and what became of it", async () => {
    const client = operators();
    await call(client, "registerCluster", { request: { spec: { name: "audited" } } });
    await call(client, "registerCluster", { request: { spec: { name: "Not A Name" } } });
    client.close();
    const method = "weir.v1.ClusterService/RegisterCluster";
    expect(planner.lines).toContainEqual(expect.objectContaining({ method, actor: "operator:ana", outcome: "OK" }));
    expect(planner.lines).toContainEqual(
      expect.objectContaining({ method, actor: "operator:ana", outcome: "BAD_NAME", field: "spec.name" }),
    );
  });
});
