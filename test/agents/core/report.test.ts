import { describe, expect, it } from "vitest";
import {
  DEFAULT_REPORT_POLICY,
  attend,
  count,
  dueServices,
  reported,
  requestsOf,
} from "../../../agents/core/report.ts";
import type { Tallies } from "../../../agents/core/report.ts";
import type { DestinationKey } from "../../../src/model/destination.ts";
import type { ServiceId } from "../../../src/model/ids.ts";
import type { TrafficRow } from "../../../src/model/report.ts";
import { services } from "../plans.ts";

const policy = DEFAULT_REPORT_POLICY;
const EU = "eu-west/v1" as DestinationKey;
const [A = "shop/s0" as ServiceId, B = "shop/s1" as ServiceId] = services(2);

function row(service: ServiceId, requests: number, failures = 0): TrafficRow {
  return { service, destination: EU, requests, failures };
}

function counted(tallies: Tallies, rows: readonly TrafficRow[], nowMs: number, all = [A, B]): Tallies {
  return count(tallies, { windowMs: 1_000, traffic: rows }, { services: all, nowMs, policy });
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
    expect(
      requestsOf(enough.get(A) ?? { rows: new Map(), windowMs: 0, dueAtMs: 0, attentionUntilMs: 0, wasFailing: false }),
    ).toBe(100);
  });
});
