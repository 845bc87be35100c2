import { describe, expect, it } from "vitest";
import { createCounters } from "../../../../agents/mesh/envoy/counters.ts";
import { STATISTICS_WANTED, readStatistic } from "../../../../agents/mesh/envoy/statistics.ts";

const COMPLETED = "cluster.out/shop/checkout/eu-west/v1.zone.us-east.ap-south/v1.upstream_rq_completed";

const NONE: ReadonlyMap<number, number> = new Map();
const counter = (name: string, value: number) => ({ name, isCounter: true, value, quantiles: NONE });
const gauge = (name: string, value: number) => ({ name, isCounter: false, value, quantiles: NONE });

const ACTIVE = "cluster.out/shop/checkout/eu-west/v1.upstream_rq_active";

describe("readStatistic", () => {
  it("reads who was meant and who served from a statistic by zone", () => {
    expect(readStatistic(COMPLETED)).toEqual({
      kind: "zone",
      envoyCluster: {
        kind: "out",
        service: "shop/checkout",
        destination: { cluster: "eu-west", version: "v1" },
      },
      destination: { cluster: "ap-south", version: "v1" },
      what: "upstream_rq_completed",
    });
  });

  it.each([
    "cluster.peer/eu-west.membership_healthy",
    "cluster.in/shop/checkout/v1.membership_healthy",
    "cluster.out/shop/checkout/eu-west/v1/1.upstream_cx_connect_fail",
    COMPLETED,
    ACTIVE,
    ACTIVE.replace("active", "pending_active"),
  ])("reads %s, which Envoy is told to keep", (name) => {
    expect(readStatistic(name)).toBeDefined();
    expect(name).toMatch(new RegExp(`^(${STATISTICS_WANTED})$`));
  });

  it.each([
    "cluster.weir-agent.upstream_rq_completed",
    "cluster.out/shop/checkout/eu-west/v1.upstream_rq_200",
    "http.gateway.downstream_rq_total",
    "",
  ])("has no use for %j, which Envoy is told to drop", (name) => {
    expect(readStatistic(name)).toBeUndefined();
    expect(name).not.toMatch(new RegExp(`^(${STATISTICS_WANTED})$`));
  });
});

describe("createCounters", () => {
  const growth = (counters: ReturnType<typeof createCounters>, ...values: readonly number[]) =>
    values.map((value) => counters.read([counter(COMPLETED, value)])[0]?.value);

  it("counts what was added since the last message, and all of a restarted proxy", () => {
    const counters = createCounters(() => 0);
    expect(growth(counters, 100, 130, 130, 20)).toEqual([0, 30, 0, 20]);
  });

  it("counts everything of a proxy that started after the agent", () => {
    const counters = createCounters(() => 60_000);
    expect(counters.read([gauge("server.uptime", 3), counter(COMPLETED, 42)])[0]?.value).toBe(42);
  });

  it("counts nothing of what an older proxy did before the agent came", () => {
    const counters = createCounters(() => 1_000);
    expect(counters.read([gauge("server.uptime", 3), counter(COMPLETED, 42)])[0]?.value).toBe(0);
    // A counter that was not there yet begins at zero.
    const other = COMPLETED.replace("checkout", "cart");
    expect(counters.read([counter(other, 5)])[0]?.value).toBe(5);
  });

  it("counts all of a proxy that began with the agent, whose uptime is cut to whole seconds", () => {
    const counters = createCounters(() => 900);
    expect(counters.read([gauge("server.uptime", 1), counter(COMPLETED, 42)])[0]?.value).toBe(42);
  });

  it("says by how much what is under way changed, up or down", () => {
    const counters = createCounters(() => 60_000);
    const levels = [5, 9, 9, 2, 0].map((level) => counters.read([gauge("server.uptime", 3), gauge(ACTIVE, level)]));
    expect(levels.map(([sample]) => sample?.value)).toEqual([5, 4, 0, -7, -2]);
  });

  it("takes what was under way before its own time for the starting line", () => {
    const counters = createCounters(() => 1_000);
    const levels = [5, 6].map((level) => counters.read([gauge("server.uptime", 60), gauge(ACTIVE, level)]));
    expect(levels.map(([sample]) => sample?.value)).toEqual([0, 1]);
  });
});
