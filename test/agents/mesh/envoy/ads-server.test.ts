import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, credentials, status } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { judgeListen } from "../../../../agents/mesh/envoy/ads-server.ts";
import { envoyBootstrap } from "../../../../agents/mesh/envoy/bootstrap.ts";
import type { EnvoyMesh } from "../../../../agents/mesh/envoy/mesh.ts";
import { createEnvoyMesh } from "../../../../agents/mesh/envoy/mesh.ts";
import { CHECKOUT, US, aPlan, aRouteSet, someEndpoints } from "./fleet/plans.ts";
import type { Running } from "./fleet/processes.ts";
import { startEnvoy } from "./fleet/processes.ts";
import { ask } from "./fleet/requests.ts";

let folder = "";
let mesh: EnvoyMesh | undefined;
let envoys: Running[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "weir-ads-"));
});
afterEach(async () => {
  await mesh?.close();
  await Promise.all(envoys.map(async (one) => await one.stop()));
  envoys = [];
  rmSync(folder, { recursive: true, force: true });
});

async function aMesh(address: string, more: Pick<Parameters<typeof createEnvoyMesh>[0], "ads" | "tls">) {
  mesh = await createEnvoyMesh({ clusterName: US, address, gateway: { address, port: 15_443 }, ...more });
  return mesh;
}

async function applied(to: EnvoyMesh, timeoutMs = 10_000) {
  const plan = aPlan(1, aRouteSet({ cluster: US, gateways: {}, weights: { "us-east/v1": 10_000 } }));
  const signal = AbortSignal.timeout(timeoutMs);
  return await to.apply(plan, { endpoints: someEndpoints({ [CHECKOUT]: { v1: [] } }), signal });
}

/** A certificate authority and a certificate of it, with the usual tool. */
function certificates(name: string) {
  const at = (suffix: string) => join(folder, `${name}.${suffix}`);
  const openssl = (...words: readonly string[]) => execFileSync("openssl", words, { stdio: "pipe" });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-x509", ...newKey, "-keyout", at("ca.key"), "-out", at("ca.crt"), "-subj", "/CN=ca", "-days", "1");
  openssl("req", ...newKey, "-keyout", at("key"), "-out", at("csr"), "-subj", `/CN=${name}`);
  writeFileSync(at("ext"), "subjectAltName=DNS:agent\n");
  const signing = ["-CA", at("ca.crt"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "1"];
  openssl("x509", "-req", "-in", at("csr"), ...signing, "-extfile", at("ext"), "-out", at("crt"));
  const paths = { certificate: at("crt"), key: at("key"), authority: at("ca.crt") };
  const text = (path: string) => readFileSync(path, "utf8");
  const pem = { certificate: text(paths.certificate), key: text(paths.key), authority: text(paths.authority) };
  return { paths, pem };
}

/** How a load report without a certificate ends. */
async function loadReportRefused(ads: EnvoyMesh["ads"]): Promise<status | undefined> {
  if (!("port" in ads)) throw new Error("no port");
  const client = new Client(`${ads.address}:${ads.port}`, credentials.createInsecure());
  const asIs = (bytes: Buffer) => bytes;
  const path = "/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats";
  const stream = client.makeBidiStreamRequest(path, asIs, asIs);
  const ended = new Promise<status | undefined>((resolve) => {
    stream.on("error", ({ code }: ServiceError) => resolve(code));
    stream.on("data", () => resolve(undefined));
  });
  stream.write(Buffer.alloc(0));
  const code = await ended;
  client.close();
  return code;
}

describe("judgeListen", () => {
  it.each(["127.0.0.1", "127.61.15.1", "::1"])("lets %s be served without certificates", (address) => {
    expect(judgeListen({ address, port: 1 }, undefined).ok).toBe(true);
  });

  it.each(["0.0.0.0", "::", "10.0.0.1", "192.168.1.1", "localhost", ""])("does not let %j", (address) => {
    const judged = judgeListen({ address, port: 1 }, undefined);
    expect(judged).toMatchObject({ ok: false, refusal: { code: "FIELD_INVALID", field: "ads.address" } });
  });
});

describe("the configuration server", () => {
  it("serves an Envoy over a unix socket that only its owner may use", async () => {
    const ads = { socket: join(folder, "ads.sock") };
    const served = await aMesh("127.61.15.2", { ads });
    expect(statSync(ads.socket).mode & 0o777).toBe(0o600);
    envoys.push(await startEnvoy(envoyBootstrap({ cluster: US, ads })));
    expect((await applied(served)).refusals).toEqual([]);
    expect((await ask({ address: "127.61.15.2", port: 8_080 })).status).toBe(503);
  }, 30_000);

  it("serves with certificates on both sides, and nobody without", async () => {
    const trusted = certificates("trusted");
    const served = await aMesh("127.61.15.3", { ads: { address: "127.61.15.3", port: 0 }, tls: trusted.pem });
    const stranger = certificates("stranger");
    const wrong = { ...stranger.paths, authority: trusted.paths.authority };
    envoys.push(await startEnvoy(envoyBootstrap({ cluster: US, ads: served.ads, tls: wrong })));
    envoys.push(await startEnvoy(envoyBootstrap({ cluster: US, ads: served.ads })));
    expect((await applied(served, 1_500)).refusals).toMatchObject([{ code: "APPLY_TIMEOUT" }]);
    expect(await loadReportRefused(served.ads)).toBe(status.UNAVAILABLE);
    envoys.push(await startEnvoy(envoyBootstrap({ cluster: US, ads: served.ads, tls: trusted.paths })));
    expect((await applied(served)).refusals).toEqual([]);
  }, 30_000);

  it("survives random bytes", async () => {
    const served = await aMesh("127.61.15.4", { ads: { address: "127.61.15.4", port: 0 } });
    if (!("port" in served.ads)) throw new Error("no port");
    const { port } = served.ads;
    for (let seed = 1; seed <= 20; seed++) {
      const socket = connect(port, "127.61.15.4");
      socket.on("error", () => undefined);
      // The preface of HTTP/2 lets half of them go deeper.
      if (seed % 2 === 0) socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
      socket.write(Buffer.from(Array.from({ length: 400 }, (_, rank) => (seed * 7_919 + rank * 104_729) % 251)));
      // One after the other, as a scanner would. Some of it the server answers by waiting for more.
      await Promise.race([once(socket, "close"), sleep(100)]);
      socket.destroy();
    }
    envoys.push(await startEnvoy(envoyBootstrap({ cluster: US, ads: served.ads })));
    expect((await applied(served)).refusals).toEqual([]);
  }, 30_000);
});
