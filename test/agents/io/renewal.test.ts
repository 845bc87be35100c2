import { describe, expect, it, onTestFinished } from "vitest";
import { Alarms } from "../../../agents/io/alarms.ts";
import type { AgentIdentity } from "../../../agents/io/identity.ts";
import { SILENT_LOG } from "../../../agents/io/log.ts";
import { Renewal, renewInMs } from "../../../agents/io/renewal.ts";
import { until } from "./folders.ts";
import { anIdentity, startScriptedPlanner } from "./scripted-planner.ts";

const HOUR_MS = 3_600_000;

describe("renewInMs", () => {
  const life = { notBeforeMs: 0, notAfterMs: 24 * HOUR_MS };

  it("is at two thirds of the certificate's life, spread by a twentieth to both sides", () => {
    const at = (fraction: number, nowMs = 0) => renewInMs(life, { nowMs, fraction }) / HOUR_MS;
    expect(at(0.5)).toBeCloseTo(16);
    expect([at(0), at(1)].map((hours) => hours.toFixed(1))).toEqual(["14.8", "17.2"]);
    expect(at(0.5, 10 * HOUR_MS)).toBeCloseTo(6);
    expect(at(0.5, 20 * HOUR_MS)).toBeLessThan(0);
  });
});

describe("renewal", () => {
  /** A renewal whose clock stands far into the certificate's life. */
  async function renewing(planners: readonly string[], identity: AgentIdentity, nowMs: number) {
    const alarms = new Alarms(() => undefined);
    const renewed: AgentIdentity[] = [];
    const renewal = new Renewal({
      planners: () => planners,
      identity: () => renewed.at(-1) ?? identity,
      renewed: async (next) => void renewed.push(next),
      clock: { nowMs: () => nowMs, monotonicMs: () => 0 },
      alarms,
      log: SILENT_LOG,
      fraction: () => 0.5,
    });
    onTestFinished(() => renewal.close());
    renewal.start();
    return { alarms, renewed };
  }

  it("brings a new key and certificate for the same cluster, from whichever planner answers", async () => {
    const planner = await startScriptedPlanner();
    planner.ttlMs = 24 * HOUR_MS;
    const identity = await anIdentity(planner.authority);
    const { renewed } = await renewing(["127.0.0.1:1", planner.address], identity, identity.notAfterMs - HOUR_MS / 10);
    await until("the renewal", () => renewed.length === 1);
    expect(renewed[0]).toMatchObject({ cluster: "us-east", trustDomain: "weir" });
    expect(renewed[0]?.serial).not.toBe(identity.serial);
    expect(renewed[0]?.keyPem).not.toBe(identity.keyPem);
  });

  it("takes no certificate for another cluster", async () => {
    const planner = await startScriptedPlanner();
    const identity = await anIdentity(planner.authority, "eu-west");
    const { renewed, alarms } = await renewing([planner.address], identity, identity.notAfterMs - HOUR_MS / 10);
    await until("the alarm", () => alarms.list().length === 1);
    expect([renewed, alarms.list()[0]]).toEqual([[], expect.stringContaining("names us-east, not eu-west")]);
  });

  it("warns once little of its life is left and nobody renews it", async () => {
    const planner = await startScriptedPlanner();
    const identity = await anIdentity(planner.authority);
    planner.kill();
    const { alarms } = await renewing([planner.address], identity, identity.notAfterMs - HOUR_MS / 10);
    await until("the alarm", () => alarms.list().length === 1);
    expect(alarms.list()[0]).toMatch(/^CERT_EXPIRY: .* cannot be renewed/);
  });
});
