import { describe, expect, it } from "vitest";
import { capacities, demands, shifts } from "../../src/cli/preview/supposing.ts";

describe("what weir preview supposes", () => {
  it.each([
    ["1.5", { service: "", source: "", factor: 1.5 }],
    ["150%", { service: "", source: "", factor: 1.5 }],
    ["shop/checkout=x2", { service: "shop/checkout", source: "", factor: 2 }],
    ["shop/checkout@us-east=0", { service: "shop/checkout", source: "us-east", factor: 0 }],
    ["@us-east=2", { service: "", source: "us-east", factor: 2 }],
  ])("reads demand %s", (text, change) => {
    expect(demands(text)).toEqual([change]);
  });

  it.each([
    ["shop/checkout=0.5", ["shop/checkout", "", ""], { case: "factor", value: 0.5 }],
    ["@us-east=50%", ["", "us-east", ""], { case: "factor", value: 0.5 }],
    ["shop/checkout@us-east/v1=400rps", ["shop/checkout", "us-east", "v1"], { case: "capacityRps", value: 400 }],
    ["shop/checkout@us-east=400/s", ["shop/checkout", "us-east", ""], { case: "capacityRps", value: 400 }],
  ])("reads capacity %s", (text, [service, cluster, version], change) => {
    expect(capacities(text)).toEqual([{ service, cluster, version, change }]);
  });

  it("reads shifts, and several of anything", () => {
    const [one, other] = shifts("shop/a@x+y:x/v1=100%", shifts("shop/b@x:x/v1=50%,y/v2=5000bp"));
    expect(one).toMatchObject({ service: "shop/b", sources: ["x"] });
    expect(one?.target?.target).toMatchObject({
      value: {
        weights: [
          { destination: { cluster: "x", version: "v1" }, weight: 5_000 },
          { destination: { cluster: "y", version: "v2" }, weight: 5_000 },
        ],
      },
    });
    expect(other).toMatchObject({ service: "shop/a", sources: ["x", "y"] });
    expect(demands("2", demands("shop/a=3"))).toHaveLength(2);
  });

  it.each([
    [() => demands("much")],
    [() => demands("shop/a=-1")],
    [() => capacities("0.5")],
    [() => capacities("shop/a=lots")],
    [() => shifts("shop/a:x/v1=50%")],
    [() => shifts("shop/a@x:x=50%")],
  ])("says how it is written where it is not", (read) => {
    expect(read).toThrow(/write it as/);
  });
});
