import { describe, expect, it } from "vitest";
import type { Sample } from "../../../../agents/mesh/envoy/counters.ts";
import { readStatistic } from "../../../../agents/mesh/envoy/statistics.ts";
import { createTally } from "../../../../agents/mesh/envoy/tally.ts";
import { createView } from "../../../../agents/mesh/envoy/view.ts";
import { CHECKOUT, EU, US, aRouteSet, someEndpoints } from "./fleet/plans.ts";

const EU_CLUSTER = "cluster.out/shop/checkout/eu-west/v1";
const US_CLUSTER = "cluster.out/shop/checkout/us-east/v1";

function aSample(name: string, value: number, quantiles: readonly (readonly [number, number])[] = []): Sample {
  const statistic = readStatistic(name);
  if (statistic === undefined) throw new Error(`not a statistic: ${name}`);
  return { name, statistic, value, quantiles: new Map(quantiles) };
}

const served = (envoyCluster: string, by: string, count: number, failures = 0): readonly Sample[] => [
  aSample(`${envoyCluster}.zone.us-east.${by}.upstream_rq_completed`, count),
  aSample(`${envoyCluster}.zone.us-east.${by}.upstream_rq_5xx`, failures),
  aSample(`${envoyCluster}.zone.us-east.${by}.upstream_rq_time`, 0, [
    [0.5, 3],
    [0.99, 20],
  ]),
];

/** A view of us-east, which sends half of its requests to eu-west, at a time that the test sets. */
function aView() {
  const state = { now: 1_000, troubles: 0 };
  const clock = () => state.now;
  const tally = createTally(clock);
  const view = createView({ cluster: US, clock, tally, onTrouble: () => void (state.troubles += 1) });
  const weights = { "eu-west/v1": 5_000, "us-east/v1": 5_000 };
  const gateways = { [EU]: { address: "10.0.1.1", port: 15_443 } };
  view.show({
    routeSets: [aRouteSet({ cluster: US, weights, gateways })],
    endpoints: someEndpoints({ [CHECKOUT]: { v1: [{ address: "10.1.0.4", port: 8_000, capacityRps: 50 }] } }),
  });
  const evidence = (cluster: string) => [...view.evidence()].find((row) => row.cluster === cluster);
  return { state, tally, view, evidence };
}

describe("the view's traffic", () => {
  it("counts requests by who served them, failed over or not", () => {
    const { view, tally, state } = aView();
    state.now += 500;
    view.see("envoy", [...served(EU_CLUSTER, "eu-west/v1", 6, 1), ...served(EU_CLUSTER, "us-east/v1", 4)]);
    view.see("envoy", served(US_CLUSTER, "us-east/v1", 10));
    const latency = { latencyP50Ms: 3, latencyP99Ms: 20 };
    expect(tally.take()).toEqual({
      windowMs: 500,
      traffic: [
        { service: CHECKOUT, destination: "eu-west/v1", requests: 6, failures: 1, ...latency },
        { service: CHECKOUT, destination: "us-east/v1", requests: 14, failures: 0, ...latency },
      ],
    });
  });

  it("adds means up by the requests that they are of", () => {
    const { view, tally } = aView();
    const timed = (requests: number, mean: number) =>
      served(US_CLUSTER, "us-east/v1", requests).map((sample) =>
        sample.quantiles.size === 0 ? sample : { ...sample, mean },
      );
    view.see("envoy", timed(10, 5));
    view.see("envoy", timed(30, 9));
    expect(tally.take().traffic).toMatchObject([{ requests: 40, latencyMeanMs: 8 }]);
  });

  it("counts answers from nobody as failures of the destination that was meant", () => {
    const { view, tally } = aView();
    view.see("envoy", [...served(EU_CLUSTER, "us-east/v1", 4), aSample(`${EU_CLUSTER}.upstream_rq_completed`, 7)]);
    expect(tally.take().traffic).toMatchObject([
      { destination: "eu-west/v1", requests: 3, failures: 3 },
      { destination: "us-east/v1", requests: 4, failures: 0 },
    ]);
  });

  it("ends windows when reports were written, however late they are read", () => {
    const { view, tally, state } = aView();
    state.now = 3_700;
    view.see("envoy", served(US_CLUSTER, "us-east/v1", 9), 2_000);
    view.see("envoy", served(US_CLUSTER, "us-east/v1", 9), 3_000);
    expect(tally.take()).toMatchObject({ windowMs: 2_000, traffic: [{ requests: 18 }] });
  });

  it("counts requests when they begin, so that an overloaded destination's demand does not look like what it answers", () => {
    const { view, tally } = aView();
    const underWay = (change: number) => [
      aSample(`${US_CLUSTER}.upstream_rq_active`, change),
      aSample(`${US_CLUSTER}.upstream_rq_pending_active`, 0),
    ];
    view.see("envoy", [...served(US_CLUSTER, "us-east/v1", 10), ...underWay(5)]);
    view.see("envoy", [...served(US_CLUSTER, "us-east/v1", 10), ...underWay(5)]);
    expect(tally.take().traffic).toMatchObject([{ destination: "us-east/v1", requests: 30, failures: 0 }]);
    view.see("envoy", underWay(7));
    expect(tally.take().traffic).toMatchObject([{ destination: "us-east/v1", requests: 7 }]);
    view.see("envoy", [...served(US_CLUSTER, "us-east/v1", 17, 2), ...underWay(-17)]);
    expect(tally.take().traffic).toMatchObject([{ destination: "us-east/v1", requests: 2, failures: 2 }]);
    // Two of the 17 were counted twice: the next ones are fewer by that.
    view.see("envoy", served(US_CLUSTER, "us-east/v1", 5));
    expect(tally.take().traffic).toMatchObject([{ destination: "us-east/v1", requests: 3 }]);
  });

  it("ends windows with the proxies' reports, so that none is cut in two", () => {
    const { view, tally, state } = aView();
    state.now += 900;
    view.see("envoy", served(US_CLUSTER, "us-east/v1", 9));
    state.now += 100;
    expect(tally.take().windowMs).toBe(900);
    expect(tally.take()).toEqual({ windowMs: 0, traffic: [] });
    state.now += 800;
    view.see("envoy", served(US_CLUSTER, "us-east/v1", 9));
    expect(tally.take().windowMs).toBe(900);
  });
});

describe("the view's evidence", () => {
  it("counts failures since the last success", () => {
    const { view, evidence, state } = aView();
    const failed = aSample(`${EU_CLUSTER}.upstream_cx_connect_fail`, 2);
    view.see("envoy", [failed, aSample(`${EU_CLUSTER}.upstream_rq_per_try_timeout`, 1)]);
    view.see("envoy", [failed]);
    expect(evidence(EU)).toMatchObject({ consecutiveConnectFailures: 5, noReadyEndpointForMs: 0 });
    expect(state.troubles).toBe(2);
    view.see("envoy", served(EU_CLUSTER, "eu-west/v1", 1));
    state.now += 40;
    expect(evidence(EU)).toMatchObject({ consecutiveConnectFailures: 0, answeredAgoMs: 40 });
    expect(evidence(US)?.consecutiveConnectFailures).toBe(0);
  });

  it("does not take the success of a stand-in for one of the destination", () => {
    const { view, evidence } = aView();
    view.see("envoy", [aSample(`${EU_CLUSTER}.upstream_cx_connect_fail`, 2), ...served(EU_CLUSTER, "us-east/v1", 50)]);
    expect(evidence(EU)?.consecutiveConnectFailures).toBe(2);
  });

  it("says for how long a gateway has been out of reach, and tells at once", () => {
    const { view, evidence, state } = aView();
    view.see("envoy", [aSample("cluster.peer/eu-west.membership_healthy", 1)]);
    expect(view.peers()).toEqual([{ cluster: EU, isReachable: true }]);
    expect(state.troubles).toBe(0);
    view.see("envoy", [aSample("cluster.peer/eu-west.membership_healthy", 0)]);
    expect(state.troubles).toBe(1);
    state.now += 700;
    expect(evidence(EU)?.noReadyEndpointForMs).toBe(700);
    expect(view.peers()).toEqual([{ cluster: EU, isReachable: false }]);
    view.see("envoy", [aSample("cluster.peer/eu-west.membership_healthy", 1)]);
    expect(evidence(EU)?.noReadyEndpointForMs).toBe(0);
  });

  it("believes the Envoy that sees most, and none that is gone", () => {
    const { view, evidence } = aView();
    view.see("a", [aSample("cluster.peer/eu-west.membership_healthy", 0)]);
    view.see("b", [aSample("cluster.peer/eu-west.membership_healthy", 1)]);
    expect(view.peers()).toEqual([{ cluster: EU, isReachable: true }]);
    expect(evidence(EU)?.noReadyEndpointForMs).toBe(0);
    view.lose("a");
    view.lose("b");
    expect(view.peers()).toEqual([]);
  });
});

describe("the view's workloads", () => {
  it("shows what the inventory lists and how much of it answers", () => {
    const { view } = aView();
    const row = { service: CHECKOUT, version: "v1", totalEndpoints: 1, capacityRps: 50 };
    expect(view.workloads()).toEqual([{ ...row, readyEndpoints: 1 }]);
    view.see("envoy", [aSample("cluster.in/shop/checkout/v1.membership_healthy", 0)]);
    expect(view.workloads()).toEqual([{ ...row, readyEndpoints: 0 }]);
  });
});
