import { describe, expect, it } from "vitest";
import type { ClusterReport, TrafficRow, WorkloadRow } from "../../src/model/report.ts";
import type { DestinationKey } from "../../src/model/destination.ts";
import type { ClusterId, Version } from "../../src/model/ids.ts";
import { measured } from "../../src/planner/measure.ts";
import { observe } from "../../src/planner/observed.ts";
import { mergeReport } from "../../src/wire/merge-report.ts";
import { aSettledFleet, CHECKOUT, cluster } from "./play.ts";

const NOW = 100_000;

function aReport(name: string, change: Partial<ClusterReport> = {}): ClusterReport {
  return {
    cluster: cluster(name),
    uid: `uid-${name}`,
    bootId: "boot",
    sequence: 1,
    receivedAtMs: NOW - 500,
    appliedHashes: {},
    refusals: [],
    traffic: [],
    windowMs: 1_000,
    workloads: [],
    peers: [],
    isStreamOpen: false,
    ...change,
  };
}

function aRow(destination: string, requests: number, change: Partial<TrafficRow> = {}): TrafficRow {
  return { service: CHECKOUT, destination: destination as DestinationKey, requests, failures: 0, ...change };
}

function reportsOf(...reports: readonly ClusterReport[]): ReadonlyMap<ClusterId, ClusterReport> {
  return new Map(reports.map((report) => [report.cluster, report]));
}

const CONTEXT = { atMs: NOW, collectingForMs: 60_000, streams: new Set<ClusterId>() };

describe("observing", () => {
  it("counts what fresh others see of a gateway, and nobody's view of himself", () => {
    const peers = [{ cluster: cluster("eu-west"), isReachable: false }];
    const reports = reportsOf(
      aReport("ap-south", { peers }),
      aReport("eu-west", { peers }),
      aReport("us-east", { peers: [{ cluster: cluster("eu-west"), isReachable: true }] }),
      aReport("ca-west", { peers, receivedAtMs: NOW - 3_000 }),
    );
    expect(observe(reports, CONTEXT).clusters[cluster("eu-west")]).toMatchObject({ peersFailing: 1, peersReaching: 1 });
  });

  it("sees an open stream at any replica", () => {
    const streams = new Set([cluster("eu-west")]);
    const { clusters } = observe(reportsOf(aReport("eu-west"), aReport("us-east")), { ...CONTEXT, streams });
    expect(clusters[cluster("eu-west")]?.isStreamOpen).toBe(true);
    expect(clusters[cluster("us-east")]?.isStreamOpen).toBe(false);
  });

  it("knows a cluster by its stream and by others' views when its reports do not come", () => {
    const peers = [{ cluster: cluster("eu-west"), isReachable: true }];
    const streams = new Set([cluster("ca-west")]);
    const { clusters } = observe(reportsOf(aReport("us-east", { peers })), { ...CONTEXT, streams });
    expect(clusters[cluster("ca-west")]).toMatchObject({ silentForMs: 60_000, isStreamOpen: true });
    expect(clusters[cluster("eu-west")]).toMatchObject({ silentForMs: 60_000, peersReaching: 1 });
  });

  it("turns counts into shares and rates", () => {
    const traffic = [aRow("us-east/v1", 30, { failures: 3 }), aRow("eu-west/v1", 10)];
    const { clusters } = observe(reportsOf(aReport("us-east", { traffic, windowMs: 2_000 })), CONTEXT);
    expect(clusters[cluster("us-east")]?.traffic[CHECKOUT]).toEqual({
      requests: 40,
      failures: 3,
      rps: 20,
      shares: { "eu-west/v1": 0.25, "us-east/v1": 0.75 },
      windowStartedAtMs: NOW - 2_500,
    });
  });

  it("dates a window by its own arrival, not by a later heartbeat's, and counts by its own length", () => {
    const trafficSpans = { [CHECKOUT]: { receivedAtMs: NOW - 9_000, windowMs: 5_000 } };
    const report = aReport("us-east", { traffic: [aRow("us-east/v1", 30)], trafficSpans });
    const { clusters } = observe(reportsOf(report), CONTEXT);
    expect(clusters[cluster("us-east")]?.traffic[CHECKOUT]).toMatchObject({ windowStartedAtMs: NOW - 14_000, rps: 6 });
  });

  it("dates a window as the bus brought it, whatever came after", () => {
    const head = { cluster: cluster("us-east"), uid: "u", bootId: "b" };
    const workloads: WorkloadRow[] = [];
    const window = { kind: "window", ...head, windowMs: 5_000, traffic: [aRow("us-east/v1", 30)], workloads } as const;
    const beat = {
      kind: "heartbeat",
      ...head,
      appliedHashes: {},
      appliedCoverage: "complete",
      isLinked: true,
    } as const;
    const rest = { refusals: [], peers: [], alarms: [], sentAtMs: 0 };
    const first = mergeReport(undefined, { ...window, sequence: 1 }, NOW - 9_000);
    const later = mergeReport(first, { ...beat, ...rest, sequence: 2 }, NOW - 100);
    const { clusters } = observe(reportsOf(later), CONTEXT);
    expect(clusters[cluster("us-east")]?.traffic[CHECKOUT]?.windowStartedAtMs).toBe(NOW - 14_000);
  });

  it("gives the same bytes in whatever order reports came", () => {
    const [a, b] = [aReport("ap-south"), aReport("eu-west")];
    expect(JSON.stringify(observe(reportsOf(a, b), CONTEXT))).toBe(JSON.stringify(observe(reportsOf(b, a), CONTEXT)));
  });
});

describe("measuring demand", () => {
  /** us-east was last recorded at 1000 rps. */
  function fleet() {
    const play = aSettledFleet({}, { demandRps: {} });
    const demandRps = { [CHECKOUT]: { [cluster("us-east")]: 1_000 } };
    play.do({ kind: "observe", observed: play.observed(), measured: { demandRps, reported: {} } });
    return play;
  }

  it.each<[string, number, number | undefined]>([
    ["inside the dead band", 10_400, undefined],
    ["outside the dead band", 11_500, 1_150],
    ["gone", 0, 0],
  ])("%s", (_what, requests, expected) => {
    const play = fleet();
    const reports = reportsOf(aReport("us-east", { traffic: [aRow("us-east/v1", requests)], windowMs: 10_000 }));
    const found = measured(play.state, reports, play);
    expect(found?.demandRps[CHECKOUT]?.[cluster("us-east")]).toBe(expected);
  });

  it("takes the noise of few requests for noise", () => {
    const play = aSettledFleet({}, { demandRps: {} });
    const few = (requests: number) => reportsOf(aReport("us-east", { traffic: [aRow("us-east/v1", requests)] }));
    const demandRps = { [CHECKOUT]: { [cluster("us-east")]: 20 } };
    play.do({ kind: "observe", observed: play.observed(), measured: { demandRps, reported: {} } });
    expect(measured(play.state, few(28), play)).toBeUndefined();
    expect(measured(play.state, few(60), play)?.demandRps[CHECKOUT]).toEqual({ "us-east": 60 });
  });

  it("keeps what is reported of undeclared versions, but not without end", () => {
    const play = aSettledFleet();
    const row = { service: CHECKOUT, readyEndpoints: 1, totalEndpoints: 1 };
    for (let round = 0; round < 3; round += 1) {
      const workloads = Array.from({ length: 600 }, (_, n) => ({ ...row, version: `x${round}-${n}` as Version }));
      const found = measured(play.state, reportsOf(aReport("us-east", { workloads })), play);
      if (found !== undefined) play.do({ kind: "observe", observed: play.observed(), measured: found });
    }
    expect(Object.keys(play.service().reported).length).toBeLessThanOrEqual(1_200);
  });

  it("leaves out what is declared, unknown services and clusters that are no members", () => {
    const play = aSettledFleet();
    const reports = reportsOf(
      aReport("us-east", {
        traffic: [aRow("us-east/v1", 9_999), { ...aRow("a/v1", 99), service: "no/such" as never }],
      }),
      aReport("mars", { traffic: [aRow("us-east/v1", 9_999)] }),
    );
    expect(measured(play.state, reports, play)).toBeUndefined();
  });
});

describe("measuring workloads", () => {
  const row: WorkloadRow = { service: CHECKOUT, version: "v1" as Version, readyEndpoints: 20, totalEndpoints: 20 };

  function after(first: WorkloadRow, then: WorkloadRow) {
    const play = aSettledFleet();
    const before = measured(play.state, reportsOf(aReport("us-east", { workloads: [first] })), play);
    if (before === undefined) throw new Error("the first report counts");
    play.do({ kind: "observe", observed: play.observed(), measured: before });
    return measured(play.state, reportsOf(aReport("us-east", { workloads: [then] })), play);
  }

  it("records the first report, and then what leaves the dead band", () => {
    expect(after(row, row)).toBeUndefined();
    expect(after(row, { ...row, readyEndpoints: 19 })).toBeUndefined();
    expect(after(row, { ...row, readyEndpoints: 5 })?.reported[CHECKOUT]).toEqual({
      "us-east/v1": { readyEndpoints: 5, totalEndpoints: 20 },
    });
    expect(after({ ...row, capacityRps: 100 }, { ...row, capacityRps: 150 })).toBeDefined();
  });

  it("always records the loss of the last endpoint and the return of the first", () => {
    const one = { ...row, readyEndpoints: 1 };
    const none = { ...row, readyEndpoints: 0 };
    expect(after(one, none)?.reported[CHECKOUT]).toEqual({ "us-east/v1": { readyEndpoints: 0, totalEndpoints: 20 } });
    expect(after(none, one)?.reported[CHECKOUT]).toEqual({ "us-east/v1": { readyEndpoints: 1, totalEndpoints: 20 } });
  });
});
