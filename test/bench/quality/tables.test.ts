import { describe, expect, it } from "vitest";
import type { Judged, ScenarioResult } from "./compare.ts";
import { pictureOf } from "./picture.ts";
import { qualityRows } from "./quality-rows.ts";
import { headroomPrice, ratioTable, spreadTable } from "./ratio-table.ts";

function judged(objectiveMs: number, successShare = 1): Judged {
  return { objectiveMs, meanMs: objectiveMs, successShare, egressDollarsPerHour: 10 };
}

/** Services with these objectives; the bound is 10 ms, every baseline 20 ms but locality failover. */
function aResult(name: string, objectives: readonly number[], locality = 160): ScenarioResult {
  return {
    name,
    services: objectives.map((objectiveMs, at) => ({
      name: `service-${at}`,
      totalRps: at + 1,
      boundMs: 10,
      unlimitedMs: 8,
      weir: judged(objectiveMs),
      baselines: {
        locality: judged(locality, 0.7),
        envoy: judged(20),
        waterfall: judged(20),
        spray: judged(20),
        loadAware: judged(20),
      },
    })),
  };
}

function verdicts(result: ScenarioResult): readonly (readonly [string, boolean])[] {
  return qualityRows(result).map((row) => [row.case, row.holds] as const);
}

describe("the rows", () => {
  it("judge a scenario by its worst service", () => {
    expect(verdicts(aResult("many", [10, 10.03, 10.01]))).toEqual([
      ["many: objective / certified optimum (worst service)", false],
      ["many: objective / best of the others (worst service)", true],
      ["many: price of the headroom", true],
    ]);
    expect(qualityRows(aResult("many", [10, 10.03, 10.01]))[0]?.ratio).toBeCloseTo(1.003, 9);
  });

  it("miss when any service is more than 1 % worse than the best of the others", () => {
    expect(verdicts(aResult("many", [10, 20.3]))[1]).toEqual([
      "many: objective / best of the others (worst service)",
      false,
    ]);
    expect(verdicts(aResult("one", [20.1]))[1]).toEqual(["one: objective / best of the others", true]);
  });

  it("ask of the hot spot that locality failover is 15.2 times worse", () => {
    const last = (locality: number): unknown => verdicts(aResult("s8-hot-spot", [10], locality)).at(-1)?.[1];
    expect([last(160), last(150)]).toEqual([true, false]);
  });

  it("ask between clouds for a quarter of the egress at most", () => {
    const result = aResult("s11b-cross-cloud", [10]);
    const [service] = result.services;
    if (service === undefined) throw new Error("there is a service");
    const cheap = { ...service, weir: { ...service.weir, egressDollarsPerHour: 2.4 } };
    expect(
      verdicts(result)
        .slice(-2)
        .map(([, holds]) => holds),
    ).toEqual([false, true]);
    expect(
      verdicts({ ...result, services: [cheap] })
        .slice(-2)
        .map(([, holds]) => holds),
    ).toEqual([true, true]);
  });

  it("judge a day as a whole, and show its worst step", () => {
    expect(verdicts(aResult("s6-diurnal", [20.5, 10])).slice(1, 3)).toEqual([
      ["s6-diurnal: objective / best of the others (whole day)", true],
      ["s6-diurnal: objective / best of the others (worst five minutes)", true],
    ]);
  });
});

describe("the tables", () => {
  it("weigh services by their requests and tell what is shed", () => {
    const [headings, line] = ratioTable([aResult("many", [10, 13])]).split("\n");
    expect(headings).toMatch(/^scenario +services +optimum +headroom +Weir +locality failover/);
    expect(line).toMatch(/^many +2 +10\.0 ms +1\.2500 +1\.20000 +16\.000 \(70\.0 %\) +2\.000/);
    expect(headroomPrice(aResult("many", [10]))).toBe(1.25);
  });

  it("spread only what has many services", () => {
    expect(spreadTable([aResult("one", [10])])).toBe("");
    expect(spreadTable([aResult("many", [10, 13])])).toMatch(
      /\nmany +1\.\d{4} \/ 1\.3000 \/ 1\.3000 \/ 1\.3000, 0 +16\.00 .* 16\.00, 2 /,
    );
  });
});

describe("the picture", () => {
  it("places each policy on a logarithmic axis from 1 to 20", () => {
    const picture = pictureOf([aResult("s8-hot-spot", [10])], 0.9);
    expect(picture).toContain(">s8-hot-spot</text>");
    const marks = [...picture.matchAll(/translate\(([\d.]+) 96\)/g)].map(([, x]) => Number(x));
    // Five baselines, locality failover first, and Weir on top at the left end.
    expect(marks).toHaveLength(6);
    expect(marks.at(-1)).toBe(170);
    expect((marks[0] ?? 0) - 170).toBeCloseTo((650 * Math.log(16)) / Math.log(20), 0);
  });
});
