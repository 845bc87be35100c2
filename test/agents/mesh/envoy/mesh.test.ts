import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { createEnvoyMesh } from "../../../../agents/mesh/envoy/mesh.ts";
import type { LocalEndpoints } from "../../../../agents/core/ports.ts";
import type { ClusterId, ServiceId } from "../../../../src/model/ids.ts";
import { DEFAULT_REQUEST_POLICY } from "../../../../src/model/service.ts";
import { CHECKOUT, EU, US, aPlan, aRouteSet, routes, someEndpoints } from "./fleet/plans.ts";
import type { RouteSetOptions } from "./fleet/plans.ts";
import { ask, countsOf, failedOf, keepAlive, sendLoad, sharesOf, until } from "./fleet/requests.ts";
import type { Question } from "./fleet/requests.ts";
import type { SiteOptions, TestSite } from "./fleet/site.ts";
import { GATEWAY_PORT, STATISTICS_MS, startSite } from "./fleet/site.ts";

const CART = "shop/cart" as ServiceId;
const V1_PORT = 9_103;
const V2_PORT = 9_104;

const sites: TestSite[] = [];
afterEach(async () => {
  await Promise.all(sites.splice(0).map(async (one) => await one.stop()));
});

/** A cluster of its own addresses, with v1 and v2 of a workload. */
async function aSite(options: SiteOptions): Promise<TestSite> {
  const site = await startSite(options);
  sites.push(site);
  await site.serve([
    { port: V1_PORT, protocol: "http", name: `${site.cluster}/v1` },
    { port: V2_PORT, protocol: "http", name: `${site.cluster}/v2` },
  ]);
  return site;
}

function endpointsAt(address: string, ...services: readonly ServiceId[]): LocalEndpoints {
  const both = { v1: [{ address, port: V1_PORT }], v2: [{ address, port: V2_PORT }] };
  return someEndpoints(Object.fromEntries(services.map((service) => [service, both])));
}

const inTime = () => AbortSignal.timeout(10_000);

function local(cluster: ClusterId, options: Pick<RouteSetOptions, "weights"> & Partial<RouteSetOptions>) {
  return aRouteSet({ cluster, gateways: {}, serves: ["v1", "v2"], ...options });
}

async function askMany(count: number, question: Question) {
  const agent = keepAlive();
  const answers = await Promise.all(Array.from({ length: count }, async () => await ask({ ...question, agent })));
  agent.destroy();
  return answers;
}

describe("apply", () => {
  it("divides real requests by the weights, and rules by header come first", async () => {
    const site = await aSite({ cluster: US, address: "127.61.13.1" });
    const rules = [{ match: { headers: { "x-user": "ana" } }, routes: routes({ "us-east/v2": 10_000 }) }];
    const routeSet = local(US, { weights: { "us-east/v1": 9_000, "us-east/v2": 1_000 }, rules });
    const endpoints = endpointsAt(site.address, CHECKOUT);
    const applied = await site.mesh.apply(aPlan(1, routeSet), { endpoints, signal: inTime() });
    expect(applied).toEqual({ hashes: { [CHECKOUT]: "shop/checkout@1" }, refusals: [] });

    const answers = await askMany(1_000, { address: site.address, port: 8_080 });
    expect(failedOf(answers)).toEqual([]);
    expect(sharesOf(answers)["us-east/v1"]).toBeGreaterThan(0.86);
    expect(sharesOf(answers)["us-east/v1"]).toBeLessThan(0.94);
    const anas = await askMany(20, { address: site.address, port: 8_080, headers: { "x-user": "ana" } });
    expect(countsOf(anas)).toEqual({ "us-east/v2": 20 });
  }, 30_000);

  it("moves all requests of a constant load to another version, and removes the old, without a failed one", async () => {
    const site = await aSite({ cluster: US, address: "127.61.13.2" });
    const endpoints = endpointsAt(site.address, CHECKOUT);
    const options = { endpoints, signal: inTime() };
    await site.mesh.apply(aPlan(1, local(US, { weights: { "us-east/v1": 10_000 } })), options);
    const agent = keepAlive();
    // Long enough for requests to be under way while their envoyCluster is taken away.
    const path = "/?delayMs=700";
    const load = sendLoad(200, async () => await ask({ address: site.address, port: 8_080, agent, path }));
    await sleep(1_000);
    for (const [revision, version] of [
      [2, "v2"],
      [3, "v1"],
      [4, "v2"],
    ] as const) {
      const routeSet = local(US, { weights: { [`us-east/${version}`]: 10_000 }, serves: [version] });
      const applied = await site.mesh.apply(aPlan(revision, routeSet), { endpoints, signal: inTime() });
      expect(applied.refusals).toEqual([]);
      await sleep(800);
    }
    const answers = await load.stop();
    agent.destroy();
    expect(failedOf(answers)).toEqual([]);
    expect(Object.keys(countsOf(answers)).toSorted()).toEqual(["us-east/v1", "us-east/v2"]);
    expect(answers.at(-1)?.name).toBe("us-east/v2");
  }, 30_000);

  it("sends the lost cluster's share by the plan's fallback while told to avoid it", async () => {
    const site = await aSite({ cluster: US, address: "127.61.13.3" });
    const gateways = { [EU]: { address: "127.61.13.99", port: GATEWAY_PORT } };
    const fallbacks = { "eu-west/v1": { "us-east/v1": 2_500, "us-east/v2": 7_500 } };
    const routeSet = local(US, { weights: { "eu-west/v1": 10_000 }, fallbacks, gateways });
    const options = { endpoints: endpointsAt(site.address, CHECKOUT), avoid: EU, signal: inTime() };
    const applied = await site.mesh.apply(aPlan(1, routeSet), options);
    expect(applied.refusals).toEqual([]);
    const shares = sharesOf(await askMany(1_000, { address: site.address, port: 8_080 }));
    expect(shares["us-east/v2"]).toBeGreaterThan(0.69);
    expect(shares["us-east/v2"]).toBeLessThan(0.81);
  }, 30_000);

  it("refuses a service in Envoy's words, keeps its old plan, and lets the others advance", async () => {
    const site = await aSite({ cluster: US, address: "127.61.13.4" });
    const endpoints = endpointsAt(site.address, CHECKOUT, CART);
    const v1 = { weights: { "us-east/v1": 10_000 } };
    const v2 = { weights: { "us-east/v2": 10_000 } };
    await site.mesh.apply(aPlan(1, local(US, v1), local(US, { ...v1, service: CART, port: 8_081 })), {
      endpoints,
      signal: inTime(),
    });
    // A header name with a line break passes the model's types but not Envoy.
    const rules = [{ match: { headers: { "x\nuser": "ana" } }, routes: routes({ "us-east/v2": 10_000 }) }];
    const bad = local(US, { ...v2, rules });
    const good = local(US, { ...v2, service: CART, port: 8_081 });
    const applied = await site.mesh.apply(aPlan(2, bad, good), { endpoints, signal: inTime() });

    expect(applied.refusals).toEqual([
      {
        service: CHECKOUT,
        hash: "shop/checkout@2",
        code: "MESH_REJECTED",
        detail: expect.stringContaining("validation"),
      },
    ]);
    expect(applied.hashes).toEqual({ [CHECKOUT]: "shop/checkout@1", [CART]: "shop/cart@2" });
    expect((await ask({ address: site.address, port: 8_080 })).name).toBe("us-east/v1");
    expect((await ask({ address: site.address, port: 8_081 })).name).toBe("us-east/v2");
  }, 30_000);

  it("finds the guilty one of many services that share a port", async () => {
    const site = await aSite({ cluster: US, address: "127.61.13.5" });
    const names = Array.from({ length: 12 }, (_, rank) => `shop/s${rank}` as ServiceId);
    const endpoints = endpointsAt(site.address, ...names);
    const rules = [{ match: { headers: { "x\nuser": "ana" } }, routes: routes({ "us-east/v2": 10_000 }) }];
    const routeSets = names.map((service, rank) =>
      local(US, { service, weights: { "us-east/v1": 10_000 }, ...(rank === 7 ? { rules } : {}) }),
    );
    const applied = await site.mesh.apply(aPlan(1, ...routeSets), { endpoints, signal: inTime() });

    expect(applied.refusals.map(({ service }) => service)).toEqual(["shop/s7"]);
    expect(Object.keys(applied.hashes)).toHaveLength(11);
    const innocent = await ask({ address: site.address, port: 8_080, headers: { host: "s3.shop" } });
    expect(innocent.name).toBe("us-east/v1");
  }, 30_000);

  it("names the service whose port is taken, and gives it the port when it is free", async () => {
    const site = await aSite({ cluster: US, address: "127.61.13.6" });
    const endpoints = endpointsAt(site.address, CHECKOUT, CART);
    const squatter = createServer();
    await new Promise<void>((resolve) => void squatter.listen(8_081, site.address, resolve));
    const v1 = { weights: { "us-east/v1": 10_000 } };
    const plan = aPlan(1, local(US, v1), local(US, { ...v1, service: CART, port: 8_081 }));
    const applied = await site.mesh.apply(plan, { endpoints, signal: inTime() });
    expect(applied.refusals).toEqual([
      expect.objectContaining({ service: CART, code: "MESH_REJECTED", detail: expect.stringMatching(/in use/) }),
    ]);
    expect(applied.hashes).toEqual({ [CHECKOUT]: "shop/checkout@1" });
    expect((await ask({ address: site.address, port: 8_080 })).name).toBe("us-east/v1");

    await new Promise((resolve) => void squatter.close(resolve));
    const again = await site.mesh.apply(plan, { endpoints, signal: inTime() });
    expect(again.refusals).toEqual([]);
    expect((await ask({ address: site.address, port: 8_081 })).name).toBe("us-east/v1");
  }, 30_000);

  it("says so when no Envoy answers in time, and an Envoy that comes later gets the plan", async () => {
    const site = await aSite({ cluster: US, address: "127.61.13.7", hasEnvoy: false });
    const endpoints = endpointsAt(site.address, CHECKOUT);
    const plan = aPlan(1, local(US, { weights: { "us-east/v1": 10_000 } }));
    const applied = await site.mesh.apply(plan, { endpoints, signal: AbortSignal.timeout(300) });
    expect(applied.hashes).toEqual({});
    expect(applied.refusals).toEqual([expect.objectContaining({ service: CHECKOUT, code: "APPLY_TIMEOUT" })]);

    await site.startEnvoy();
    const again = await site.mesh.apply(plan, { endpoints, signal: inTime() });
    expect(again).toEqual({ hashes: { [CHECKOUT]: "shop/checkout@1" }, refusals: [] });
  }, 30_000);

  it("never takes everything away by an empty plan", async () => {
    const site = await aSite({ cluster: US, address: "127.61.13.8" });
    const endpoints = endpointsAt(site.address, CHECKOUT);
    await site.mesh.apply(aPlan(1, local(US, { weights: { "us-east/v1": 10_000 } })), { endpoints, signal: inTime() });
    const applied = await site.mesh.apply(aPlan(2), { endpoints, signal: inTime() });
    expect(applied.hashes).toEqual({ [CHECKOUT]: "shop/checkout@1" });
    await sleep(800);
    expect((await ask({ address: site.address, port: 8_080 })).name).toBe("us-east/v1");
  }, 30_000);

  it("gives a restarted Envoy everything again", async () => {
    const site = await aSite({ cluster: US, address: "127.61.13.9" });
    const endpoints = endpointsAt(site.address, CHECKOUT);
    const plan = aPlan(1, local(US, { weights: { "us-east/v1": 10_000 } }));
    await site.mesh.apply(plan, { endpoints, signal: inTime() });
    await site.envoy?.stop();
    await until("the Envoy is gone", () => site.mesh.envoys() === 0);
    await site.startEnvoy();
    await until("requests are answered", async () => {
      return (await ask({ address: site.address, port: 8_080 })).name === "us-east/v1";
    });
    const applied = await site.mesh.apply(plan, { endpoints, signal: inTime() });
    expect(applied.refusals).toEqual([]);
  }, 30_000);
});

describe("a gateway", () => {
  it("serves the named version, its first one where it lacks that, and refuses what it does not serve", async () => {
    const site = await aSite({ cluster: US, address: "127.61.14.1" });
    const endpoints = endpointsAt(site.address, CHECKOUT);
    await site.mesh.apply(aPlan(1, local(US, { weights: { "us-east/v1": 10_000 } })), { endpoints, signal: inTime() });
    const through = async (headers: Record<string, string>) => await ask({ ...site.gateway, headers });

    const named = await through({ "x-weir-service": CHECKOUT, "x-weir-version": "v2" });
    expect(named.name).toBe("us-east/v2");
    expect(Object.keys(named.received).filter((key) => key.startsWith("x-weir"))).toEqual([]);
    const lacking = await through({ "x-weir-service": CHECKOUT, "x-weir-version": "v9" });
    expect(lacking.name).toBe("us-east/v1");
    expect((await through({ host: "checkout.shop" })).name).toBe("us-east/v1");
    expect((await through({ host: "checkout.shop.weir:8080" })).name).toBe("us-east/v1");
    expect((await through({ "x-weir-service": "shop/nothing", host: "checkout.shop" })).status).toBe(404);
    expect((await through({ host: "unknown.shop" })).status).toBe(404);
  }, 30_000);
});

describe("what the mesh reports", () => {
  it("counts requests by destination as the workloads themselves do", async () => {
    const site = await aSite({ cluster: US, address: "127.61.14.2" });
    const endpoints = endpointsAt(site.address, CHECKOUT);
    const routeSet = local(US, { weights: { "us-east/v1": 7_000, "us-east/v2": 3_000 } });
    await site.mesh.apply(aPlan(1, routeSet), { endpoints, signal: inTime() });
    site.mesh.takeWindow();
    const answers = await askMany(500, { address: site.address, port: 8_080 });
    // A request that ends while a report is written shows as ended and as under way; the report after sets that right.
    await sleep(5 * STATISTICS_MS);
    const { windowMs, traffic } = site.mesh.takeWindow();
    expect(Object.fromEntries(traffic.map(({ destination, requests }) => [destination, requests]))).toEqual(
      countsOf(answers),
    );
    expect(windowMs).toBeGreaterThan(0);
    expect(site.mesh.workloads()).toEqual([
      { service: CHECKOUT, version: "v1", readyEndpoints: 1, totalEndpoints: 1 },
      { service: CHECKOUT, version: "v2", readyEndpoints: 1, totalEndpoints: 1 },
    ]);
  }, 30_000);

  it("counts requests when they begin, and once", async () => {
    const site = await aSite({ cluster: US, address: "127.61.14.4" });
    const request = { ...DEFAULT_REQUEST_POLICY, perTryTimeoutMs: 10_000 };
    const routeSet = { ...local(US, { weights: { "us-east/v1": 10_000 } }), request };
    await site.mesh.apply(aPlan(1, routeSet), { endpoints: endpointsAt(site.address, CHECKOUT), signal: inTime() });
    site.mesh.takeWindow();
    const asking = askMany(30, { address: site.address, port: 8_080, path: "/?delayMs=4000" });
    const takeAll = () => site.mesh.takeWindow().traffic.reduce((sum, { requests }) => sum + requests, 0);
    let begun = 0;
    await until("30 requests are reported that nobody has answered yet", () => (begun += takeAll()) >= 30);
    expect(begun).toBe(30);
    expect(countsOf(await asking)).toEqual({ "us-east/v1": 30 });
    await sleep(5 * STATISTICS_MS);
    expect(takeAll()).toBe(0);
  }, 30_000);

  it("counts what nobody could serve as failures of the intended destination", async () => {
    const site = await aSite({ cluster: US, address: "127.61.14.3" });
    const routeSet = local(US, { weights: { "us-east/v1": 10_000 } });
    await site.mesh.apply(aPlan(1, routeSet), { endpoints: someEndpoints({}), signal: inTime() });
    const answers = await askMany(10, { address: site.address, port: 8_080 });
    expect(countsOf(answers)).toEqual({ "": 10 });
    const rows: unknown[] = [];
    await until("the failures are reported", () => {
      rows.push(...site.mesh.takeWindow().traffic);
      return rows.length > 0;
    });
    expect(rows[0]).toMatchObject({ destination: "us-east/v1", failures: 10, requests: 10 });
  }, 30_000);
});

describe("createEnvoyMesh", () => {
  it("refuses to serve proxies beyond loopback without certificates", async () => {
    const options = {
      clusterName: US,
      address: "127.61.14.4",
      gateway: { address: "127.61.14.4", port: GATEWAY_PORT },
    };
    await expect(createEnvoyMesh({ ...options, ads: { address: "0.0.0.0", port: 0 } })).rejects.toThrow(
      "0.0.0.0 is not a loopback address",
    );
  });
});
