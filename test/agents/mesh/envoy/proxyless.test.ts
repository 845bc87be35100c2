import { Client, credentials } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { register } from "@grpc/grpc-js-xds";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { proxylessBootstrap } from "../../../../agents/mesh/envoy/bootstrap.ts";
import type { HeldPlan } from "../../../../agents/core/ports.ts";
import { GREETER } from "./fleet/greeter.ts";
import { AP, EU, GREETER_SERVICE, US, aPlan, aRouteSet, someEndpoints } from "./fleet/plans.ts";
import type { RouteSetOptions } from "./fleet/plans.ts";
import type { Answer } from "./fleet/requests.ts";
import { countsOf, failedOf, sendLoad, sharesOf, until } from "./fleet/requests.ts";
import type { TestSite } from "./fleet/site.ts";
import { startSite } from "./fleet/site.ts";

const ADDRESSES = { [EU]: "127.61.11.1", [US]: "127.61.11.2", [AP]: "127.61.11.3" };
const GATEWAYS = Object.fromEntries(
  Object.entries(ADDRESSES).map(([cluster, address]) => [cluster, { address, port: 15_443 }]),
);
const LOCAL_PORT = 9_101;

let sites: Record<string, TestSite> = {};
let client: Client;
let revision = 0;

beforeAll(async () => {
  for (const cluster of [EU, US, AP]) {
    // One after another: two cores do not start three Envoys faster at once.
    sites = { ...sites, [cluster]: await startSite({ cluster, address: ADDRESSES[cluster] ?? "", loadReportMs: 200 }) };
  }
  const us = site(US);
  // Read once in a process, at the first dial.
  process.env["GRPC_XDS_BOOTSTRAP_CONFIG"] = proxylessBootstrap({ cluster: US, node: "caller", ads: us.mesh.ads });
  register();
}, 60_000);

afterAll(async () => {
  client?.close();
  await Promise.all(Object.values(sites).map(async (one) => await one.stop()));
});

function site(cluster: string): TestSite {
  const found = sites[cluster];
  if (found === undefined) throw new Error(`no site ${cluster}`);
  return found;
}

async function applyTo(cluster: string, plan: HeldPlan) {
  const endpoints = someEndpoints({
    [GREETER_SERVICE]: { v1: [{ address: site(cluster).address, port: LOCAL_PORT }] },
  });
  return await site(cluster).mesh.apply(plan, { endpoints, signal: AbortSignal.timeout(10_000) });
}

function greeterPlan(options: Pick<RouteSetOptions, "weights"> & Partial<RouteSetOptions>): HeldPlan {
  revision += 1;
  return aPlan(
    revision,
    aRouteSet({
      service: GREETER_SERVICE,
      protocol: "grpc",
      port: 7_070,
      gateways: GATEWAYS,
      cluster: US,
      request: { retryScope: "all" },
      ...options,
    }),
  );
}

async function greet(): Promise<Answer> {
  const started = performance.now();
  const { path, requestSerialize, responseDeserialize } = GREETER.greet;
  return await new Promise((resolve) => {
    const deadline = Date.now() + 10_000;
    const done = (error: ServiceError | null, bytes?: Buffer) => {
      const told = error === null && bytes !== undefined ? JSON.parse(bytes.toString()) : { name: "", headers: {} };
      resolve({
        status: error === null ? 200 : 0,
        name: told.name,
        headers: {},
        received: { ...told.headers, ":authority": told.host },
        ms: performance.now() - started,
        ...(error === null ? {} : { error: error.message }),
      });
    };
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, Buffer.from("hello"), { deadline }, done);
  });
}

async function greetings(count: number): Promise<readonly Answer[]> {
  return await Promise.all(Array.from({ length: count }, async () => await greet()));
}

describe("a proxyless gRPC client", () => {
  it("reaches the destinations of a plan in their shares, through the other clusters' gateways", async () => {
    for (const cluster of [EU, US, AP]) {
      await site(cluster).serve([{ port: LOCAL_PORT, protocol: "grpc", name: `${cluster}/v1` }]);
      if (cluster === US) continue;
      const applied = await applyTo(cluster, greeterPlan({ cluster, weights: { [`${cluster}/v1`]: 10_000 } }));
      expect(applied.refusals).toEqual([]);
    }
    const applied = await applyTo(US, greeterPlan({ weights: { "eu-west/v1": 2_500, "us-east/v1": 7_500 } }));
    expect(applied.refusals).toEqual([]);
    client = new Client("xds:///greeter.shop", credentials.createInsecure());

    const answers = await greetings(1_000);

    expect(failedOf(answers)).toEqual([]);
    expect(sharesOf(answers)["eu-west/v1"]).toBeCloseTo(0.25, 1);
    expect(sharesOf(answers)["us-east/v1"]).toBeCloseTo(0.75, 1);
  }, 60_000);

  it("follows a new plan without a failed call", async () => {
    const load = sendLoad(200, greet);
    await sleep(500);
    const applied = await applyTo(US, greeterPlan({ weights: { "ap-south/v1": 5_000, "eu-west/v1": 5_000 } }));
    expect(applied.refusals).toEqual([]);
    const before = load.answers.length;
    await sleep(1_000);
    const answers = await load.stop();

    expect(failedOf(answers)).toEqual([]);
    const after = sharesOf(answers.slice(before + 40));
    expect(after["us-east/v1"] ?? 0).toBe(0);
    expect(after["ap-south/v1"]).toBeGreaterThan(0.35);
  }, 60_000);

  it("reports what it sent, as the workloads counted it", async () => {
    // Reports of the calls before are on their way for an interval or two.
    await sleep(1_000);
    site(US).mesh.takeWindow();
    const answers = await greetings(300);
    const rows = new Map<string, number>();
    await until("300 calls are reported", () => {
      for (const row of site(US).mesh.takeWindow().traffic) {
        rows.set(row.destination, (rows.get(row.destination) ?? 0) + row.requests);
      }
      return [...rows.values()].reduce((sum, count) => sum + count, 0) >= answers.length;
    });
    expect(Object.fromEntries(rows)).toEqual(countsOf(answers));
  }, 60_000);

  it("goes on by the plan's fallback when a gateway is killed, with nobody telling it", async () => {
    const fallbacks = { "eu-west/v1": { "ap-south/v1": 3_000, "us-east/v1": 7_000 } };
    const weights = { "eu-west/v1": 5_000, "us-east/v1": 5_000 };
    const applied = await applyTo(US, greeterPlan({ weights, fallbacks }));
    expect(applied.refusals).toEqual([]);
    await greetings(200);
    const load = sendLoad(200, greet);
    await sleep(500);
    site(EU).envoy?.kill("SIGKILL");
    await sleep(500);
    const before = load.answers.length;
    await sleep(3_000);
    const answers = await load.stop();

    expect(failedOf(answers)).toEqual([]);
    const after = sharesOf(answers.slice(before));
    expect(after["eu-west/v1"] ?? 0).toBe(0);
    expect(after["ap-south/v1"]).toBeGreaterThan(0.1);
    expect(after["ap-south/v1"]).toBeLessThan(0.2);
  }, 60_000);

  it("is kept on its old plan when the new one says what it cannot tell a gateway", async () => {
    const weights = { "ap-south/v1": 5_000, "ap-south/v2": 5_000 };
    const applied = await applyTo(US, greeterPlan({ weights }));

    expect(applied.refusals).toEqual([
      expect.objectContaining({ service: GREETER_SERVICE, code: "UNSUPPORTED_BY_MESH" }),
    ]);
    expect(applied.refusals[0]?.detail).toContain("ap-south is sent both v1 and v2");
    expect(failedOf(await greetings(50))).toEqual([]);
  }, 60_000);
});
