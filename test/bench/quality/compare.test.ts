import { describe, expect, it } from "vitest";
import { aPool, aSmallFleet, anInstance } from "./an-instance.ts";
import { bestBaseline, compareScenario } from "./compare.ts";
import { evaluate } from "./evaluate.ts";
import { SCENARIOS, generatedScenarios, scenariosIn } from "./scenarios.ts";
import { weirDivision, weirServices } from "./weir.ts";

describe("the planner's answer", () => {
  it("becomes requests per second, by cluster and version", () => {
    const parts = {
      demandRps: [200, 100, 0],
      curves: [aPool(1), aPool(4), aPool(1)],
      release: { at: [1], curve: aPool(2), share: 0.1, maxSourceShare: 0.5 },
    };
    const instance = anInstance(parts);
    const [service] = weirServices(aSmallFleet(parts));
    if (service === undefined) throw new Error("the fleet has a service");
    const division = weirDivision(instance, service);
    const { loadsRps, successShare } = evaluate(instance, division);
    // Every request has its place, a tenth of them the new version, and nobody is above the limit.
    expect(successShare).toBeCloseTo(1, 9);
    expect(loadsRps[3]).toBeCloseTo(30, 1);
    expect(loadsRps[0]).toBeLessThanOrEqual(90.001);
    expect(division[2]).toEqual([0, 0, 0, 0]);
  });
});

describe.each(
  [...scenariosIn(SCENARIOS), ...generatedScenarios(10)].map((scenario) => [scenario.name, scenario] as const),
)("the planner on %s", (_, { name, document }) => {
  const services = document.services.filter((__, at) => at % Math.ceil(document.services.length / 12) === 0);
  const { services: results } = compareScenario({ name, document: { ...document, services } });

  it("reaches the certified optimum with whole weights", () => {
    expect(Math.max(...results.map(({ weir, boundMs }) => weir.objectiveMs / boundMs))).toBeLessThanOrEqual(1.002);
  });

  it("is below its bound for rounding alone", () => {
    // Whole weights may lift a destination over its limit by a ten-thousandth of a source.
    expect(Math.min(...results.map(({ weir, boundMs }) => weir.objectiveMs / boundMs))).toBeGreaterThan(1 - 1e-4);
  });

  it("is never more than a headroom's price worse than the best of the others", () => {
    const worst = Math.max(
      ...results.map(
        (result) => result.weir.objectiveMs / bestBaseline(result) / (result.boundMs / result.unlimitedMs),
      ),
    );
    expect(worst).toBeLessThanOrEqual(1.002);
  });
});
