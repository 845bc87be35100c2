import { describe, expect, it } from "vitest";
import {
  DEFAULT_REPORT_POLICY,
  attend,
  count,
  dueServices,
  reported,
  requestsOf,
  utilisationIn,
} from "../../../agents/core/report.ts";
import type { MeshWindow } from "../../../agents/core/ports.ts";
import type { Tallies } from "../../../agents/core/report.ts";
import type { DestinationKey } from "../../../src/model/destination.ts";
import type { ServiceId, Version } from "../../../src/model/ids.ts";
import type { TrafficRow } from "../../../src/model/report.ts";
import { services } from "../plans.ts";

const policy = DEFAULT_REPORT_POLICY;
const EU = "eu-west/v1" as DestinationKey;
const V1 = "v1" as Version;
const [A = "shop/s0" as ServiceId, B = "shop/s1" as ServiceId] = services(2);

function row(service: ServiceId, requests: number, failures = 0): TrafficRow {
  return { service, destination: EU, requests, failures };
}

function counted(tallies: Tallies, rows: readonly TrafficRow[], nowMs: number, all = [A, B]): Tallies {
  return count(tallies, { windowMs: 1_000, traffic: rows, utilisations: [] }, { services: all, nowMs, policy });
}

describe("reports", () => {
  it("add windows up until they are sent", () => {
    const once = counted(new Map(), [row(A, 30, 1)], 1_000);
    const twice = counted(once, [row(A, 20, 2)], 2_000);
    expect(twice.get(A)).toMatchObject({ windowMs: 2_000 });
    expect(twice.get(A)?.rows.get(EU)).toEqual({ service: A, destination: EU, requests: 50, failures: 3 });
    const sent = reported(twice, [A], { nowMs: 2_000, policy });
    expect(sent.get(A)).toMatchObject({ windowMs: 0, wasFailing: true });
    expect(sent.get(B)).toMatchObject({ windowMs: 2_000 });
  });

  it("say once that a service has gone quiet", () => {
    const busy = reported(counted(new Map(), [row(A, 30)], 1_000), [A], { nowMs: 1_000, policy });
    const quiet = counted(busy, [], 16_000);
    expect(dueServices(quiet, { nowMs: 16_000, policy })).toContain(A);
    expect([...(quiet.get(A)?.rows.values() ?? [])]).toEqual([row(A, 0)]);
    const after = reported(quiet, [A], { nowMs: 16_000, policy });
    expect(counted(after, [], 31_000).get(A)?.rows).toEqual(new Map());
  });

  it("average medians by requests and keep the worst tail", () => {
    const slow = { ...row(A, 300), latencyP50Ms: 10, latencyP99Ms: 90 };
    const quick = { ...row(A, 100), latencyP50Ms: 2, latencyP99Ms: 20 };
    const tallies = counted(counted(new Map(), [slow], 1), [quick], 2);
    expect(tallies.get(A)?.rows.get(EU)).toMatchObject({ latencyP50Ms: 8, latencyP99Ms: 90 });
  });

  it("average how busy a version is by time, and tell only what was said", () => {
    const said = (utilisation: number, overMs: number, beganAgoMs = overMs) => ({
      windowMs: 1_000,
      traffic: [],
      utilisations: [{ service: A, version: V1, utilisation, overMs, beganAgoMs }],
    });
    const hear = (tallies: Tallies, window: MeshWindow, nowMs: number) =>
      count(tallies, window, { services: [A, B], nowMs, policy });
    const shareOf = (tallies: Tallies, service = A) => {
      const tally = tallies.get(service);
      return tally === undefined ? undefined : utilisationIn(tally, V1);
    };
    const tallies = hear(hear(new Map(), said(0.2, 3_000), 1_000), said(0.6, 1_000), 2_000);
    expect(shareOf(tallies)).toBeCloseTo(0.3);
    expect(shareOf(tallies, B)).toBeUndefined();
    const next = reported(tallies, [A], { nowMs: 2_000, policy });
    expect(shareOf(next)).toBeUndefined();

    // Routes change at 2 s: what is said of a time that began before is of other requests.
    const changed = attend(next, [A], { nowMs: 2_000, policy });
    const mixed = hear(changed, said(0.9, 1_000), 2_500);
    expect(shareOf(mixed)).toBeUndefined();
    const sent = reported(mixed, [A], { nowMs: 2_500, policy });
    expect(shareOf(hear(sent, said(0.9, 1_000, 1_200), 3_000))).toBeUndefined();
    expect(shareOf(hear(sent, said(0.4, 1_000), 3_000))).toBeCloseTo(0.4);
  });

  it("come before their turn of a service that has no callers here, once enough is said of how busy it is", () => {
    const busyFor = (overMs: number) => ({
      windowMs: 1_000,
      traffic: [],
      utilisations: [{ service: A, version: V1, utilisation: 0.5, overMs, beganAgoMs: overMs }],
    });
    const some = count(new Map(), busyFor(4_999), { services: [A, B], nowMs: 1_000, policy });
    expect(dueServices(some, { nowMs: 1_000, policy })).toEqual([]);
    const enough = count(some, busyFor(1), { services: [A, B], nowMs: 2_000, policy });
    expect(dueServices(enough, { nowMs: 2_000, policy })).toEqual([A]);
  });

  it("bring every service in turn within 15 s, never all at once", () => {
    const many = services(600);
    let tallies: Tallies = new Map();
    const sizes: number[] = [];
    const seen = new Set<ServiceId>();
    for (let nowMs = 1_000; nowMs <= 16_000; nowMs += 1_000) {
      tallies = counted(tallies, [], nowMs, [...many]);
      const due = dueServices(tallies, { nowMs, policy });
      for (const service of due) seen.add(service);
      sizes.push(due.length);
      tallies = reported(tallies, due, { nowMs, policy });
    }
    expect(seen.size).toBe(600);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(50);
  });

  it("say at once when failures begin, and not again at every tick while they last", () => {
    const broken = counted(new Map(), [row(A, 5, 1)], 1_000);
    expect(dueServices(broken, { nowMs: 1_000, policy })).toEqual([A]);
    const next = counted(reported(broken, [A], { nowMs: 1_000, policy }), [row(A, 5, 1)], 2_000);
    expect(dueServices(next, { nowMs: 2_000, policy })).toEqual([]);
  });

  it("watch a service closely after its routes changed, as soon as there is enough to see", () => {
    const many = services(100);
    const start = counted(new Map(), [], 0, [...many]);
    const watched = attend(start, [A], { nowMs: 0, policy });
    const few = counted(watched, [row(A, 99), row(B, 100)], 500, [...many]);
    expect(dueServices(few, { nowMs: 100, policy })).toEqual([]);
    const enough = counted(few, [row(A, 1)], 600, [...many]);
    expect(dueServices(enough, { nowMs: 100, policy })).toEqual([A]);
    expect(requestsOf(enough.get(A) ?? { rows: new Map() })).toBe(100);
  });
});
