import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RequestPolicy } from "../../../../src/model/service.ts";
import { AP, CHECKOUT, EU, US, aPlan, aRouteSet, someEndpoints } from "./fleet/plans.ts";
import type { Running } from "./fleet/processes.ts";
import type { Answer } from "./fleet/requests.ts";
import { ask, failedOf, keepAlive, sendLoad, sharesOf, until } from "./fleet/requests.ts";
import type { TestSite } from "./fleet/site.ts";
import { startSite } from "./fleet/site.ts";

const ADDRESSES = { [EU]: "127.61.12.1", [US]: "127.61.12.2", [AP]: "127.61.12.3" };
const GATEWAYS = Object.fromEntries(
  Object.entries(ADDRESSES).map(([cluster, address]) => [cluster, { address, port: 15_443 }]),
);
const WORKLOAD_PORT = 9_102;
const SERVICE_PORT = 8_080;
const RPS = 120;
/** Requests before and after a loss: enough for shares, however slow the machine is. */
const BEFORE = 150;
const AFTER = 450;

const FALLBACKS = {
  "eu-west/v1": { "ap-south/v1": 3_000, "us-east/v1": 7_000 },
  "us-east/v1": { "eu-west/v1": 10_000 },
};

/** A cluster and the process its workload runs in. */
interface Member {
  readonly site: TestSite;
  readonly workload: Running;
}

let members: ReadonlyMap<string, Member> = new Map();

function member(cluster: string): Member {
  const found = members.get(cluster);
  if (found === undefined) throw new Error(`no member ${cluster}`);
  return found;
}

beforeEach(async () => {
  const started = new Map<string, Member>();
  members = started;
  for (const cluster of [EU, AP, US]) {
    const site = await startSite({ cluster, address: ADDRESSES[cluster] ?? "" });
    const workload = await site.serve([{ port: WORKLOAD_PORT, protocol: "http", name: `${cluster}/v1` }]);
    started.set(cluster, { site, workload });
  }
}, 60_000);

afterEach(async () => {
  await Promise.all([...members.values()].map(async ({ site }) => await site.stop()));
});

/** Every cluster serves itself, except that half of what enters through us-east is meant for eu-west. */
async function routeHalfToEurope(request: Partial<RequestPolicy> = {}): Promise<void> {
  for (const cluster of [EU, AP, US]) {
    const weights = cluster === US ? { "eu-west/v1": 5_000, "us-east/v1": 5_000 } : { [`${cluster}/v1`]: 10_000 };
    const fallbacks = cluster === US ? FALLBACKS : {};
    const { site } = member(cluster);
    const endpoints = someEndpoints({ [CHECKOUT]: { v1: [{ address: site.address, port: WORKLOAD_PORT }] } });
    // Receivers first, as plans are released.
    const applied = await site.mesh.apply(
      aPlan(1, aRouteSet({ cluster, weights, fallbacks, gateways: GATEWAYS, request })),
      {
        endpoints,
        signal: AbortSignal.timeout(10_000),
      },
    );
    expect(applied.refusals).toEqual([]);
  }
}

/** Constant requests through us-east; `harm` befalls eu-west, and every agent is gone before. */
async function requestsAround(
  harm: () => void,
  method = "GET",
): Promise<Record<"before" | "after", readonly Answer[]>> {
  const agent = keepAlive();
  const load = sendLoad(
    RPS,
    async () => await ask({ address: ADDRESSES[US] ?? "", port: SERVICE_PORT, agent, method }),
  );
  await until("requests flow", () => load.answers.length >= BEFORE, 30_000);
  await Promise.all([...members.values()].map(async ({ site }) => await site.mesh.close()));
  const cut = load.answers.length;
  harm();
  await until("requests flow after the loss", () => load.answers.length >= cut + AFTER, 40_000);
  const answers = await load.stop();
  agent.destroy();
  return { before: answers.slice(0, cut), after: answers.slice(cut) };
}

/** What is wrong with the requests after the loss: nothing, if none failed and the lost half divided as the plan says. */
function judge(after: readonly Answer[]) {
  const shares = sharesOf(after);
  return {
    failed: failedOf(after),
    // Half stays; of the other half 70 % come home and 30 % go on.
    isHomeRight: isNear(shares["us-east/v1"], 0.85),
    isAwayRight: isNear(shares["ap-south/v1"], 0.15),
  };
}

function isNear(share: number | undefined, intended: number, within = 0.07): boolean {
  return Math.abs((share ?? 0) - intended) < within;
}

const AS_PLANNED = { failed: [], isHomeRight: true, isAwayRight: true };

describe("with every agent gone, an Envoy by itself", () => {
  it("loses no request when a cluster is killed, and divides its share by the plan's fallback", async () => {
    await routeHalfToEurope();
    const { before, after } = await requestsAround(() => {
      member(EU).site.envoy?.kill("SIGKILL");
      member(EU).workload.kill("SIGKILL");
    });
    expect(isNear(sharesOf(before)["eu-west/v1"], 0.5, 0.15)).toBe(true);
    expect(judge(after)).toEqual(AS_PLANNED);
  }, 60_000);

  it("loses no request when a cluster falls silent", async () => {
    await routeHalfToEurope({ perTryTimeoutMs: 1_500 });
    const { after } = await requestsAround(() => {
      member(EU).site.envoy?.kill("SIGSTOP");
      member(EU).workload.kill("SIGSTOP");
    });
    expect(judge(after)).toEqual(AS_PLANNED);
  }, 60_000);

  it("loses no request when only the workloads behind a gateway die", async () => {
    await routeHalfToEurope();
    const { after } = await requestsAround(() => member(EU).workload.kill("SIGKILL"));
    expect(judge(after)).toEqual(AS_PLANNED);
  }, 60_000);

  it("loses no request when only the workloads behind a gateway fall silent", async () => {
    await routeHalfToEurope({ perTryTimeoutMs: 1_500 });
    const { after } = await requestsAround(() => member(EU).workload.kill("SIGSTOP"));
    expect(judge(after)).toEqual(AS_PLANNED);
  }, 60_000);

  it("sends again what no server has seen, whatever its method", async () => {
    await routeHalfToEurope();
    // Answers that were under way in the killed gateway are lost: a POST may not be repeated.
    const { after } = await requestsAround(() => member(EU).site.envoy?.kill("SIGKILL"), "POST");
    expect(failedOf(after).length).toBeLessThan(10);
    expect(judge(after.filter(({ status }) => status === 200))).toEqual(AS_PLANNED);
  }, 60_000);
});

describe("a gateway", () => {
  it("answers 503 when its own cluster has no endpoint, and never sends on to a third", async () => {
    await routeHalfToEurope();
    const { site, workload } = member(US);
    // This cluster's own callers are sent to Europe for half of their requests: the gateway's are not.
    workload.kill("SIGKILL");
    await sleep(300);
    const headers = { "x-weir-service": CHECKOUT, "x-weir-version": "v1" };
    const answers = await Promise.all(Array.from({ length: 50 }, async () => await ask({ ...site.gateway, headers })));

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    expect(answers.at(-1)?.headers["x-weir-unserved"]).toBe("no-endpoint");

    const endpoints = someEndpoints({});
    const plan = aPlan(2, aRouteSet({ cluster: US, weights: { "eu-west/v1": 10_000 }, gateways: GATEWAYS }));
    await site.mesh.apply(plan, { endpoints, signal: AbortSignal.timeout(10_000) });
    expect((await ask({ ...site.gateway, headers })).status).toBe(503);
    expect((await ask({ address: site.address, port: SERVICE_PORT })).name).toBe("eu-west/v1");
  }, 60_000);
});

describe("what the mesh sees of a killed cluster", () => {
  it("is a peer out of reach and a destination without ready endpoints, at once told to whoever listens", async () => {
    await routeHalfToEurope();
    const { mesh } = member(US).site;
    const agent = keepAlive();
    const load = sendLoad(100, async () => await ask({ address: ADDRESSES[US] ?? "", port: SERVICE_PORT, agent }));
    await until("the peer is in reach", () => mesh.peers().some((peer) => peer.cluster === EU && peer.isReachable));
    await until("requests flow", () => load.answers.length >= BEFORE, 30_000);
    const told = new Promise<void>((resolve) => void mesh.onTrouble(resolve));
    member(EU).site.envoy?.kill("SIGKILL");
    await told;
    await until("the peer is out of reach", () =>
      mesh.peers().some((peer) => peer.cluster === EU && !peer.isReachable),
    );

    expect(mesh.peers()).toContainEqual({ cluster: AP, isReachable: true });
    const evidenceOf = (name: string) => [...mesh.evidence()].find(({ cluster }) => cluster === name);
    expect(evidenceOf(EU)?.noReadyEndpointForMs).toBeGreaterThan(0);
    expect(evidenceOf(AP)?.noReadyEndpointForMs).toBe(0);
    // The gateway's health and what became of requests are counted apart: one may be in the report after the other's.
    await until("requests found nobody there", () => (evidenceOf(EU)?.consecutiveConnectFailures ?? 0) > 0);
    await load.stop();
    agent.destroy();
  }, 60_000);
});
