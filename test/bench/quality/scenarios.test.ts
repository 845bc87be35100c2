import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { percentile } from "../statistics.ts";
import { envoyPriority } from "./baselines/envoy-priority.ts";
import { evenSpray } from "./baselines/even-spray.ts";
import { loadAwareLocality } from "./baselines/load-aware-locality.ts";
import { localityFailover } from "./baselines/locality-failover.ts";
import { waterfall } from "./baselines/waterfall.ts";
import { SHED_ABOVE, evaluate } from "./evaluate.ts";
import { instancesOf } from "./instance.ts";
import type { Division, Instance } from "./instance.ts";
import { certifiedOptimum } from "./optimum/certified-optimum.ts";
import { SCENARIOS, generatedScenarios, scenariosIn } from "./scenarios.ts";

/** How far a ratio may be from what the scenario was made to show. */
const TOLERANCE = 0.03;

/** Without headroom: what a policy costs in terms of the best that is possible at all. */
interface Shown {
  /** Milliseconds of the optimum, network and queue. */
  readonly meanMs: number;
  readonly dollarsPerHour?: number;
  readonly locality: number;
  readonly localitySuccess?: number;
  readonly envoy?: number;
  readonly waterfall: number;
  readonly spray: number;
  readonly loadAware: number;
}

const SHOWN: Readonly<Record<string, Shown>> = {
  "s1-rtt10": { meanMs: 35.4, locality: 1.48, waterfall: 1, spray: 1.06, loadAware: 1.28 },
  "s1-rtt50": { meanMs: 44.3, locality: 1.18, waterfall: 1.04, spray: 1.3, loadAware: 1.24 },
  "s1-rtt100": { meanMs: 50.5, locality: 1.04, waterfall: 1.18, spray: 1.63, loadAware: 1.32 },
  "s2-which-cluster": { meanMs: 45.8, locality: 1.49, waterfall: 1.18, spray: 1.15, loadAware: 1.34 },
  "s3-order": { meanMs: 40.7, locality: 1.09, waterfall: 1, spray: 4.06, loadAware: 2.2 },
  "s3b-contention": {
    meanMs: 40.8,
    locality: 8.14,
    localitySuccess: 0.694,
    waterfall: 1.31,
    spray: 1.98,
    loadAware: 6.47,
  },
  "s4-cascade": { meanMs: 30, locality: 1.01, waterfall: 1.09, spray: 1.71, loadAware: 1.14 },
  "s7-region-down": {
    meanMs: 27.6,
    locality: 4.56,
    localitySuccess: 0.902,
    waterfall: 1.08,
    spray: 2.04,
    loadAware: 1.11,
  },
  "s7b-brown-out": {
    meanMs: 22.6,
    locality: 3.04,
    localitySuccess: 0.957,
    envoy: 1.68,
    waterfall: 1.07,
    spray: 2.49,
    loadAware: 2.7,
  },
  "s7c-small-pools": {
    meanMs: 46.4,
    locality: 6.1,
    localitySuccess: 0.956,
    waterfall: 1.11,
    spray: 1.58,
    loadAware: 1.04,
  },
  "s8-hot-spot": { meanMs: 18.4, locality: 16.2, localitySuccess: 0.713, waterfall: 1.03, spray: 2.54, loadAware: 9.6 },
  "s9-gray-release": {
    meanMs: 21.72,
    dollarsPerHour: 2.08,
    locality: 1.09,
    waterfall: 1.067,
    spray: 2.486,
    loadAware: 1.27,
  },
  "s10-heterogeneous": {
    meanMs: 34.8,
    locality: 11.2,
    localitySuccess: 0.635,
    waterfall: 1.01,
    spray: 1.32,
    loadAware: 6.2,
  },
  "s11-egress": { meanMs: 16.1, dollarsPerHour: 15.3, locality: 1.06, waterfall: 1, spray: 5.65, loadAware: 4.85 },
  "s11b-cross-cloud": {
    meanMs: 23.1,
    dollarsPerHour: 23.3,
    locality: 5.84,
    localitySuccess: 0.884,
    waterfall: 1.11,
    spray: 2.13,
    loadAware: 4.11,
  },
};

function expectNear(value: number, shown: number): void {
  expect(Math.abs(value / shown - 1)).toBeLessThan(TOLERANCE);
}

const fixed = scenariosIn(SCENARIOS).flatMap(({ name, document }) =>
  instancesOf(document).map((instance): [string, Instance] => [name, instance]),
);

describe("a fixed scenario shows what it was made for", () => {
  it("is each in the table", () => {
    expect(fixed.map(([name]) => name).toSorted()).toEqual(Object.keys(SHOWN).toSorted());
  });

  it.each(fixed)("%s", (name, instance) => {
    const shown = SHOWN[name];
    const optimum = certifiedOptimum(instance, SHED_ABOVE);
    const ratio = (division: Division): number => evaluate(instance, division).objectiveMs / optimum.objectiveMs;
    const swings = loadAwareLocality(instance).map(ratio);
    const score = evaluate(instance, optimum.division);
    expectNear(score.meanMs, shown?.meanMs ?? Number.NaN);
    expect(score.egressDollarsPerHour).toBeCloseTo(shown?.dollarsPerHour ?? 0, 1);
    expectNear(ratio(localityFailover(instance)), shown?.locality ?? Number.NaN);
    expectNear(evaluate(instance, localityFailover(instance)).successShare, shown?.localitySuccess ?? 1);
    expectNear(ratio(envoyPriority(instance)), shown?.envoy ?? shown?.locality ?? Number.NaN);
    expectNear(ratio(waterfall(instance)), shown?.waterfall ?? Number.NaN);
    expectNear(ratio(evenSpray(instance)), shown?.spray ?? Number.NaN);
    expectNear(swings.reduce((sum, one) => sum + one, 0) / swings.length, shown?.loadAware ?? Number.NaN);
  });

  it("the price of Waterfall's choice between clouds is $109 an hour", () => {
    const [, instance] = fixed.find(([name]) => name === "s11b-cross-cloud") ?? [];
    if (instance === undefined) throw new Error("s11b is a scenario");
    expect(evaluate(instance, waterfall(instance)).egressDollarsPerHour).toBeCloseTo(109.4, 1);
  });

  it("a release that every source takes alike costs 4.5 % more than one that the near ones take", () => {
    const [, instance] = fixed.find(([name]) => name === "s9-gray-release") ?? [];
    if (instance?.release === undefined) throw new Error("s9 has a release");
    const alike = { ...instance, release: { ...instance.release, maxSourceShare: instance.release.share } };
    const best = certifiedOptimum(instance, SHED_ABOVE);
    expectNear(certifiedOptimum(alike, SHED_ABOVE).objectiveMs / best.objectiveMs, 1.045);
    const users = best.division.map((row) => Math.round(row[5] ?? 0));
    expect(users).toEqual([50, 0, 300, 0, 0]);
  });
});

/** Locality failover and Waterfall in terms of the optimum without headroom: p50 over services, and services that shed. */
const SPREAD: Readonly<
  Record<string, { readonly locality: number; readonly waterfall: number; readonly shedding: number }>
> = {
  "s6-diurnal": { locality: 1.84, waterfall: 1.25, shedding: 228 },
  "s14-random": { locality: 7.43, waterfall: 1.081, shedding: 189 },
  "s14b-sized-0.1": { locality: 1.015, waterfall: 1.015, shedding: 0 },
  "s14b-sized-0.2": { locality: 1.025, waterfall: 1.022, shedding: 22 },
  "s14b-sized-0.3": { locality: 1.108, waterfall: 1.032, shedding: 77 },
  "s14b-sized-0.5": { locality: 2.108, waterfall: 1.058, shedding: 143 },
  "s15-random": { locality: 7.524, waterfall: 1.077, shedding: 193 },
};

describe("a generated scenario shows what it was made for", () => {
  it.each(generatedScenarios(200).map(({ name, document }) => [name, instancesOf(document)] as const))(
    "%s",
    { timeout: 60_000 },
    (name, instances) => {
      const results = instances.map((instance) => {
        const { objectiveMs } = certifiedOptimum(instance, SHED_ABOVE);
        const local = evaluate(instance, localityFailover(instance));
        return {
          locality: local.objectiveMs / objectiveMs,
          waterfall: evaluate(instance, waterfall(instance)).objectiveMs / objectiveMs,
          isShedding: local.successShare < 0.9995,
        };
      });
      const half = (of: (result: (typeof results)[number]) => number): number => percentile(results.map(of), 50);
      expectNear(
        half(({ locality }) => locality),
        SPREAD[name]?.locality ?? Number.NaN,
      );
      expectNear(
        half((result) => result.waterfall),
        SPREAD[name]?.waterfall ?? Number.NaN,
      );
      expect(results.filter(({ isShedding }) => isShedding)).toHaveLength(SPREAD[name]?.shedding ?? Number.NaN);
    },
  );

  it("is the same from the same seed, and another from another", () => {
    const again = generatedScenarios(5);
    expect(generatedScenarios(5)).toEqual(again);
    expect(again[1]?.document.services[0]?.demandRps).not.toEqual(again[6]?.document.services[0]?.demandRps);
  });
});

describe("a folder of fleets", () => {
  it("is refused with the file and the line of everything that is wrong in it", () => {
    const folder = mkdtempSync(join(tmpdir(), "weir-scenarios-"));
    try {
      writeFileSync(join(folder, "notes.txt"), "not a fleet");
      expect(() => scenariosIn(folder)).toThrow(/holds no \.yaml/);
      expect(() => scenariosIn(join(folder, "missing"))).toThrow(/cannot be read as a folder/);
      writeFileSync(
        join(folder, "wrong.yaml"),
        "apiVersion: weir.dev/v1\nkind: Fleet\nclusters: []\nservices: [{ name: 7 }]\n",
      );
      writeFileSync(join(folder, "worse.yaml"), "apiVersion: weir.dev/v1\nkind: Fleets\n");
      expect(() => scenariosIn(folder)).toThrow(/kind: .*worse\.yaml line 2[^]*name: .*wrong\.yaml line 4/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
