import { createServer } from "node:http";
import type { Server } from "node:http";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, credentials } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { DEFAULT_REPORT_POLICY } from "../../../../agents/core/report.ts";
import { Health } from "../../../../agents/health/health.ts";
import { GREETER_HELLO } from "../../../../deploy/demo/greeter.ts";
import { sendAtRate } from "../../../../deploy/demo/pacer.ts";
import { startSampleBackend } from "../../../../deploy/demo/sample-backend.ts";
import type { SampleBackend, SampleBackendOptions } from "../../../../deploy/demo/sample-backend.ts";
import type { WorkloadRow, TrafficRow } from "../../../../src/model/report.ts";
import { decodeWindow } from "../../../../src/wire/report.ts";
import { CHECKOUT, US, aPlan, aRouteSet, someEndpoints } from "./fleet/plans.ts";
import type { Answer } from "./fleet/requests.ts";
import { ask, failedOf, keepAlive, sendLoad, until } from "./fleet/requests.ts";
import type { TestSite } from "./fleet/site.ts";
import { startSite } from "./fleet/site.ts";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

/** 200 requests a second are all that it can serve. */
const BACKEND = { port: 9_203, servers: 4, meanWorkMs: 20, work: "exponential", seed: 5, answer: "{}" } as const;

async function aBackend(address: string, options: Partial<SampleBackendOptions> = {}): Promise<SampleBackend> {
  const backend = await startSampleBackend({
    ...BACKEND,
    protocol: "http",
    address,
    reportsUtilisation: true,
    ...options,
  });
  cleanups.push(async () => await backend.stop());
  return backend;
}

/** One cluster whose only workload listens at `BACKEND.port`. */
async function aSite(address: string, protocol: "http" | "grpc" = "http"): Promise<TestSite> {
  const site = await startSite({ cluster: US, address, loadReportMs: 300 });
  cleanups.push(async () => await site.stop());
  const endpoints = someEndpoints({ [CHECKOUT]: { v1: [{ address, port: BACKEND.port }] } });
  const routeSet = aRouteSet({ cluster: US, gateways: {}, weights: { "us-east/v1": 10_000 }, protocol });
  const applied = await site.mesh.apply(aPlan(1, routeSet), { endpoints, signal: AbortSignal.timeout(10_000) });
  expect(applied.refusals).toEqual([]);
  return site;
}

interface Reported {
  readonly workloads: WorkloadRow[];
  readonly traffic: TrafficRow[];
}

/** What the agent's windows say of the cluster, as the planner reads them. */
function reportsOf({ mesh }: TestSite): Reported {
  const reported: Reported = { workloads: [], traffic: [] };
  const health = new Health({
    reporter: { cluster: US, uid: "uid-1", bootId: "boot-1" },
    mesh,
    status: () => ({ appliedHashes: { [CHECKOUT]: "ab".repeat(32) }, refusals: [], alarms: [], isLinked: true }),
    publish: (kind, bytes) => {
      if (kind !== "window") return;
      const read = decodeWindow(bytes, US);
      if (!read.ok) throw new Error(`the planner would refuse it: ${read.refusal.message}`);
      reported.workloads.push(...read.value.workloads);
      reported.traffic.push(...read.value.traffic);
    },
    clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
    policy: { ...DEFAULT_REPORT_POLICY, requestsEnough: 20, utilisationEnoughMs: 500 },
    timing: { tickMs: 400, coalesceMs: 20 },
  });
  health.start();
  cleanups.push(async () => health.stop());
  return reported;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe("what real Envoys report of local endpoints", () => {
  it("says in the agent's windows that a backend at half its capacity is about half busy", async () => {
    const address = "127.61.16.1";
    const backend = await aBackend(address);
    const site = await aSite(address);
    const agent = keepAlive();
    const answers: Answer[] = [];
    const stop = sendAtRate(100, () => {
      void ask({ address, port: 8_080, agent }).then((answer) => void answers.push(answer));
    });
    // The backend's own memory of a second forgets its start.
    await sleep(3_000);
    const reported = reportsOf(site);
    const own: number[] = [];
    const looking = setInterval(() => own.push(backend.utilisation()), 50);
    await sleep(8_000);
    clearInterval(looking);
    stop();
    const said = mean(reported.workloads.map(({ utilisation }) => utilisation ?? Number.NaN));
    expect(reported.workloads.length).toBeGreaterThan(7);
    expect(Math.abs(said - mean(own))).toBeLessThan(0.08);
    // A machine that is busy sends less than it should, never more.
    expect(said).toBeGreaterThan(0.3);
    expect(said).toBeLessThan(0.6);

    // The callers' own clocks are the witness of latencies; on a busy machine they see more than the proxy.
    await until("all answers", () => failedOf(answers).length === 0 && answers.length > 500);
    agent.destroy();
    const rows = reported.traffic.filter(({ requests, latencyMeanMs }) => requests > 0 && latencyMeanMs !== undefined);
    const requests = rows.reduce((sum, row) => sum + row.requests, 0);
    const proxyMs = rows.reduce((sum, row) => sum + row.requests * (row.latencyMeanMs ?? 0), 0) / requests;
    expect(requests).toBeGreaterThan(answers.length / 2);
    expect(proxyMs).toBeGreaterThan(0.9 * BACKEND.meanWorkMs);
    expect(proxyMs / mean(answers.map(({ ms }) => ms))).toBeLessThan(1.1);
  }, 60_000);

  it("counts requests of other clusters' callers, which come by the gateway", async () => {
    const address = "127.61.16.2";
    await aBackend(address);
    const site = await aSite(address);
    const reported = reportsOf(site);
    const agent = keepAlive();
    const headers = { "x-weir-service": CHECKOUT, "x-weir-version": "v1" };
    const load = sendLoad(100, async () => await ask({ ...site.gateway, headers, agent }));
    await until("utilisation", () => reported.workloads.some(({ utilisation = 0 }) => utilisation > 0.3), 30_000);
    expect(failedOf(await load.stop())).toEqual([]);
    agent.destroy();
  }, 60_000);

  it("is heard of gRPC servers by their trailers", async () => {
    const address = "127.61.16.3";
    await aBackend(address, { protocol: "grpc" });
    const site = await aSite(address, "grpc");
    const reported = reportsOf(site);
    const client = new Client(`${address}:8080`, credentials.createInsecure());
    const load = sendLoad(100, async () => await hello(client));
    await until("utilisation", () => reported.workloads.some(({ utilisation = 0 }) => utilisation > 0.3), 30_000);
    expect(failedOf(await load.stop())).toEqual([]);
    client.close();
    expect(reported.workloads.at(-1)).toMatchObject({ service: CHECKOUT, version: "v1", totalEndpoints: 1 });
  }, 60_000);

  it("is nothing where the backend says nothing", async () => {
    const address = "127.61.16.4";
    await aBackend(address, { reportsUtilisation: false });
    expect(await saidOf(await aSite(address))).toEqual([]);
  }, 60_000);

  it.each([
    ["no number", "TEXT application_utilization=NaN", []],
    ["less than nothing", "TEXT application_utilization=-1", []],
    ["no metric that counts", "TEXT mem_utilization=0.7", []],
    ["no form that is known", "half busy", []],
    ["more than all", "TEXT application_utilization=7", [1]],
    ["its processor's share", "TEXT cpu_utilization=0.25", [0.25]],
    ["JSON", `JSON {"application_utilization": 0.75}`, [0.75]],
    // Field 9, a double, of xds.data.orca.v3.OrcaLoadReport.
    ["bytes", `BIN ${Buffer.from([0x49, 0, 0, 0, 0, 0, 0, 0xe8, 0x3f]).toString("base64")}`, [0.75]],
    ["bytes that are no number", `BIN ${Buffer.from([0x49, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f]).toString("base64")}`, []],
  ])(
    "makes of a backend that says %s what the rule says",
    async (_what, header, expected) => {
      const address = "127.61.16.5";
      await saying(address, header);
      const said = new Set((await saidOf(await aSite(address))).map((share) => Number(share.toFixed(6))));
      expect([...said]).toEqual(expected);
    },
    60_000,
  );
});

async function hello(client: Client): Promise<Answer> {
  const { path, requestSerialize, responseDeserialize } = GREETER_HELLO;
  const nobody = { name: "", headers: {}, received: {}, ms: 0 };
  return await new Promise((resolve) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, Buffer.alloc(0), (error) =>
      resolve(error === null ? { ...nobody, status: 200 } : { ...nobody, status: 0, error: error.message }),
    );
  });
}

/** A workload that says this of itself. */
async function saying(address: string, header: string): Promise<Server> {
  const server = createServer(
    (_request, response) => void response.setHeader("endpoint-load-metrics", header).end("{}"),
  );
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => void server.listen(BACKEND.port, address, resolve));
  cleanups.push(async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  return server;
}

/** Every utilisation that the windows of 200 requests say, over several load reports. */
async function saidOf(site: TestSite): Promise<readonly number[]> {
  const reported = reportsOf(site);
  const agent = keepAlive();
  const load = sendLoad(100, async () => await ask({ address: site.address, port: 8_080, agent }));
  const requests = () => reported.traffic.reduce((sum, row) => sum + row.requests, 0);
  await until("200 requests are reported", () => requests() >= 200, 30_000);
  expect(failedOf(await load.stop())).toEqual([]);
  agent.destroy();
  expect(reported.workloads.length).toBeGreaterThan(1);
  return reported.workloads.flatMap(({ utilisation }) => utilisation ?? []);
}
