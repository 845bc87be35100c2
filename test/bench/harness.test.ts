import { describe, expect, it } from "vitest";
import { interleave } from "./interleave.ts";
import { jsonLine, ratioOf, rowOf } from "./row.ts";
import { median, percentile } from "./statistics.ts";
import { tableOf } from "./table.ts";

describe("rowOf", () => {
  it("says how many times worse than the rival a time is", () => {
    const row = rowOf({ case: "append", unit: "ms", value: 3, rival: 2, atMost: 1.5 });
    expect(row).toEqual({ case: "append", unit: "ms", value: 3, rival: 2, ratio: 1.5, aim: "<= 1.5", holds: true });
  });

  it("turns the ratio round where more is better", () => {
    const row = rowOf({ case: "rate", unit: "appends/s", value: 1_000, rival: 1_500, better: "higher", atMost: 1.3 });
    expect(row).toMatchObject({ ratio: 1.5, holds: false });
  });

  it("misses an aim by a hair as well as by a mile", () => {
    expect(rowOf({ case: "c", unit: "ms", value: 1.5001, rival: 1, atMost: 1.5 }).holds).toBe(false);
  });

  it("shows a number without an aim and judges nothing", () => {
    expect(rowOf({ case: "c", unit: "ms", value: 9, rival: 1 })).toMatchObject({ aim: "none", holds: true, ratio: 9 });
  });

  it("judges the value itself where the aim is one for the value", () => {
    const measure = { case: "success", unit: "%", better: "higher", rival: 50, atLeast: 99.5 } as const;
    expect(rowOf({ ...measure, value: 99.5 })).toMatchObject({ aim: ">= 99.5 %", holds: true });
    expect(rowOf({ ...measure, value: 99.4 }).holds).toBe(false);
  });

  it("calls it even when neither side lost anything", () => {
    expect(ratioOf(0, 0)).toBe(1);
  });

  it("misses every aim when only the rival lost nothing", () => {
    expect(rowOf({ case: "failed", unit: "requests", value: 1, rival: 0, atMost: 1.2 }).holds).toBe(false);
  });
});

describe("jsonLine", () => {
  it("is one line with the bench's name and its rows", () => {
    const line = jsonLine("log", [rowOf({ case: "c", unit: "ms", value: 1.23456, rival: 2, atMost: 1.3 })]);
    expect(line).not.toContain("\n");
    expect(JSON.parse(line)).toEqual({
      bench: "log",
      rows: [{ case: "c", value: 1.235, unit: "ms", rival: 2, ratio: 0.6173, aim: "<= 1.3", holds: true }],
    });
  });
});

describe("median", () => {
  it("is the middle value in whatever order they came", () => {
    expect(median([9, 1, 5])).toBe(5);
  });

  it("is the mean of the two in the middle of an even number", () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  it("is not moved by one outlier", () => {
    expect(median([1, 2, 3, 1_000_000])).toBe(2.5);
  });
});

describe("percentile", () => {
  const hundred = Array.from({ length: 101 }, (_, index) => index);

  it("finds the value below which so many per cent lie", () => {
    expect([percentile(hundred, 0), percentile(hundred, 99), percentile(hundred, 100)]).toEqual([0, 99, 100]);
  });

  it("takes the larger of two neighbours, so that a tail is never made to look better", () => {
    expect(percentile([1, 2], 60)).toBe(2);
  });

  it("refuses to make a number of nothing", () => {
    expect(() => percentile([], 50)).toThrow("something to measure");
  });
});

describe("interleave", () => {
  async function turns(rounds: number, warmUp: number) {
    const order: string[] = [];
    const side = (name: string) => async () => {
      order.push(name);
      return order.length;
    };
    const measured = await interleave({ ours: side("a"), rivals: side("b") }, { rounds, warmUp });
    return { order: order.join(""), measured };
  }

  it("lets another side begin each round", async () => {
    expect((await turns(4, 0)).order).toBe("abbaabba");
  });

  it("throws the rounds of the warm-up away, and keeps the sides apart", async () => {
    expect((await turns(2, 1)).measured).toEqual({ ours: [4, 5], rivals: [3, 6] });
  });
});

describe("tableOf", () => {
  it("says in words which aims are missed", () => {
    const table = tableOf([
      rowOf({ case: "good", unit: "ms", value: 1, rival: 1, atMost: 1.3 }),
      rowOf({ case: "bad", unit: "ms", value: 2, rival: 1, atMost: 1.3 }),
      rowOf({ case: "worst", unit: "requests", value: 2, rival: 0, atMost: 1.2 }),
    ]);
    const [, good, bad, worst] = table.split("\n");
    expect(good).toMatch(/holds$/);
    expect(bad).toMatch(/2\.00\s+<= 1\.3\s+MISSED$/);
    expect(worst).toMatch(/∞\s+<= 1\.2\s+MISSED$/);
  });
});
