import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HeartbeatSchema, WindowSchema } from "../../proto/gen/weir/v1/health_pb.ts";
import type { DestinationKey } from "../../src/model/destination.ts";
import type { ClusterId, ServiceId, Version } from "../../src/model/ids.ts";
import { ROWS_KEPT_MS, mergeReport } from "../../src/wire/merge-report.ts";
import { REPORT_BYTES_MAX, decodeHeartbeat, decodeWindow } from "../../src/wire/report.ts";
import type { HeartbeatPart, WindowPart } from "../../src/wire/report.ts";
import { encodeHeartbeat, encodeWindow, splitWindow } from "../../src/wire/report-bytes.ts";
import { position, sequence } from "./arbitrary.ts";

const WEST = "eu-west" as ClusterId;
const SHOP = "shop/checkout" as ServiceId;
const CART = "shop/cart" as ServiceId;
const KEY = "eu-west/v1" as DestinationKey;

const HEAD = { cluster: WEST, uid: "uid-1", bootId: "boot-1", sequence: 1 };

function aHeartbeat(changes: Partial<HeartbeatPart> = {}): HeartbeatPart {
  const empty = { appliedHashes: {}, refusals: [], peers: [], alarms: [] };
  return { kind: "heartbeat", ...HEAD, sentAtMs: 5, appliedCoverage: "complete", ...empty, isLinked: true, ...changes };
}

function aWindow(changes: Partial<WindowPart> = {}): WindowPart {
  const traffic = [{ service: SHOP, destination: KEY, requests: 10, failures: 1 }];
  return { kind: "window", ...HEAD, windowMs: 1_000, traffic, workloads: [], ...changes };
}

describe("a report", () => {
  it("of any valid content comes back as it was sent", () => {
    const hash = "ab".repeat(32);
    fc.assert(
      fc.property(position, sequence, (applied, count) => {
        const part = aHeartbeat({
          sequence: count,
          applied,
          appliedHashes: { [SHOP]: hash },
          appliedCoverage: "part",
          refusals: [{ service: SHOP, hash, code: "MESH_REJECTED", detail: "line\nbreak" }],
          fallback: { lostCluster: "us-east" as ClusterId, sinceMs: 4, evidence: "3 connect failures" },
          peers: [{ cluster: "us-east" as ClusterId, isReachable: false }],
          alarms: ["LKG_INVALID"],
        });
        expect(decodeHeartbeat(encodeHeartbeat(part), WEST)).toEqual({ ok: true, value: part });
        const window = aWindow({
          sequence: count,
          traffic: [{ service: SHOP, destination: KEY, requests: count, failures: 0, latencyP99Ms: 2.5 }],
          workloads: [
            { service: SHOP, version: "v1" as Version, readyEndpoints: 2, totalEndpoints: 3, capacityRps: 9.5 },
          ],
        });
        expect(decodeWindow(encodeWindow(window), WEST)).toEqual({ ok: true, value: window });
      }),
    );
  });

  it("that is cut anywhere, or is random bytes, is dropped and never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const read = decodeHeartbeat(bytes, WEST);
        expect(read.ok ? "ok" : read.refusal.code).toMatch(/^REPORT_|^IDENTITY_/);
      }),
    );
  });

  it("of 1.1 MB is dropped before it is decoded", () => {
    const read = decodeWindow(new Uint8Array(1_100_000), WEST);
    expect(read).toMatchObject({
      refusal: { code: "REPORT_INVALID", message: expect.stringContaining("1100000") as string },
    });
    expect(REPORT_BYTES_MAX).toBeLessThan(1_100_000);
  });

  it("that names another cluster than its subject is dropped", () => {
    const read = decodeHeartbeat(encodeHeartbeat(aHeartbeat()), "us-east" as ClusterId);
    expect(read).toMatchObject({ refusal: { code: "IDENTITY_MISMATCH", field: "cluster" } });
  });

  it("with a clock an hour off, or of 1970, is read: time never orders anything", () => {
    for (const sentAtMs of [0, -3_600_000, 9e15]) {
      expect(decodeHeartbeat(encodeHeartbeat(aHeartbeat({ sentAtMs })), WEST)).toMatchObject({
        ok: true,
        value: { sentAtMs },
      });
    }
  });
});

describe("decodeWindow", () => {
  const destination = { cluster: "eu-west", version: "v1" };
  const row = { service: "shop/checkout", destination, requests: 10n };
  const load = { service: "shop/checkout", version: "v1", readyEndpoints: 1, totalEndpoints: 1 };

  function windowBytes(changes: MessageInitShape<typeof WindowSchema>): Uint8Array {
    const head = { cluster: "eu-west", clusterUid: "u", bootId: "b", sequence: 1n, windowMs: 1_000 };
    return toBinary(WindowSchema, create(WindowSchema, { ...head, ...changes }));
  }

  it.each<[string, MessageInitShape<typeof WindowSchema>, string, string]>([
    ["more failures than requests", { traffic: [{ ...row, failures: 11n }] }, "REPORT_RANGE", "traffic[0].failures"],
    [
      "more requests than a double holds",
      { traffic: [{ ...row, requests: 2n ** 64n - 1n }] },
      "REPORT_RANGE",
      "traffic[0].requests",
    ],
    [
      "a latency that is no number",
      { traffic: [{ ...row, latencyP50Ms: Number.NaN }] },
      "REPORT_RANGE",
      "traffic[0].latency_p50_ms",
    ],
    ["a negative latency", { traffic: [{ ...row, latencyP99Ms: -1 }] }, "REPORT_RANGE", "traffic[0].latency_p99_ms"],
    [
      "a utilisation of 101 %",
      { workloads: [{ ...load, utilisation: 1.01 }] },
      "REPORT_RANGE",
      "workloads[0].utilisation",
    ],
    ["a utilisation of -1", { workloads: [{ ...load, utilisation: -1 }] }, "REPORT_RANGE", "workloads[0].utilisation"],
    [
      "10^9 endpoints",
      { workloads: [{ ...load, totalEndpoints: 1e9 }] },
      "REPORT_RANGE",
      "workloads[0].total_endpoints",
    ],
    [
      "more ready endpoints than there are",
      { workloads: [{ ...load, readyEndpoints: 2 }] },
      "REPORT_RANGE",
      "workloads[0].ready_endpoints",
    ],
    [
      "an infinite capacity",
      { workloads: [{ ...load, capacityRps: Number.POSITIVE_INFINITY }] },
      "REPORT_RANGE",
      "workloads[0].capacity_rps",
    ],
    ["a window without length", { windowMs: 0 }, "REPORT_RANGE", "window_ms"],
    ["a sequence above 2^53", { sequence: 2n ** 53n }, "REPORT_RANGE", "sequence"],
    ["a service that is no name", { traffic: [{ ...row, service: "*" }] }, "REPORT_INVALID", "traffic[0].service"],
    ["a row without destination", { traffic: [{ service: "a/b" }] }, "REPORT_INVALID", "traffic[0].destination"],
    ["no boot id", { bootId: "" }, "REPORT_INVALID", "boot_id"],
  ])("refuses %s", (_, changes, code, field) => {
    expect(decodeWindow(windowBytes(changes), WEST)).toMatchObject({ ok: false, refusal: { code, field } });
  });

  it("adds up callers and classes, and keeps the worst latency", () => {
    const bytes = windowBytes({
      traffic: [
        { ...row, caller: "shop/web", failures: 1n, latencyP99Ms: 5 },
        { ...row, caller: "", latencyP99Ms: 9 },
      ],
    });
    expect(decodeWindow(bytes, WEST)).toMatchObject({
      value: { traffic: [{ requests: 20, failures: 1, latencyP99Ms: 9 }] },
    });
  });

  it("reads utilisation, and averages means by their requests", () => {
    const workload = { service: "shop/cart", version: "v1", readyEndpoints: 2, totalEndpoints: 2, utilisation: 0.4 };
    const { utilisation: _none, ...silent } = workload;
    const bytes = windowBytes({
      traffic: [
        { ...row, caller: "shop/web", requests: 30n, latencyMeanMs: 10 },
        { ...row, caller: "", requests: 10n, latencyMeanMs: 50 },
      ],
      workloads: [workload, { ...silent, version: "v2" }],
    });
    const read = decodeWindow(bytes, WEST);
    expect(read).toMatchObject({ value: { traffic: [{ requests: 40, latencyMeanMs: 20 }] } });
    expect(read.ok && read.value.workloads.map((one) => one.utilisation)).toEqual([0.4, undefined]);
  });
});

describe("decodeHeartbeat", () => {
  it("refuses a hash that is none", () => {
    const init = {
      cluster: "eu-west",
      clusterUid: "u",
      bootId: "b",
      appliedRouteSets: [{ service: "a/b", hash: new Uint8Array(3) }],
    };
    const read = decodeHeartbeat(toBinary(HeartbeatSchema, create(HeartbeatSchema, init)), WEST);
    expect(read).toMatchObject({ refusal: { code: "REPORT_INVALID", field: "applied_route_sets[0].hash" } });
  });
});

describe("mergeReport", () => {
  it("ignores what is not newer within one boot", () => {
    const first = mergeReport(undefined, aHeartbeat({ sequence: 5 }), 100);
    expect(mergeReport(first, aHeartbeat({ sequence: 5, alarms: ["X"] }), 200)).toBe(first);
    expect(mergeReport(first, aWindow({ sequence: 4 }), 200)).toBe(first);
    expect(mergeReport(first, aWindow({ sequence: 6 }), 200)).toMatchObject({ sequence: 6, receivedAtMs: 200 });
  });

  it("starts counting anew when the agent started anew", () => {
    const first = mergeReport(undefined, aHeartbeat({ sequence: 500 }), 100);
    const next = mergeReport(first, aHeartbeat({ sequence: 1, bootId: "boot-2" }), 200);
    expect(next).toMatchObject({ bootId: "boot-2", sequence: 1 });
  });

  it("keeps rows over heartbeats with the window that they were counted in", () => {
    const counted = mergeReport(undefined, aWindow(), 100);
    const later = mergeReport(counted, aHeartbeat({ sequence: 2 }), 5_000);
    expect(later).toMatchObject({ traffic: aWindow().traffic, receivedAtMs: 5_000 });
    expect(later.trafficSpans).toEqual({ [SHOP]: { windowMs: 1_000, receivedAtMs: 100 } });
  });

  it("dates workloads that come without any traffic", () => {
    const workloads = [{ service: CART, version: "v1" as Version, readyEndpoints: 1, totalEndpoints: 1 }];
    const first = mergeReport(undefined, aWindow({ workloads, traffic: [] }), 100);
    const later = mergeReport(first, aWindow({ sequence: 2 }), 5_000);
    expect(later.workloadSpans?.[CART]).toEqual({ windowMs: 1_000, receivedAtMs: 100 });
  });

  it("replaces rows service by service and forgets those that nobody counts any more", () => {
    const cart = [{ service: CART, destination: KEY, requests: 3, failures: 0 }];
    const first = mergeReport(undefined, aWindow(), 0);
    const both = mergeReport(first, aWindow({ sequence: 2, traffic: cart }), 10);
    expect(both.traffic).toEqual([...aWindow().traffic, ...cart]);
    const later = mergeReport(both, aWindow({ sequence: 3, traffic: cart }), ROWS_KEPT_MS + 5);
    expect(later.traffic).toEqual(cart);
    expect(Object.keys(later.trafficSpans ?? {})).toEqual([CART]);
  });

  it("adds hashes that come in parts and replaces those that come whole", () => {
    const first = mergeReport(undefined, aHeartbeat({ appliedHashes: { [SHOP]: "aa" } }), 0);
    const part = aHeartbeat({ sequence: 2, appliedHashes: { [CART]: "bb" }, appliedCoverage: "part" });
    const both = mergeReport(first, part, 1);
    expect(both.appliedHashes).toEqual({ [SHOP]: "aa", [CART]: "bb" });
    const whole = mergeReport(both, aHeartbeat({ sequence: 3, appliedHashes: { [CART]: "cc" } }), 2);
    expect(whole.appliedHashes).toEqual({ [CART]: "cc" });
  });

  it("ends a fallback when a heartbeat says nothing of it", () => {
    const fallback = { lostCluster: WEST, sinceMs: 1, evidence: "e" };
    const on = mergeReport(undefined, aHeartbeat({ fallback }), 0);
    expect(on.fallback).toEqual(fallback);
    expect(mergeReport(on, aHeartbeat({ sequence: 2 }), 1)).not.toHaveProperty("fallback");
  });
});

describe("splitWindow", () => {
  it("cuts many services into messages of at most 48 KiB and loses no row", () => {
    const traffic = Array.from({ length: 2_000 }, (_, index) => ({
      service: `${"n".repeat(63)}/s${index}` as ServiceId,
      destination: `${"c".repeat(63)}/${"v".repeat(63)}` as DestinationKey,
      requests: Number.MAX_SAFE_INTEGER,
      failures: Number.MAX_SAFE_INTEGER,
      latencyMeanMs: 1.5,
      latencyP50Ms: 1.1,
      latencyP99Ms: 2.2,
    }));
    const parts = splitWindow({ traffic, workloads: [] });
    const bytes = parts.map((part) => encodeWindow(aWindow(part)).length);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(48 * 1_024);
    expect(new Set(parts.flatMap((part) => part.traffic))).toEqual(new Set(traffic));
  });

  it("keeps a service's rows in one message, and makes one even of nothing", () => {
    const rows = { traffic: [...aWindow().traffic], workloads: [] };
    expect(splitWindow(rows)).toMatchObject([rows]);
    expect(splitWindow({ traffic: [], workloads: [] })).toEqual([{ traffic: [], workloads: [] }]);
  });
});
