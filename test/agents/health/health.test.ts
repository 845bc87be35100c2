import { describe, expect, it, onTestFinished } from "vitest";
import { DEFAULT_REPORT_POLICY } from "../../../agents/core/report.ts";
import type { AgentStatus, LocalEndpoints } from "../../../agents/core/ports.ts";
import { Health } from "../../../agents/health/health.ts";
import { MemoryMesh } from "../../../agents/mesh/memory/mesh.ts";
import type { ClusterId, ServiceId } from "../../../src/model/ids.ts";
import { mergeReport } from "../../../src/wire/merge-report.ts";
import type { ClusterReport } from "../../../src/model/report.ts";
import { decodeHeartbeat, decodeWindow } from "../../../src/wire/report.ts";
import type { HeartbeatPart, WindowPart } from "../../../src/wire/report.ts";
import { CHECKOUT, OWN, aHolding, at, services, stored } from "../plans.ts";
import { until } from "../io/folders.ts";

interface Rig {
  readonly health: Health;
  readonly mesh: MemoryMesh;
  readonly sent: (HeartbeatPart | WindowPart)[];
  readonly largest: () => number;
  /** What a planner makes of all that was sent. */
  report(): ClusterReport;
  advance(ms: number): void;
}

/** Health of an agent with these services, on a clock that the test moves. */
async function aRig(all: readonly ServiceId[], status: Partial<AgentStatus> = {}, coalesceMs = 20): Promise<Rig> {
  let nowMs = 1_000;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const mesh = new MemoryMesh(clock);
  const plan = aHolding(
    5,
    all.map((service) => stored({ service })),
  );
  const { hashes } = await mesh.apply(plan, { endpoints: new Map(), signal: new AbortController().signal });
  const sent: (HeartbeatPart | WindowPart)[] = [];
  let largest = 0;
  let report: ClusterReport | undefined;
  const health = new Health({
    reporter: { cluster: OWN, uid: "uid-1", bootId: "boot-1" },
    mesh,
    status: () => ({ applied: at(5), appliedHashes: hashes, refusals: [], alarms: [], isLinked: true, ...status }),
    publish: (kind, bytes) => {
      largest = Math.max(largest, bytes.length);
      const read = kind === "heartbeat" ? decodeHeartbeat(bytes, OWN) : decodeWindow(bytes, OWN);
      if (!read.ok) throw new Error(`the planner would refuse it: ${read.refusal.code} ${read.refusal.message}`);
      sent.push(read.value);
      report = mergeReport(report, read.value, nowMs);
    },
    clock,
    policy: DEFAULT_REPORT_POLICY,
    timing: { tickMs: 60_000, coalesceMs },
  });
  onTestFinished(() => health.stop());
  return {
    health,
    mesh,
    sent,
    largest: () => largest,
    report: () => report as ClusterReport,
    advance: (ms) => (nowMs += ms),
  };
}

const heartbeats = ({ sent }: Rig) => sent.filter((part) => part.kind === "heartbeat");
const windows = ({ sent }: Rig) => sent.filter((part) => part.kind === "window");

describe("health reports", () => {
  it("say everything about the agent in words that the planner takes", async () => {
    const fallback = { lostCluster: "eu-west" as ClusterId, sinceMs: 1_000, evidence: "5 connects failed" };
    const refusals = [{ service: CHECKOUT, hash: "ab".repeat(32), code: "MESH_REJECTED", detail: "no\nway" }];
    const rig = await aRig([CHECKOUT], { fallback, refusals, alarms: ["LKG_INVALID: x"] });
    rig.mesh.setPeers([{ cluster: "eu-west" as ClusterId, isReachable: false }]);
    rig.health.tick();
    expect(heartbeats(rig)[0]).toMatchObject({
      cluster: OWN,
      uid: "uid-1",
      bootId: "boot-1",
      sequence: 1,
      applied: at(5),
      appliedHashes: { [CHECKOUT]: stored().hash },
      appliedCoverage: "complete",
      refusals,
      fallback,
      alarms: ["LKG_INVALID: x"],
      peers: [{ cluster: "eu-west", isReachable: false }],
      isLinked: true,
    });
  });

  it("count up over heartbeats and windows alike", async () => {
    const rig = await aRig([CHECKOUT]);
    for (let tick = 0; tick < 3; tick += 1) {
      rig.advance(1_000);
      rig.mesh.send(CHECKOUT, 200);
      rig.health.tick();
    }
    expect(rig.sent.map(({ sequence }) => sequence)).toEqual(rig.sent.map((_, index) => index + 1));
    expect(windows(rig).length).toBeGreaterThan(0);
  });

  it("lose and double no request on the way", async () => {
    const all = services(200);
    const rig = await aRig(all);
    for (let tick = 0; tick < 40; tick += 1) {
      rig.advance(1_000);
      for (const service of all) rig.mesh.send(service, 7);
      if (tick === 20) rig.health.routesChanged(all.slice(0, 10));
      rig.health.tick();
    }
    rig.advance(1_000);
    rig.health.routesChanged(all);
    const rows = windows(rig).flatMap((part) => part.traffic);
    expect(rows.reduce((sum, { requests }) => sum + requests, 0)).toBe(40 * 200 * 7);
  });

  it("bring a thousand services within 15 s, in parts that the bus takes", async () => {
    const all = services(1_000);
    const rig = await aRig(all);
    for (let tick = 0; tick < 15; tick += 1) {
      rig.advance(1_000);
      for (const service of all) rig.mesh.send(service, 3);
      rig.health.tick();
    }
    const { appliedHashes, traffic } = rig.report();
    expect(Object.keys(appliedHashes)).toHaveLength(1_000);
    expect(new Set(traffic.map(({ service }) => service)).size).toBe(1_000);
    expect(rig.largest()).toBeLessThanOrEqual(48 * 1024);
  });

  it("start a service's window anew when its routes change, and report it as soon as there is enough", async () => {
    const all = services(100);
    const rig = await aRig(all);
    const [moved = CHECKOUT] = all;
    rig.advance(10_000);
    rig.mesh.send(moved, 500);
    rig.health.routesChanged([moved]);
    rig.advance(1_000);
    rig.mesh.send(moved, 150);
    rig.health.tick();
    const rows = windows(rig).filter(({ traffic }) => traffic.some(({ service }) => service === moved));
    expect(rows.map(({ windowMs }) => windowMs)).toEqual([10_000, 1_000]);
    expect(rows.map(({ traffic }) => traffic.find(({ service }) => service === moved)?.requests)).toEqual([500, 150]);
  });

  it("tell of local workloads that come and go, even where nothing is routed yet", async () => {
    const rig = await aRig([]);
    const endpoints: LocalEndpoints = new Map([
      [CHECKOUT, new Map([["v1", [{ address: "a", port: 1, capacityRps: 9 }]]])],
    ]);
    const signal = new AbortController().signal;
    rig.advance(100);
    await rig.mesh.apply(aHolding(5, []), { endpoints, signal });
    rig.health.tick();
    expect(rig.report().workloads).toEqual([
      { service: CHECKOUT, version: "v1", readyEndpoints: 1, totalEndpoints: 1, capacityRps: 9 },
    ]);
    rig.advance(100);
    await rig.mesh.apply(aHolding(5, []), { endpoints: new Map([[CHECKOUT, new Map([["v1", []]])]]), signal });
    rig.health.tick();
    expect(rig.report().workloads).toMatchObject([{ readyEndpoints: 0 }]);
  });

  it("speak at once when something breaks, and once however much does", async () => {
    const rig = await aRig([CHECKOUT]);
    for (let index = 0; index < 50; index += 1) rig.health.alert();
    expect(rig.sent).toHaveLength(0);
    await until("the heartbeat", () => heartbeats(rig).length > 0);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(heartbeats(rig)).toHaveLength(1);
  });
});
