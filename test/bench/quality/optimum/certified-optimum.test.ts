import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomFleet } from "../../../scenarios/random-fleet.ts";
import { aConstant, anInstance, aPool } from "../an-instance.ts";
import { envoyPriority } from "../baselines/envoy-priority.ts";
import { evenSpray } from "../baselines/even-spray.ts";
import { loadAwareLocality } from "../baselines/load-aware-locality.ts";
import { localityFailover } from "../baselines/locality-failover.ts";
import { waterfall } from "../baselines/waterfall.ts";
import { SHED_ABOVE, evaluate } from "../evaluate.ts";
import { instancesOf } from "../instance.ts";
import type { Instance } from "../instance.ts";
import { SCENARIOS, generatedScenarios, scenariosIn } from "../scenarios.ts";
import { certifiedOptimum } from "./certified-optimum.ts";
import { linearProgrammeOf, openLinearSolver } from "./linear-programme.ts";
import type { LinearSolver } from "./linear-programme.ts";

/** Services of each random fleet: enough to meet every kind of limit. */
const SAMPLE = 15;

const everything = [...scenariosIn(SCENARIOS), ...generatedScenarios(SAMPLE)].map(
  ({ name, document }): [string, readonly Instance[]] => [
    name,
    instancesOf(document).filter((_, at) => at % Math.ceil(document.services.length / SAMPLE) === 0),
  ],
);

describe("the certified optimum by hand", () => {
  it("stays at home when away is only farther", () => {
    const optimum = certifiedOptimum(
      anInstance({ demandRps: [30, 60], curves: [aPool(2), aPool(2)], spacingMs: 50 }),
      0.9,
    );
    expect(optimum.division).toEqual([
      [30, 0],
      [0, 60],
    ]);
  });

  it("equalises marginal costs: 10 + x/5 = 20.5 + 10 ms of way and 0.1 x of load", () => {
    // Latency 10 + 0.1 x at home, 21 constant away: marginal cost 10.5 + 0.2 x = 31 gives x = 102.5.
    const curves = [{ kind: "polynomial", baseMs: 10, coefficient: 0.1, exponent: 1 } as const, aConstant(21)];
    const optimum = certifiedOptimum(anInstance({ demandRps: [400, 0], curves }), 0.9);
    expect(optimum.division[0]?.[0]).toBeCloseTo(102.5, 2);
  });

  it("fills up to the limit and no further", () => {
    const instance = anInstance({
      demandRps: [150, 0],
      curves: [aConstant(5, 100), aConstant(5, 100)],
      spacingMs: 200,
    });
    const optimum = certifiedOptimum(instance, 0.8);
    expect(optimum.division[0]).toEqual([expect.closeTo(80, 3), expect.closeTo(70, 3)]);
    expect(optimum.boundMs).toBeCloseTo((80 * 5.5 + 70 * 205) / 150, 3);
  });

  it("raises the limit when the demand does not fit, and says to what", () => {
    const instance = anInstance({ demandRps: [150, 0], curves: [aPool(1), aPool(1)] });
    expect(certifiedOptimum(instance, 0.7).utilisationMax).toBeCloseTo(0.75, 3);
  });

  it("takes the released version's share from the sources that lose least", () => {
    const release = { at: [0], curve: aPool(2), share: 0.1, maxSourceShare: 0.15 };
    const instance = anInstance({ demandRps: [100, 100], curves: [aPool(4), aPool(4)], release });
    const { division } = certifiedOptimum(instance, 0.9);
    // 20 rps: 15 of the source that lives beside it, the other 5 from 10 ms away.
    expect(division.map((row) => row[2])).toEqual([expect.closeTo(15, 3), expect.closeTo(5, 3)]);
  });

  it("heeds residency, isolation and a largest share", () => {
    const parts = { demandRps: [60, 0, 0], curves: [aPool(1), aPool(9), aPool(9)] };
    const shareOf = (policy: NonNullable<Parameters<typeof anInstance>[0]["policy"]>): readonly number[] =>
      certifiedOptimum(anInstance({ ...parts, policy }), 0.9).division[0] ?? [];
    expect(shareOf({ isolation: "strict" })).toEqual([60, 0, 0]);
    expect(shareOf({ deniedClusters: ["a", "b"] as never })).toEqual([0, 0, 60]);
    const half = shareOf({ maxShare: 0.5 });
    expect(Math.max(...half)).toBeLessThanOrEqual(30 + 1e-9);
    expect(half.reduce((sum, rps) => sum + rps, 0)).toBeCloseTo(60, 9);
  });
});

describe("the certified optimum where policies keep sources apart", () => {
  // b alone may use the second backend, and must leave the first to a.
  const apart = { demandRps: [80, 120], curves: [aPool(1), aPool(2)], policy: { deniedClusters: [] } };

  it("finds room by making way", () => {
    const instance = anInstance(apart);
    const bound = {
      ...instance,
      mayUse: [
        [true, false],
        [true, true],
      ],
    };
    const optimum = certifiedOptimum(bound, 0.85);
    expect(optimum.utilisationMax).toBe(0.85);
    expect(optimum.division[0]).toEqual([expect.closeTo(80, 6), 0]);
    expect(optimum.objectiveMs / optimum.boundMs - 1).toBeLessThan(1e-6);
  });

  it("raises the limit to the lowest at which everything fits", () => {
    const bound = {
      ...anInstance(apart),
      mayUse: [
        [true, false],
        [true, true],
      ],
    };
    expect(certifiedOptimum(bound, 0.7).utilisationMax).toBeCloseTo(0.8, 3);
  });

  it("counts what nobody may serve as failed, in optimum and bound", () => {
    const bound = {
      ...anInstance(apart),
      mayUse: [
        [true, false],
        [false, false],
      ],
    };
    const optimum = certifiedOptimum(bound, 0.9);
    const { objectiveMs } = evaluate(bound, optimum.division);
    expect(optimum.objectiveMs).toBeCloseTo(objectiveMs, 6);
    expect(optimum.boundMs).toBeGreaterThan(600);
  });
});

describe.each([0.85, 0.9, SHED_ABOVE])("the certified optimum at a limit of %d", (limit) => {
  it.each(everything)("is certified, within the limit and reached by its division: %s", (_, instances) => {
    for (const instance of instances) {
      const optimum = certifiedOptimum(instance, limit);
      expect(optimum.boundMs).toBeLessThanOrEqual(optimum.objectiveMs);
      expect(optimum.objectiveMs / optimum.boundMs - 1).toBeLessThan(1e-5);
      const score = evaluate(instance, optimum.division);
      expect(score.objectiveMs / optimum.objectiveMs).toBeCloseTo(1, 9);
      expect(score.utilisationMax).toBeLessThanOrEqual(optimum.utilisationMax + 1e-9);
      for (const [source, rps] of instance.demandRps.entries()) {
        expect(optimum.division[source]?.reduce((sum, one) => sum + one, 0)).toBeCloseTo(rps, 6);
      }
    }
  });
});

describe("the search", () => {
  it("is not stopped by a vertex that is nearly empty", () => {
    const [at, limit] = [56, 0.85];
    const document = randomFleet({ seed: 143, services: at + 1, capacities: { kind: "sized", sigma: 0.3 } });
    const instance = instancesOf(document)[at];
    if (instance === undefined) throw new Error("the fleet has that many services");
    const optimum = certifiedOptimum(instance, limit);
    expect(optimum.objectiveMs / optimum.boundMs - 1).toBeLessThan(1e-6);
  });
});

describe("the bound", () => {
  it.each(everything)("is not above what any policy reaches: %s", (_, instances) => {
    for (const instance of instances) {
      const { boundMs } = certifiedOptimum(instance, SHED_ABOVE);
      const divisions = [localityFailover, envoyPriority, waterfall, evenSpray].map((policy) => policy(instance));
      for (const division of [...divisions, ...loadAwareLocality(instance)]) {
        expect(evaluate(instance, division).objectiveMs).toBeGreaterThanOrEqual(boundMs * (1 - 1e-12));
      }
    }
  });

  it("holds for every division within a tighter limit too", () => {
    const instance = anInstance({ demandRps: [140, 20], curves: [aPool(1), aPool(1)] });
    const { boundMs } = certifiedOptimum(instance, 0.85);
    // At most 85 rps each: 75 to 85 of the first source's 140 have to leave.
    const least = Array.from({ length: 21 }, (_, at) => 75 + at / 2).map((away) => {
      const score = evaluate(instance, [
        [140 - away, away],
        [20, 0],
      ]);
      expect(Math.max(...score.loadsRps)).toBeLessThanOrEqual(85);
      return score.objectiveMs;
    });
    expect(Math.min(...least)).toBeGreaterThanOrEqual(boundMs);
  });
});

describe("HiGHS", () => {
  let solver: LinearSolver;
  beforeAll(async () => {
    solver = await openLinearSolver();
  });
  afterAll(() => {
    solver.close();
  });

  it.each(everything)(
    "finds the same optimum, within what its straight pieces are above the curves: %s",
    (_, instances) => {
      for (const instance of instances.slice(0, 5)) {
        const optimum = certifiedOptimum(instance, 0.9);
        const pieces = (segments: number): number =>
          solver.solve(linearProgrammeOf(instance, { utilisationMax: optimum.utilisationMax, segments })).value /
          instance.totalRps;
        expect(pieces(24)).toBeGreaterThanOrEqual(optimum.boundMs * (1 - 1e-9));
        expect(pieces(24) / optimum.objectiveMs - 1).toBeLessThan(4e-3);
        // The error falls with the square of the pieces: what is left is the pieces', not a difference of opinion.
        expect(pieces(240) / optimum.objectiveMs - 1).toBeLessThan(5e-5);
      }
    },
  );
});
